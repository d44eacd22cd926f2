"""Looks in one worker: a source that hangs, and looks that no client wants any more, delay no other looks."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from store.count_cache import CountCache
from store.looks import Look
from store.objects import LocalObjects
from store.queue import open_redis
from store.runs import LOOK, Runs, State
from support.keys import KEYS
from support.letter_source import LetterSource, queries
from support.passing_time import pass_time
from support.processes import Valkey
from worker.look_at_counts import LOOKS_AT_ONCE, LookAtCounts
from worker.runner import Runner
from worker.settings import WorkerSettings

pytestmark = pytest.mark.anyio


class Place:
    """A runner of looks, a source ``hung`` that waits until the test sets `go_on`, and others that answer."""

    def __init__(self, redis: Redis, directory: Path) -> None:
        self.stopping = threading.Event()
        self.redis = redis
        self.looks = Runs(redis, KEYS, LOOK)
        work = LookAtCounts(
            WorkerSettings(),
            cache=CountCache(redis, KEYS),
            objects=LocalObjects(directory),
            stopping=self.stopping,
        )
        self.runner = Runner(self.looks, work, self.stopping)
        self.go_on = asyncio.Event()
        self.opened: list[str] = []

    async def open(self, name: str, *_: object) -> LetterSource:
        self.opened.append(name)
        source = LetterSource(batch=1, fingerprint=name)
        source.held = self.go_on if name == "hung" else None
        return source

    async def ask(self, source: str, name: str) -> tuple[Look, "asyncio.Task[None]"]:
        look = Look(source, tuple(queries(name, f"{name}, too")), "")
        run = await self.looks.submit(look.submission(), most_active=99)
        assert run is not None
        return look, asyncio.create_task(self.runner.deliver(look.id, run))

    async def state(self, look: Look) -> State | None:
        found = await self.looks.get(look.id)
        return found.state if found else None

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110  # nothing signals the condition
                await asyncio.sleep(0.01)


@pytest.fixture
async def place(valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    async with open_redis(valkey.url) as redis:
        place = Place(redis, tmp_path)
        monkeypatch.setattr("worker.look_at_counts.open_source", place.open)
        yield place


async def test_a_source_that_hangs_does_not_delay_looks_at_another(place: Place) -> None:
    hung = [await place.ask("hung", f"name {number}") for number in range(LOOKS_AT_ONCE + 3)]
    await place.until(lambda: len(place.opened) == LOOKS_AT_ONCE)
    well, looking = await place.ask("well", "name")
    await asyncio.wait_for(looking, 30)
    assert await place.state(well) is State.SUCCEEDED
    states = [await place.state(look) for look, _ in hung]
    assert sorted(each.value for each in states if each) == [*["queued"] * 3, *["running"] * LOOKS_AT_ONCE]
    place.go_on.set()
    await asyncio.gather(*(task for _, task in hung))
    assert {await place.state(look) for look, _ in hung} == {State.SUCCEEDED}


async def test_looks_that_no_client_submits_again_end(place: Place) -> None:
    hung = [await place.ask("hung", f"name {number}") for number in range(LOOKS_AT_ONCE + 1)]
    await place.until(lambda: len(place.opened) == LOOKS_AT_ONCE)
    await pass_time(place.redis, LOOK, LOOK.policy.unasked_seconds + 10)
    # The running looks end, and the waiting one is not started.
    async with asyncio.timeout(30):
        await asyncio.gather(*(task for _, task in hung))
    assert [await place.state(look) for look, _ in hung] == [None] * len(hung)
    assert len(place.opened) == LOOKS_AT_ONCE
    look, looking = await place.ask("hung", "name")
    place.go_on.set()
    await asyncio.wait_for(looking, 30)
    assert await place.state(look) is State.SUCCEEDED


async def test_a_stopping_worker_gives_running_and_waiting_looks_back(place: Place) -> None:
    hung = [await place.ask("hung", f"name {number}") for number in range(LOOKS_AT_ONCE + 1)]
    await place.until(lambda: len(place.opened) == LOOKS_AT_ONCE)
    place.stopping.set()
    async with asyncio.timeout(30):
        ended = await asyncio.gather(*(task for _, task in hung), return_exceptions=True)
    assert [type(each) for each in ended] == [asyncio.CancelledError] * len(hung)
    assert {await place.state(look) for look, _ in hung} == {State.QUEUED}
