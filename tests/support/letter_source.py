"""A source of counts for tests: it notes what it is asked, and can be held, broken and made to lie."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from concept_orderings.errors import SourceError
from concept_orderings.queries import Query
from worker.evidence.counts.base import Count, SourceFacts, Unit


def queries(*names: str) -> list[Query]:
    return [Query.of([name]) for name in names]


class LetterSource:
    """Counts the letters of spellings, a few queries at a time.

    Attributes
    ----------
    asked : list of Query
        All it was ever asked, in order.
    held : asyncio.Event, optional
        It waits for this before each batch but the first.
    fails_after : int, optional
        So many batches are counted, then it is unavailable.
    forgets : set of Query
        Left out of the answers.
    adds : dict
        Put into the first answer.
    counted_at : str, optional
        When it says that all its counts were made.
    documents : int, optional
        How many there are; letters are counted in documents then.
    fingerprint : str
        Changed by a test, it is another corpus.
    facts_held : asyncio.Event, optional
        It waits for this before it says what it is.
    closed : int
        How many counts were ended, one way or another.
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
                    raise SourceError("source_unavailable", "The source is out for a walk; ask again.")
                if batch and self.held is not None:
                    await self.held.wait()
                some = asked[start : start + self._batch]
                self.asked += some
                found = {query: self.right(query) for query in some if query not in self.forgets}
                yield {**found, **self.adds}
                self.adds = {}
        finally:
            self.closed += 1

    async def aclose(self) -> None: ...
