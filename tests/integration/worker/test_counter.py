"""Questions to sources in one worker: one source that hangs, and what nobody waits for, keep nobody from the others."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from store.counting import UNASKED_SECONDS, Countings, Question
from store.counts import CountsCache
from store.jobs import State
from store.objects import LocalObjects
from store.queue import open_redis
from support.counting_source import CountingSource, queries
from support.keys import KEYS
from support.processes import Valkey
from worker.count_names import QUESTIONS_AT_ONCE, Counter
from worker.settings import WorkerSettings

pytestmark = pytest.mark.anyio


class Place:
    """A worker's counter, a source that hangs until it is let go on, and one that is well."""

    def __init__(self, countings: Countings, counter: Counter, stopping: threading.Event) -> None:
        self.countings = countings
        self.counter = counter
        self.stopping = stopping
        self.go_on = asyncio.Event()
        self.opened: list[str] = []

    async def open(self, name: str, *_: object) -> CountingSource:
        self.opened.append(name)
        source = CountingSource(batch=1, fingerprint=name)
        source.held = self.go_on if name == "hung" else None
        return source

    async def ask(self, source: str, name: str) -> tuple[Question, "asyncio.Task[None]"]:
        question = Question(source, tuple(queries(name, f"{name}, too")), "")
        run = await self.countings.submit(question, most_active=99)
        return question, asyncio.create_task(self.counter.count_names(question.id, run))

    async def state(self, question: Question) -> State | None:
        found = await self.countings.get(question.id)
        return found.state if found else None

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110  # what it waits for is not the test's to announce
                await asyncio.sleep(0.01)


@pytest.fixture
async def place(valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    async with open_redis(valkey.url) as redis:
        countings, stopping = Countings(redis), threading.Event()
        counter = Counter(
            WorkerSettings(),
            countings=countings,
            cache=CountsCache(redis, KEYS),
            objects=LocalObjects(tmp_path),
            stopping=stopping,
        )
        place = Place(countings, counter, stopping)
        monkeypatch.setattr("worker.count_names.open_source", place.open)
        yield place


async def test_a_source_that_hangs_keeps_nobody_from_another(place: Place) -> None:
    hung = [await place.ask("hung", f"name {number}") for number in range(QUESTIONS_AT_ONCE + 3)]
    await place.until(lambda: len(place.opened) == QUESTIONS_AT_ONCE)
    well, counting = await place.ask("well", "name")
    await asyncio.wait_for(counting, 30)
    assert await place.state(well) is State.SUCCEEDED
    states = [await place.state(question) for question, _ in hung]
    assert sorted(each.value for each in states if each) == [*["queued"] * 3, *["running"] * QUESTIONS_AT_ONCE]
    place.go_on.set()
    await asyncio.gather(*(task for _, task in hung))
    assert {await place.state(question) for question, _ in hung} == {State.SUCCEEDED}


async def test_what_nobody_asks_any_more_makes_room(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    hung = [await place.ask("hung", f"name {number}") for number in range(QUESTIONS_AT_ONCE + 1)]
    await place.until(lambda: len(place.opened) == QUESTIONS_AT_ONCE)
    real = time.time
    monkeypatch.setattr("store.counting.time", SimpleNamespace(time=lambda: real() + UNASKED_SECONDS + 10))
    # Those that were begun end, and the one that waited for a turn is not begun.
    async with asyncio.timeout(30):
        await asyncio.gather(*(task for _, task in hung))
    assert [await place.state(question) for question, _ in hung] == [None] * len(hung)
    assert len(place.opened) == QUESTIONS_AT_ONCE
    question, counting = await place.ask("hung", "name")
    place.go_on.set()
    await asyncio.wait_for(counting, 30)
    assert await place.state(question) is State.SUCCEEDED


async def test_a_worker_that_stops_gives_back_what_it_asks_and_what_waits(place: Place) -> None:
    hung = [await place.ask("hung", f"name {number}") for number in range(QUESTIONS_AT_ONCE + 1)]
    await place.until(lambda: len(place.opened) == QUESTIONS_AT_ONCE)
    place.stopping.set()
    async with asyncio.timeout(30):
        ended = await asyncio.gather(*(task for _, task in hung), return_exceptions=True)
    assert [type(each) for each in ended] == [asyncio.CancelledError] * len(hung)
    assert {await place.state(question) for question, _ in hung} == {State.QUEUED}
