"""Do looks: ask a source for counts, through the cache."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar
from weakref import WeakValueDictionary

from concept_orderings.canonical import Json
from concept_orderings.progress import Phase
from concept_orderings.queries import Query
from concept_orderings.readings import is_unread
from store.count_cache import CountCache
from store.looks import CountShown, Look, LookAnswer
from store.objects import Objects
from store.waiting import cancel_and_wait
from worker.evidence.counts import open_source
from worker.evidence.counts.figures import errors_counted
from worker.evidence.counts.through_cache import count_through_cache
from worker.monitor import Monitor
from worker.runner import Work
from worker.settings import WorkerSettings
from worker.watched import watched

LOOKS_AT_ONCE = 2
"""How many looks at one source a worker does at once; looks at other sources do not wait for them."""

_STOPPING_SECONDS = 0.5


class LookAtCounts(Work):
    """Answers looks; counts that were made before come from the cache."""

    noun: ClassVar[str] = "look at counts"
    after_crashes: ClassVar[str] = "ask for fewer names at once"
    tries_again: ClassVar[bool] = False

    def __init__(
        self, settings: WorkerSettings, *, cache: CountCache, objects: Objects, stopping: threading.Event
    ) -> None:
        self._settings = settings
        self._cache = cache
        self._objects = objects
        self._stopping = stopping
        # By source; an entry lives while a look at the source is done or waits.
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def turn(self, about: Mapping[str, Json]) -> AbstractAsyncContextManager[None]:
        """See `Work.turn`: wait until fewer than `LOOKS_AT_ONCE` other looks at the source are being done."""
        return self._turn(str(about["source"]))

    @asynccontextmanager
    async def _turn(self, source: str) -> AsyncIterator[None]:
        # Only the looks that use the semaphore refer to it, so it is deleted with the last of them.
        turns = self._turns.get(source) or asyncio.Semaphore(LOOKS_AT_ONCE)
        self._turns[source] = turns
        taking = asyncio.create_task(turns.acquire())
        try:
            while not taking.done():
                await asyncio.wait([taking], timeout=_STOPPING_SECONDS)
                if self._stopping.is_set():
                    raise asyncio.CancelledError
            yield
        finally:
            await cancel_and_wait(taking)
            if not taking.cancelled():
                turns.release()

    async def do(self, request: bytes, monitor: Monitor) -> bytes:
        """See `Work.do`."""
        look = await asyncio.to_thread(Look.of_canonical, request)
        answer = await self._answer(look, monitor)
        return await asyncio.to_thread(answer.to_bytes)

    async def _answer(self, look: Look, monitor: Monitor) -> LookAnswer:
        total = len(look.queries)
        await monitor.enter(Phase.WAITING, total)
        opening = open_source(look.source, self._settings, self._objects)
        source = await watched(opening, monitor.report.check)
        try:
            sent = {query: Query.of(filter(None, map(source.form, query.spellings))) for query in look.queries}
            distinct = list(dict.fromkeys(sent.values()))
            with errors_counted(source, look.source):
                found = await count_through_cache(
                    source, distinct, self._cache, counted_since=look.counted_since, report=monitor.report
                )
                absent = {query: count for query, count in found.counts.items() if count.value == 0}
                readings = await watched(source.readings(absent), monitor.report.check)
        finally:
            await source.aclose()
        counts = [
            CountShown(
                query=each,
                value=found.counts[each].value,
                approximate=found.counts[each].approximate,
                counted_at=found.times[each],
                asked=not is_unread(each, readings),
            )
            for each in sent.values()
        ]
        return LookAnswer(found.facts, counts)
