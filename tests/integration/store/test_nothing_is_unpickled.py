"""A worker of Docket finds a pickle in each place that it reads: it loads none, drops the message, and goes on."""

import base64
import json
import os
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from docket import ExponentialRetry, Worker
from docket.execution import Disposition

from store.docket_codec import RefusedValue, TaskFailed
from store.queue import make_docket
from support.deployment import TEST_PATH
from support.plants import LOADED, bomb, plants
from support.processes import ROOT, Valkey

QUEUE = "test-queue"
PLACES = [name for name, _ in plants(pickle.dumps)]

Fates = dict[str, dict[str, Any]]


def run_with_plants(valkey: Valkey, directory: Path, how: str) -> Fates:
    """Return what `support.plants_and_docket` prints; it runs as a process, since `install` cannot be undone."""
    command = [sys.executable, "-P", "tests/support/plants_and_docket.py", valkey.url, str(directory), how]
    environment = {**os.environ, "PYTHONPATH": TEST_PATH}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=280)
    assert run.returncode == 0, run.stderr
    fates: Fates = json.loads(run.stdout)
    assert list(fates) == PLACES
    return fates


def loaded(directory: Path) -> list[Path]:
    """Return the files of the pickles that were loaded."""
    return sorted(directory.iterdir())


@pytest.fixture(scope="module")
def fates(session_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Fates:
    with session_valkey.client() as client:
        client.flushall()
    return run_with_plants(session_valkey, tmp_path_factory.mktemp("json"), "json")


@pytest.mark.parametrize("place", PLACES)
def test_a_pickle_is_not_loaded_and_does_not_stop_the_worker(fates: Fates, place: str) -> None:
    fate = fates[place]

    assert not fate["loaded"]
    assert fate["error"] == ""
    assert fate["left"] == 0
    assert fate["done"][-1] == "good:1"
    assert place not in LOADED or fate["done"] == ["good:1"]


def test_docket_without_our_codec_loads_some_of_them(valkey: Valkey, tmp_path: Path) -> None:
    """Shows that the tests above can fail."""
    fates = run_with_plants(valkey, tmp_path, "plain")

    assert {place for place, fate in fates.items() if fate["loaded"]} == LOADED


# ---- places that only unused functions of Docket read


@pytest.mark.anyio
async def test_a_result_that_is_a_pickle_is_refused(valkey: Valkey, tmp_path: Path) -> None:
    async def work() -> tuple[str, int]:
        return "done", 1

    async def fail() -> None:
        raise RuntimeError("a password")

    file = tmp_path / "loaded"
    planted = {"data": base64.b64encode(bomb(file)).decode()}
    async with make_docket(valkey.url, QUEUE) as docket, Worker(docket) as worker:
        good, bad = await docket.add(work)(), await docket.add(fail)()
        await worker.run_until_finished()
        for execution in (good, bad):
            await execution.sync()
        # Without the pickles, both come back.
        assert await good.get_result() == ("done", 1)
        with pytest.raises(TaskFailed, match="RuntimeError"):
            await bad.get_result()
        for execution in (good, bad):
            assert execution.result_key is not None
            assert "password" not in str(await docket.result_storage.get(execution.result_key))
            await docket.result_storage.put(execution.result_key, planted)
            with pytest.raises(RefusedValue, match="is not the queue's JSON"):
                await execution.get_result()
    assert not file.exists()


@pytest.mark.anyio
async def test_the_arguments_in_a_task_s_record_are_not_read(valkey: Valkey, tmp_path: Path) -> None:
    async def work(job: str, run: int) -> None:
        raise NotImplementedError

    file = tmp_path / "loaded"
    async with make_docket(valkey.url, QUEUE) as docket:
        await docket.add(work, key="a:1")("a", 1)
        with valkey.client() as client:
            client.hset(f"{QUEUE}:runs:a:1", mapping={"args": bomb(file), "kwargs": bomb(file)})
        with pytest.raises(NotImplementedError, match="would unpickle"):
            await docket.get_execution("a:1")
    assert not file.exists()


@pytest.mark.anyio
async def test_a_snapshot_loads_nothing(valkey: Valkey, tmp_path: Path) -> None:
    async def work(job: str, run: int) -> None:
        raise NotImplementedError

    async with make_docket(valkey.url, QUEUE) as docket:
        docket.register(work)
        with valkey.client() as client:
            client.xgroup_create(f"{QUEUE}:stream", docket.worker_group_name, id="0-0", mkstream=True)
            for number, (place, plant) in enumerate(plants(pickle.dumps)):
                if "strike" not in place:
                    plant(client, QUEUE, "work", f"{number}:1", bomb(tmp_path / str(number)))
        shown = await docket.snapshot()
        assert len(shown.future) > 20
        assert all(execution.args == () for execution in shown.future)
    assert loaded(tmp_path) == []


# ---- the queue still works


@pytest.mark.anyio
async def test_tasks_are_retried_delayed_struck_and_kept_with_their_arguments(valkey: Valkey) -> None:
    done: list[tuple[str, int, int]] = []

    async def work(
        job: str,
        run: int,
        retry: ExponentialRetry = ExponentialRetry(  # noqa: B008  # how Docket declares retries
            attempts=3, minimum_delay=timedelta(milliseconds=1), maximum_delay=timedelta(milliseconds=1)
        ),
    ) -> None:
        done.append((job, run, retry.attempt))
        if job == "again" and retry.attempt < 3:
            raise RuntimeError("not yet")

    quick = timedelta(milliseconds=10)
    async with (
        make_docket(valkey.url, QUEUE) as docket,
        Worker(docket, minimum_check_interval=quick, scheduling_resolution=quick) as worker,
    ):
        await docket.strike("work", "run", "between", (10, 20))
        await docket.strike("work", "job", "==", "struck")
        struck = [await docket.add(work)("struck", 1), await docket.add(work)("any", 15)]
        await docket.add(work)("again", 2**40)
        await docket.add(work, when=datetime.now(UTC) + timedelta(milliseconds=50))("later", 3)
        await docket.restore("work", "job", "==", "struck")
        await docket.add(work)("struck", 4)
        with pytest.raises(RefusedValue):
            await docket.add(work)(b"bytes", 1)  # type: ignore[arg-type]
        await worker.run_until_finished()

    assert [each.disposition for each in struck] == [Disposition.STRUCK] * 2
    assert sorted(done) == [
        *(("again", 2**40, attempt) for attempt in (1, 2, 3)),
        ("later", 3, 1),
        ("struck", 4, 1),
    ]
