"""Counting with the cache: what is there is looked up at once, the rest is counted once and stored as it comes."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from concept_orderings.canonical import LARGEST_INTEGER
from concept_orderings.concepts import shown
from concept_orderings.errors import BadParameter, SourceError
from concept_orderings.progress import Report, silent
from concept_orderings.queries import Query
from store.counts import CachedCount, Claims, CountsCache
from worker.evidence.counts.base import Count, CountSource, SourceFacts

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
"""UTC, with seconds."""

_TICK_SECONDS = 0.25
_LONGEST_LOOK_AWAY_SECONDS = 1.0
# By how much the clocks of two machines may differ.
_CLOCKS_DIFFER_SECONDS = 60
_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Counts of queries, and where and when they were counted.

    Attributes
    ----------
    counts : mapping of Query to Count
        One for each query that was asked for.
    times : mapping of Query to str
        When each was counted: UTC, ISO 8601 with seconds, such as ``2026-01-31T12:00:00Z``.
    facts : SourceFacts
        The source's.
    first, last : str
        The earliest and the latest of the times.
    """

    counts: Mapping[Query, Count]
    times: Mapping[Query, str]
    facts: SourceFacts
    first: str
    last: str


async def count_cached(
    source: CountSource,
    queries: Sequence[Query],
    cache: CountsCache | None,
    *,
    counted_since: str = "",
    report: Report = silent,
) -> Counted:
    """Return the counts of queries, each looked up or counted once.

    Parameters
    ----------
    source
        Where to count; it is not closed here.
    queries
        Spellings as `CountSource.form` gives them; those that are empty are nowhere.
    cache
        Where counts are kept; None counts everything.
    counted_since
        Counts of before this time are not used: UTC, such as ``2026-01-31T12:00:00Z``; all are if it is empty.
    report
        Called with the queries counted of all queries, on the event loop, about twice a second.

    Raises
    ------
    SourceError
        As the source raises it; what was counted before is kept in the cache. ``source_unavailable`` also if the
        source leaves a query out, ``source_damaged`` if it gives a count that cannot be.
    BadParameter
        ``bad_parameter`` if `counted_since` is no time, or is to come.
    Cancelled
        As raised by `report`.
    """
    since = _seconds(counted_since)
    facts = await source.facts()
    oldest = max(since, time.time() - facts.ttl_seconds) if facts.ttl_seconds is not None else since
    counting = _Counting(source, facts, cache, since=since, oldest=oldest, report=report)
    found = await counting.all([_asked(query) for query in queries])
    times = [each.counted_at for each in found] or [int(time.time())]
    return Counted(
        counts=dict(zip(queries, [Count(each.value, each.approximate) for each in found], strict=True)),
        times=dict(zip(queries, [_shown_time(each.counted_at) for each in found], strict=True)),
        facts=facts,
        first=_shown_time(min(times)),
        last=_shown_time(max(times)),
    )


