"""Counting many queries: several in a request, several requests in flight, and retries for those without a count."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from concept_orderings.queries import Query
from store.waiting import cancel_and_wait
from worker.evidence.counts.base import Count
from worker.evidence.counts.elasticsearch.answers import NotCounted
from worker.evidence.counts.elasticsearch.patience import Patience

Ask = Callable[[Sequence[Query]], Awaitable[Sequence[int | NotCounted]]]


@dataclass(frozen=True)
class _Batch:
    """The queries of one request.

    Attributes
    ----------
    queries : sequence of Query
    attempt : int
        1 for the first request, then counting up.
    any_counted : bool
        Whether an earlier attempt of the batch gave a count of any query.
    """

    queries: Sequence[Query]
    attempt: int = 1
    any_counted: bool = False


class Batches:
    """Counts queries in batches; one object counts once.

    Parameters
    ----------
    queries : sequence of Query
    ask : callable
        Returns for each given query its count, or the reason why there is none.
    size : int
        Queries in a request.
    in_flight : int
        Requests at once; those that pause before a retry are included.
    patience : Patience
        When to retry queries without a count.

    Attributes
    ----------
    failures : dict of Query to NotCounted
        Queries that were sent and get no count, with the reason. Once all attempts of a batch have given no count at
        all, no further batch is sent: the queries that wait then are neither counted nor listed here.
    """

    def __init__(self, queries: Sequence[Query], ask: Ask, *, size: int, in_flight: int, patience: Patience) -> None:
        self._waiting = deque(_Batch(queries[start : start + size]) for start in range(0, len(queries), size))
        self._ask = ask
        self._in_flight = min(in_flight, len(self._waiting))
        self._patience = patience
        self._arrived: asyncio.Queue[dict[Query, Count] | None] = asyncio.Queue()
        self.failures: dict[Query, NotCounted] = {}

    async def counts(self) -> AsyncGenerator[dict[Query, Count], None]:
        """Yield counts as they arrive; closing the generator cancels the requests in flight."""
        work = asyncio.create_task(self._work())
        try:
            while (counts := await self._arrived.get()) is not None:
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
            self._arrived.put_nowait(None)

    async def _count_waiting(self) -> None:
        while self._waiting:
            await self._count(self._waiting.popleft())

    async def _count(self, batch: _Batch) -> None:
        answers = dict(zip(batch.queries, await self._ask(batch.queries), strict=True))
        counts = {query: Count(answer) for query, answer in answers.items() if isinstance(answer, int)}
        missing = {query: answer for query, answer in answers.items() if isinstance(answer, NotCounted)}
        if counts:
            self._arrived.put_nowait(counts)
        if missing:
            await self._retry_or_give_up(missing, replace(batch, any_counted=batch.any_counted or bool(counts)))

    async def _retry_or_give_up(self, missing: dict[Query, NotCounted], batch: _Batch) -> None:
        """Pause and put the missing queries of a batch at the front of the queue, or record them as failures."""
        passing = {query: why for query, why in missing.items() if why.may_pass}
        longest = max(passing.values(), key=lambda why: why.retry_after or 0.0, default=None)
        pause = self._patience.pause(batch.attempt, longest) if longest else None
        given_up = {query: why for query, why in missing.items() if pause is None or query not in passing}
        self.failures |= given_up
        if given_up and not batch.any_counted:
            self._waiting.clear()
        if pause is not None:
            await self._patience.sleep(pause)
            too_slow = any(why.too_slow for why in passing.values())
            parts = _halves(list(passing)) if too_slow else [list(passing)]
            self._waiting.extendleft(_Batch(part, batch.attempt + 1, batch.any_counted) for part in reversed(parts))


def _halves(queries: Sequence[Query]) -> list[Sequence[Query]]:
    middle = (len(queries) + 1) // 2
    return [part for part in (queries[:middle], queries[middle:]) if part]
