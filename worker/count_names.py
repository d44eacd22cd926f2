"""The other job: count what somebody wants to know, through the cache, and leave the answer in Redis."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from weakref import WeakValueDictionary

from redis.exceptions import RedisError

from concept_orderings.errors import Cancelled, ConceptOrderingsError, JobCrashed
from concept_orderings.progress import Report
from concept_orderings.queries import Query
from store.counting import Answer, Countings, CountOf, Question
from store.counts import CountsCache
from store.jobs import ATTEMPTS
from store.objects import Objects
from store.waiting import cancel_and_wait, wait_for_event, wait_until_done
from worker.evidence.counts import open_source
from worker.evidence.counts.cached import count_cached
from worker.settings import WorkerSettings
from worker.watched import watched

QUESTIONS_AT_ONCE = 2
"""How many questions a worker puts to one source at once: one that hangs keeps nobody from asking another."""

_WRITE_SECONDS = 0.5

_log = logging.getLogger(__name__)


class _Unwanted(Cancelled):
    """Nobody waits for the answer any more."""


class Counter:
    """Answers questions; delivery is at least once, and what was counted before is in the cache then."""

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        countings: Countings,
        cache: CountsCache,
        objects: Objects,
        stopping: threading.Event,
    ) -> None:
        self._settings = settings
        self._countings = countings
        self._cache = cache
        self._objects = objects
        self._stopping = stopping
        # By source, for as long as somebody has a turn, or waits for one.
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def count_names(self, identifier: str, run: int) -> None:
        """Do one delivery of a run, and record how it ended.

        Raises
        ------
        asyncio.CancelledError
            If the worker is stopping: the queue delivers the run again.
        """
        source = await self._countings.source(identifier)
        if source is not None:  # else it was forgotten
            async with self._turn(source):
                await self._count_names(identifier, run)

    @asynccontextmanager
    async def _turn(self, source: str) -> AsyncIterator[None]:
        """Wait until few enough questions are put to a source, or the worker is stopping."""
        # Held here: it is gone with the last who has it.
        turns = self._turns.get(source) or asyncio.Semaphore(QUESTIONS_AT_ONCE)
        self._turns[source] = turns
        taking = asyncio.create_task(turns.acquire())
        try:
            while not taking.done():
                await asyncio.wait([taking], timeout=_WRITE_SECONDS)
                if self._stopping.is_set():
                    raise asyncio.CancelledError
            yield
        finally:
            await cancel_and_wait(taking)
            if not taking.cancelled():
                turns.release()

    async def _count_names(self, identifier: str, run: int) -> None:
        started = await self._countings.start(identifier, run)
        if started is None:
            return
        attempt, question = started
        if attempt > ATTEMPTS:
            await self._fail(identifier, run, _crashed())
            return
        try:
            async with self._reported(identifier, run) as report:
                answer = await self._answer(question, report)
        except _Unwanted:
            _log.info("counting %s was given up: nobody asks any more", identifier)
        except (Cancelled, asyncio.CancelledError):
            await self._countings.give_back(identifier, run)
            # Raised, not returned: the queue then keeps the message for the next worker.
            raise asyncio.CancelledError from None
        except ConceptOrderingsError as error:
            await self._fail(identifier, run, error)
        except Exception as error:
            _log.exception("counting %s failed", identifier)
            await self._fail(identifier, run, _unforeseen(error))
        else:
            await self._countings.succeed(identifier, run, answer)

    async def _answer(self, question: Question, report: Report) -> Answer:
        source = await watched(
            open_source(question.source, self._settings, self._objects), lambda: report(0, len(question.queries))
        )
        try:
            asked = {query: Query.of(filter(None, map(source.form, query.spellings))) for query in question.queries}
            distinct = list(dict.fromkeys(asked.values()))
            found = await count_cached(
                source, distinct, self._cache, counted_since=question.counted_since, report=report
            )
        finally:
            await source.aclose()
        counts = [
            CountOf(
                asked=each,
                value=found.counts[each].value,
                approximate=found.counts[each].approximate,
                counted_at=found.times[each],
            )
            for each in asked.values()
        ]
        return Answer(asdict(found.facts), counts)

    @asynccontextmanager
    async def _reported(self, identifier: str, run: int) -> AsyncIterator[Report]:
        """Yield a report that a task beside it writes to Redis, and that stops the work when the worker stops."""
        latest: list[tuple[int, int]] = []
        over, unwanted = asyncio.Event(), asyncio.Event()

        def report(done: int, total: int) -> None:
            latest[:] = [(done, total)]
            if self._stopping.is_set():
                raise Cancelled
            if unwanted.is_set():
                raise _Unwanted

        async def write() -> None:
            while not over.is_set():
                await wait_for_event(over, _WRITE_SECONDS)
                if latest and not unwanted.is_set():
                    with contextlib.suppress(RedisError, OSError):  # the work goes on, unreported
                        if not await self._countings.progress(identifier, run, *latest[0]):
                            unwanted.set()

        writing = asyncio.create_task(write())
        try:
            yield report
        finally:
            # Not cancelled: redis-py may swallow that.
            over.set()
            await wait_until_done(writing)

    async def _fail(self, identifier: str, run: int, error: ConceptOrderingsError) -> None:
        _log.warning("counting %s failed: %s: %s", identifier, error.code, error.detail)
        await self._countings.fail(identifier, run, error.as_json())


def _crashed() -> ConceptOrderingsError:
    return JobCrashed(
        "job_crashed",
        f"The worker died {ATTEMPTS} times while it counted, perhaps for lack of memory: see its log, then ask for "
        "fewer names at once.",
    )


def _unforeseen(error: Exception) -> ConceptOrderingsError:
    return ConceptOrderingsError(
        "internal_error",
        # Not its text, in which a secret may be: that is for the log.
        f"The worker failed with {type(error).__name__}; its log says where. Report it with the log.",
    )