@dataclass
class _Counting:
    """One run of counting, and what is known so far."""

    source: CountSource
    facts: SourceFacts
    cache: CountsCache | None
    since: float
    oldest: float
    report: Report
    known: dict[Query, CachedCount] = field(default_factory=dict)
    total: int = 0
    stopped: bool = False

    async def all(self, queries: Sequence[Query | None]) -> list[CachedCount]:
        """Return the counts of queries, in their order; those that are None are nowhere."""
        wanted = dict.fromkeys(each for each in queries if each is not None)
        self.total = len(wanted)
        self.report(0, self.total)
        self.known.update(await self._looked_up(wanted))
        self._tell()
        if len(self.known) < len(wanted):
            await self._count_missing(self._missing(wanted))
        nowhere = CachedCount(0, approximate=False, counted_at=self._now())
        return [nowhere if each is None else self.known[each] for each in queries]

    async def _count_missing(self, missing: list[Query]) -> None:
        if self.cache is None:
            await self._count(missing, None)
            return
        async with self.cache.claims(self.facts.fingerprint) as claims:
            while missing:
                began = time.monotonic()
                mine = await claims.claim(missing)
                # Somebody else may have stored them since they were looked up, and have let go of them.
                stored = await self._looked_up(mine)
                self.known.update(stored)
                await claims.release(stored)
                self._tell()
                if left := self._missing(mine):
                    await self._count(left, claims)
                missing = self._missing(missing)
                if missing and not left:
                    await self._wait_for_others(time.monotonic() - began)

    async def _wait_for_others(self, look_took: float) -> None:
        # In proportion, so that however many wait for however many names, they do not keep Redis busy.
        await asyncio.sleep(min(max(_TICK_SECONDS, 10 * look_took), _LONGEST_LOOK_AWAY_SECONDS))
        self._tell()

    async def _count(self, queries: Sequence[Query], claims: Claims | None) -> None:
        """Count queries, telling meanwhile where it is; whatever is raised, the source has let go when it is."""
        counting = asyncio.create_task(self._take(queries, claims))
        try:
            while not counting.done():
                await asyncio.wait([counting], timeout=_TICK_SECONDS)
                self._tell()
        finally:
            # Both: redis-py may swallow a cancellation.
            self.stopped = True
            counting.cancel()
            await asyncio.wait([counting])
            self.stopped = False
            if not counting.cancelled():
                counting.exception()  # looked at, or asyncio complains that nobody did
        counting.result()
        self._tell()

    async def _take(self, queries: Sequence[Query], claims: Claims | None) -> None:
        """Take what the source yields: in one task from beginning to end, as it may have tasks of its own."""
        left = set(queries)
        stream = self.source.count(queries)
        try:
            async for counts in stream:
                taken = self._checked(counts, left)
                left -= taken.keys()
                self.known.update(taken)
                if self.cache is not None:
                    await self.cache.put_many(self.facts.fingerprint, taken, ttl_seconds=self.facts.ttl_seconds)
                if claims is not None:
                    await claims.release(taken)
                if self.stopped:
                    raise asyncio.CancelledError
        finally:
            if (close := getattr(stream, "aclose", None)) is not None:
                await close()
        if left:
            raise SourceError(
                "source_unavailable",
                f"The source {self.facts.name} gave no count for {_named(left)}, and did not say why. Try again.",
            )

    def _checked(self, counts: Mapping[Query, Count], asked: Collection[Query]) -> dict[Query, CachedCount]:
        now = self._now()
        taken: dict[Query, CachedCount] = {}
        for query, count in counts.items():
            if query not in asked:
                continue
            if type(count.value) is not int or not 0 <= count.value <= LARGEST_INTEGER:
                raise SourceError(
                    "source_damaged",
                    f"The source {self.facts.name} says that {_named([query])} occurs {str(count.value)[:40]} times, "
                    "which cannot be. Look at what answers there.",
                )
            taken[query] = CachedCount(count.value, bool(count.approximate), now)
        return taken

    async def _looked_up(self, queries: Collection[Query]) -> dict[Query, CachedCount]:
        if self.cache is None:
            return {}
        return await self.cache.get_many(self.facts.fingerprint, queries, since=self.oldest)

    def _missing(self, queries: Collection[Query]) -> list[Query]:
        # In an order of their own: two that count the same work from the same end, and one waits for the other.
        return sorted((query for query in queries if query not in self.known), key=lambda query: query.spellings)

    def _now(self) -> int:
        # What is counted now is not older than what was asked for, whatever this machine's clock says.
        return max(int(time.time()), int(self.since))

    def _tell(self) -> None:
        self.report(len(self.known), self.total)


def _asked(query: Query) -> Query | None:
    """Return a query without its empty spellings, which are nowhere and never asked; None if there are no others."""
    if query.spellings and query.spellings[0]:  # sorted: an empty one is the first
        return query
    asked = Query.of(filter(None, query.spellings))
    return asked if asked.spellings else None


def _seconds(counted_since: str) -> float:
    if not counted_since:
        return 0
    try:
        since = datetime.strptime(counted_since, TIME_FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise BadParameter(
            "bad_parameter", f"counted_since is no time such as 2026-01-31T12:00:00Z: {shown(counted_since)}."
        ) from error
    if since > time.time() + _CLOCKS_DIFFER_SECONDS:
        raise BadParameter(
            "bad_parameter", f"counted_since is {counted_since}, which is to come; leave it out, or say refresh: true."
        )
    return since


@lru_cache(maxsize=4096)
def _shown_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(TIME_FORMAT)


def _named(queries: Collection[Query]) -> str:
    """Name the first queries for an error, and say how many more there are."""
    some = ", ".join(shown(" + ".join(query.spellings)) for query in sorted(queries)[:_NAMED])
    more = len(queries) - _NAMED
    return f"{some} and {more} more" if more > 0 else some
