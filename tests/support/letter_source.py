"""A source of counts for tests: it notes its queries, and a test can pause it, make it fail or give wrong counts."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from concept_orderings.errors import SourceError
from concept_orderings.queries import Query
from concept_orderings.readings import Readings
from store.sources import SourceFacts, Unit
from worker.evidence.counts.base import Count


def queries(*names: str) -> list[Query]:
    return [Query.of([name]) for name in names]


class LetterSource:
    """Counts the letters of spellings, one batch of queries at a time.

    Attributes
    ----------
    asked : list of Query
        All queries that were counted, in order.
    held : asyncio.Event, optional
        Awaited before each batch but the first.
    fails_after : int, optional
        The number of batches after which the source is unavailable.
    forgets : set of Query
        Queries that the answers leave out.
    adds : dict
        Counts that are added to the first answer.
    counted_at : str, optional
        The time of all counts, in the facts.
    documents : int, optional
        The number of documents; with it, the unit is documents.
    fingerprint : str
        Changed by a test to make it another corpus.
    facts_held : asyncio.Event, optional
        Awaited before the facts are returned.
    closed : int
        The number of calls of `count` that have ended, by whichever way.
    """

    def __init__(self, *, batch: int = 10, fingerprint: str = "f" * 64, ttl_seconds: float | None = None) -> None:
        self.asked: list[Query] = []
        self.held: asyncio.Event | None = None
        self.fails_after: int | None = None
        self.forgets: set[Query] = set()
        self.adds: dict[Query, Count] = {}
        self.plus = 0
        self.closed = 0
        self._batch = batch
        self.fingerprint = fingerprint
        self.documents: int | None = None
        self.counted_at: str | None = None
        self.facts_held: asyncio.Event | None = None
        self._ttl_seconds = ttl_seconds

    async def facts(self) -> SourceFacts:
        if self.facts_held is not None:
            await self.facts_held.wait()
        return SourceFacts(
            name="letters",
            kind="file",
            unit=Unit.OCCURRENCES if self.documents is None else Unit.DOCUMENTS,
            corpus="the alphabet",
            query_form="letters",
            fingerprint=self.fingerprint,
            documents=self.documents,
            ttl_seconds=self._ttl_seconds,
            counted_at=self.counted_at,
        )

    def form(self, spelling: str) -> str:
        return spelling

    def right(self, query: Query) -> Count:
        return Count(sum(map(len, query.spellings)) + self.plus, approximate="~" in query.spellings[0])

    async def count(self, asked: Sequence[Query]) -> AsyncIterator[dict[Query, Count]]:
        try:
            for batch, start in enumerate(range(0, len(asked), self._batch)):
                if batch == self.fails_after:
                    raise SourceError("source_unavailable", "The source fails as the test requires.")
                if batch and self.held is not None:
                    await self.held.wait()
                some = asked[start : start + self._batch]
                self.asked += some
                found = {query: self.right(query) for query in some if query not in self.forgets}
                yield {**found, **self.adds}
                self.adds = {}
        finally:
            self.closed += 1

    async def readings(self, counts: Mapping[Query, Count]) -> Readings:
        return {}

    async def aclose(self) -> None: ...
