"""Many queries: several in a request, several requests in flight, and what was not counted asked again."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from concept_orderings.queries import Query
from store.waiting import cancel_and_wait
from worker.evidence.counts.base import Count
from worker.evidence.counts.elasticsearch.answers import NotCounted
from worker.evidence.counts.elasticsearch.patience import Patience

Ask = Callable[[Sequence[Query]], Awaitable[Sequence[int | NotCounted]]]


@dataclass(frozen=True)
class _Batch:
    """Queries of one request, how often they were asked, and whether that request gave any count then."""

    queries: Sequence[Query]
    attempt: int = 1
    alive: bool = False


class Batches:
    """Counts queries in batches, once.

    Parameters
    ----------
    queries : sequence of Query
    ask : callable
        Returns for each of some queries its count, or why there is none.
    size : int
        Queries in a request.
    in_flight : int
        Requests at once, pauses between them included.
    patience : Patience
        When to ask again for what is not counted.

    Attributes
    ----------
    failures : dict of Query to NotCounted
        Queries that were asked and will not be counted, with the reason. Once a whole request was in vain, however
        often it was made, no further one is begun: what waits then is neither counted nor here.
    """

    def __init__(self, queries: Sequence[Query], ask: Ask, *, size: int, in_flight: int, patience: Patience) -> None:
        self._waiting = deque(_Batch(queries[start : start + size]) for start in range(0, len(queries), size))
        self._ask = ask
        self._in_flight = min(in_flight, len(self._waiting))
        self._patience = patience
        self._counted: asyncio.Queue[dict[Query, Count] | None] = asyncio.Queue()
        self.failures: dict[Query, NotCounted] = {}

    async def counts(self) -> AsyncGenerator[dict[Query, Count], None]:
        """Yield counts as they come; what is in flight is cancelled when nobody listens any more."""
        work = asyncio.create_task(self._work())
        try:
            while (counts := await self._counted.get()) is not None:
                yield counts
            await work
        finally:
            await cancel_and_wait(work)

    async def _work(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(self._in_flight):
                    tasks.create_task(self._count_waiting())
        finally:
            self._counted.put_nowait(None)

    async def _count_waiting(self) -> None:
        while self._waiting:
            await self._count(self._waiting.popleft())

    async def _count(self, batch: _Batch) -> None:
        answers = dict(zip(batch.queries, await self._ask(batch.queries), strict=True))
        counts = {query: Count(answer) for query, answer in answers.items() if isinstance(answer, int)}
        missing = {query: answer for query, answer in answers.items() if isinstance(answer, NotCounted)}
        if counts:
            self._counted.put_nowait(counts)
        if missing:
            await self._again(missing, _Batch(batch.queries, batch.attempt, batch.alive or bool(counts)))

    async def _again(self, missing: dict[Query, NotCounted], batch: _Batch) -> None:
        """Put what is missing of a batch in front again, after a pause, or give it up."""
        again = {query: why for query, why in missing.items() if why.may_pass}
        longest = max(again.values(), key=lambda why: why.retry_after or 0.0, default=None)
        pause = self._patience.pause(batch.attempt, longest) if longest else None
        given_up = {query: why for query, why in missing.items() if pause is None or query not in again}
        self.failures |= given_up
        if given_up and not batch.alive:
            self._waiting.clear()
        if pause is not None:
            await self._patience.sleep(pause)
            parts = _halves(list(again)) if any(why.too_slow for why in again.values()) else [list(again)]
            self._waiting.extendleft(_Batch(part, batch.attempt + 1, batch.alive) for part in reversed(parts))


def _halves(queries: Sequence[Query]) -> list[Sequence[Query]]:
    middle = (len(queries) + 1) // 2
    return [part for part in (queries[:middle], queries[middle:]) if part]
