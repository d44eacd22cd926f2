"""Large bodies are worked on by a process of its own, which lacks memory, fails and dies without harm."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from fastapi.responses import JSONResponse, Response
from redis.exceptions import RedisError

from app import large_bodies
from app.bodies import LARGE_BYTES, Body, NoRoom, NotJson, TooHeavy
from app.errors import ApiError
from app.large_bodies import LargeBodies
from app.large_messages import error_as_json, read_error, read_response
from app.service import Service
from app.settings import AppSettings
from concept_orderings.errors import BadCountsFile, BadValue, ConceptOrderingsError, Fault, InvalidInput, StoreError
from concept_orderings.faults import Faults
from store.memory import Memory
from store.request_id import REQUEST_ID
from store.runs import QueueFull
from support.waiting import until

LARGE = b'{"name": 1}'.ljust(LARGE_BYTES + 1)


# --- What the process is let do


async def say(service: Service, body: Body, more: int) -> Response:
    return JSONResponse([len(body.read()) + more, os.getpid(), str(service.settings.data_dir), REQUEST_ID.get()], 201)


async def take(service: Service, body: Body, size: int) -> Response:
    return JSONResponse(len(bytearray(size)))


async def refuse(service: Service, body: Body) -> Response:
    faults = Faults()
    faults.add(BadValue("wrong_type", "The first fault.", ["/a"]))
    faults.add(BadValue("wrong_type", "The second fault.", ["/b"]))
    faults.refuse()
    raise AssertionError


async def fail(service: Service, body: Body) -> Response:
    raise KeyError("no such name")


async def die(service: Service, body: Body, number: int) -> Response:
    os.kill(os.getpid(), number)
    raise AssertionError


async def overlap(service: Service, body: Body, seconds: float) -> Response:
    begun = time.monotonic()
    await asyncio.sleep(seconds)
    return JSONResponse([begun, time.monotonic()])


def content(written: Mapping[str, Any]) -> Any:
    return json.loads(bytes(read_response(written).body))


@pytest.fixture
async def large(tmp_path: Path) -> AsyncIterator[LargeBodies]:
    settings = AppSettings(data_dir=tmp_path, redis_url="unix:///nowhere/valkey.sock", parsing_mb=200)
    found = LargeBodies(settings, tmp_path / "api" / "lock")
    yield found
    found.close()


@pytest.fixture
def body() -> Body:
    found = Body()
    found.add(LARGE)
    return found


@pytest.mark.anyio
async def test_another_process_has_the_body_the_settings_and_the_arguments(
    large: LargeBodies, body: Body, tmp_path: Path
) -> None:
    REQUEST_ID.set("an-id")
    answer = read_response(await large.run(say, body, 5))
    size, process, data, request = json.loads(bytes(answer.body))

    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")
    assert (size, data, request) == (LARGE_BYTES + 6, str(tmp_path), "an-id")
    assert process != os.getpid()


@pytest.mark.anyio
async def test_all_faults_of_a_body_come_back(large: LargeBodies, body: Body) -> None:
    with pytest.raises(InvalidInput) as caught:
        await large.run(refuse, body)

    assert [each.detail for each in caught.value.faults] == ["The first fault.", "The second fault."]


@pytest.mark.anyio
async def test_a_fault_of_the_program_is_one_here_too(
    large: LargeBodies, body: Body, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError, match="ended with 1"):
        await large.run(fail, body)

    assert "KeyError: 'no such name'" in capfd.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        QueueFull(3),
        NotJson("it is no JSON"),
        RedisError("away"),
        NoRoom("none"),
        ApiError(HTTPStatus.CONFLICT, "source_exists", "It exists.", headers={"A": "b"}),
    ],
)
def test_errors_have_the_same_answer_after_they_were_passed_on(error: Exception) -> None:
    passed = read_error(json.loads(json.dumps(error_as_json(error))))

    assert isinstance(error, type(passed))
    assert str(passed) == str(error)
    assert {name: value for name, value in vars(passed).items() if name != "pointers"} == {
        name: value for name, value in vars(error).items() if name != "pointers"
    }
    assert tuple(getattr(passed, "pointers", ())) == tuple(getattr(error, "pointers", ()))


def faulty(base: type[ConceptOrderingsError]) -> ConceptOrderingsError:
    error = base("a_code", "A detail.", [f"/{i}" for i in range(200)])
    error.others = (Fault("another", "Another detail.", ("/a",)),)
    return error


@pytest.mark.parametrize("base", [InvalidInput, BadValue, BadCountsFile, StoreError])
def test_errors_with_faults_keep_all_of_them(base: type[ConceptOrderingsError]) -> None:
    error = faulty(base)
    passed = read_error(json.loads(json.dumps(error_as_json(error))))

    assert isinstance(passed, ConceptOrderingsError)
    assert isinstance(passed, StoreError) == isinstance(error, StoreError)
    assert (passed.faults, passed.left_out) == (error.faults, {"a_code": 100})


@pytest.mark.anyio
async def test_its_memory_is_limited(large: LargeBodies, body: Body) -> None:
    with pytest.raises(TooHeavy, match="more than 200 MB"):
        await large.run(take, body, 250_000_000)
    assert content(await large.run(take, body, 150_000_000)) == 150_000_000


@pytest.mark.anyio
async def test_less_memory_that_is_free_is_a_matter_of_time(
    large: LargeBodies, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_bodies, "memory", lambda: Memory(900_000_000, 200_000_000))
    with pytest.raises(NoRoom, match="136 MB"):
        await large.run(take, body, 150_000_000)
    monkeypatch.setattr(large_bodies, "memory", lambda: Memory(900_000_000, 100_000_000))
    with pytest.raises(NoRoom, match="too little"):
        await large.run(take, body, 1)


@pytest.mark.anyio
@pytest.mark.parametrize(("number", "error"), [(signal.SIGKILL, NoRoom), (signal.SIGABRT, TooHeavy)])
async def test_a_process_that_is_ended_lacked_memory(
    large: LargeBodies, body: Body, number: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await large.run(die, body, int(number))


@pytest.mark.anyio
async def test_one_runs_at_a_time_also_of_several_services(large: LargeBodies, body: Body, tmp_path: Path) -> None:
    other = LargeBodies(large._settings, tmp_path / "api" / "lock")
    runs = await asyncio.gather(large.run(overlap, body, 0.2), other.run(overlap, body, 0.2))
    other.close()
    (_, first_end), (second_begin, _) = sorted(map(content, runs))

    assert first_end <= second_begin


@pytest.mark.anyio
async def test_it_works_where_no_lock_can_be_made(large: LargeBodies, body: Body, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    other = LargeBodies(large._settings, tmp_path / "file" / "lock")

    assert content(await other.run(say, body, 0))[0] == LARGE_BYTES + 1
    other.close()


@pytest.mark.anyio
async def test_closing_kills_the_process(large: LargeBodies, body: Body) -> None:
    running: Any = asyncio.create_task(large.run(overlap, body, 600.0))
    await asyncio.to_thread(until, lambda: large._process is not None, "the process runs")
    large.close()

    with pytest.raises(NoRoom):
        await asyncio.wait_for(running, 30)
