"""Counting through the cache: cached counts are looked up, the others are counted once and cached as they arrive."""

import asyncio
import contextlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from concept_orderings.canonical import LARGEST_INTEGER
from concept_orderings.errors import BadParameter, SourceError
from concept_orderings.evidence.counted_since import check_is_past, format_time, parse_time
from concept_orderings.progress import Phase, Report, enter, silent
from concept_orderings.queries import Query
from concept_orderings.text import first_of, shown
from store.count_cache import CachedCount, Claims, CountCache
from store.figures import count, observe
from store.figures.declared import CACHE_LOOKUPS, SOURCE_SECONDS
from store.sources import SourceFacts, Unit
from store.waiting import cancel_and_wait
from worker.evidence.counts.base import Count, CountSource
from worker.evidence.counts.figures import label_of
from worker.watched import watched

# Pauses between two looks at what other workers have counted.
_SHORTEST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 1.0
# What a cancelled count may still take to store the counts that have come.
_LAST_STORE_SECONDS = 0.5
_MOST_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class SourceCounts:
    """The counts of all queries of one call, and where and when they were counted.

    Attributes
    ----------
    counts : mapping of Query to Count
        One for each given query.
    times : mapping of Query to str
        Time of each count: when its request was sent to the source, or shortly before. UTC, such as
        ``2026-01-31T12:00:00Z``.
    facts : SourceFacts
        What the source said of itself, the same from the first count to the last.
    first, last : str
        The earliest and the latest time of the queries that the source counted; the present time if it counted none.
    """

    counts: Mapping[Query, Count]
    times: Mapping[Query, str]
    facts: SourceFacts
    first: str
    last: str


async def count_through_cache(
    source: CountSource,
    queries: Sequence[Query],
    cache: CountCache | None,
    *,
    counted_since: str = "",
    report: Report = silent,
) -> SourceCounts:
    """Return the counts of queries: from the cache, or counted once and then cached.

    Parameters
    ----------
    source
        Where to count; it is not closed here.
    queries
        Queries with spellings in the form of `CountSource.form`; an empty spelling counts 0.
    cache
        The cache; with None every query is counted.
    counted_since
        Cached counts older than this time are not used: UTC, such as ``2026-01-31T12:00:00Z``; empty for any age.
    report
        Called on the event loop, four times a second, with the queries whose counts are known and all queries. A
        `PhaseReport` enters the phase of counting once the source has said what it is.

    Raises
    ------
    SourceError
        The errors of the source; counts that came before stay in the cache. ``source_unavailable`` also if the source
        leaves out a query or changes while it counts; ``source_damaged`` if a count is impossible.
    BadParameter
        ``bad_parameter`` if `counted_since` is not a time, or lies in the future.
    Cancelled
        As raised by `report`.
    """
    counting = _Counting(source, cache, _seconds(counted_since), report, len(queries))
    report(0, counting.total)
    return await watched(counting.all(queries), counting.report_known)


@dataclass
class _Counting:
    """One call of `count_through_cache`.

    Attributes
    ----------
    since : float
        Seconds since 1970 of `counted_since`; 0 if it is empty.
    total : int
        Number of queries that have to be looked up or counted.
    known : dict of Query to CachedCount
        Counts that are final: from the cache, or counted and checked.
    arrived : dict of Query to CachedCount
        Counts that the source gave and that are not yet checked and cached.
    facts : SourceFacts
        What the source said of itself before the first count.
    oldest : float
        Cached counts older than this, in seconds since 1970, are not used.
    """

    source: CountSource
    cache: CountCache | None
    since: float
    report: Report
    total: int
    known: dict[Query, CachedCount] = field(default_factory=dict)
    arrived: dict[Query, CachedCount] = field(default_factory=dict)
    facts: SourceFacts = field(init=False)
    oldest: float = field(init=False)

    async def all(self, queries: Sequence[Query]) -> SourceCounts:
        """Return the counts of queries."""
        # In a thread, since it takes a moment for 100,000 queries; and at the same time as the request to the source.
        preparing = asyncio.to_thread(_without_empty_spellings, queries)
        (sent, distinct), self.facts = await asyncio.gather(preparing, self.source.facts())
        self.total = len(distinct)
        self.oldest = self._oldest()
        self.known.update(await self._looked_up(distinct))
        count(CACHE_LOOKUPS, "counts", "hit", by=len(self.known))
        count(CACHE_LOOKUPS, "counts", "miss", by=len(distinct) - len(self.known))
        enter(self.report, Phase.COUNTING)
        self.report_known()
        if len(self.known) < len(distinct):
            await self._count_missing(await self._missing(distinct))
            self.report_known()
        return await asyncio.to_thread(self._source_counts, queries, sent)

    def report_known(self) -> None:
        """Report the number of known counts."""
        self.report(len(self.known), self.total)

    def _oldest(self) -> float:
        if self.facts.counted_at is not None:
            return 0  # its counts never change
        if self.facts.ttl_seconds is not None:
            return max(self.since, time.time() - self.facts.ttl_seconds)
        return self.since

    async def _count_missing(self, missing: list[Query]) -> None:
        if self.cache is None:
            await self._count(missing, None)
            return
        async with self.cache.claims(self.facts.fingerprint) as claims:
            while missing:
                began = time.monotonic()
                mine = await claims.claim(missing)
                # Another worker may have counted, stored and released them since they were looked up.
                stored = await self._looked_up(mine)
                self.known.update(stored)
                await claims.release(stored)
                if left := await self._missing(mine):
                    await self._count(left, claims)
                missing = await self._missing(missing)
                if missing and not left:
                    # Ten times as long as the look took, so that workers that wait for many names do not load Redis.
                    pause = 10 * (time.monotonic() - began)
                    await asyncio.sleep(min(max(_SHORTEST_PAUSE_SECONDS, pause), _LONGEST_PAUSE_SECONDS))

    async def _count(self, queries: Sequence[Query], claims: Claims | None) -> None:
        """Count queries; another task stores the counts meanwhile, because storing asks the source for its facts."""
        left, now = await asyncio.to_thread(set, queries), self._now()
        stream = self.source.count(queries)
        asked = time.monotonic()
        storing: asyncio.Task[None] | None = None
        try:
            async for counts in stream:
                observe(SOURCE_SECONDS, time.monotonic() - asked, label_of(self.source, self.facts.name))
                asked = time.monotonic()
                taken = self._checked(counts, left, now)
                left -= taken.keys()
                self.arrived.update(taken)
                if storing is None or storing.done():
                    await _finished(storing)
                    storing = asyncio.create_task(self._store_arrived(claims))
                # A source that never waits would let no other task run until it has yielded all counts.
                await asyncio.sleep(0)
            await _finished(storing)
        except Exception:
            # The first error is raised; the counts that came before it are stored if possible.
            with contextlib.suppress(SourceError):
                await _finished(storing)
            raise
        finally:
            if (close := getattr(stream, "aclose", None)) is not None:
                await close()
            if storing is not None:
                await cancel_and_wait(storing, after=_LAST_STORE_SECONDS)
        if left:
            raise SourceError(
                "source_unavailable",
                f"The source {self.facts.name} gave no count for {_named(left)}, and no reason. Try again.",
                queries=sorted(left),
            )

    async def _store_arrived(self, claims: Claims | None) -> None:
        """Check and store the counts that have arrived, until no more arrive.

        Before they are stored, the source is asked for its fingerprint again. If it has not changed, the counts were
        made between two moments at which the corpus had that fingerprint, under which the cache keeps them.
        """
        while self.arrived:
            taken, self.arrived = self.arrived, {}
            await self._check_unchanged()
            self._check_possible(taken)
            if self.cache is not None:
                await self.cache.put_many(self.facts.fingerprint, taken, ttl_seconds=self.facts.ttl_seconds)
            self.known.update(taken)
            if claims is not None:
                await claims.release(taken)

    async def _check_unchanged(self) -> None:
        if (await self.source.facts()).fingerprint != self.facts.fingerprint:
            raise SourceError(
                "source_unavailable",
                f"The source {self.facts.name} changed while it was counted, and counts from before and after a change "
                "must not be mixed. Try again once nothing is written to it.",
            )

    def _check_possible(self, counts: Mapping[Query, CachedCount]) -> None:
        documents = self.facts.documents
        if self.facts.unit is not Unit.DOCUMENTS or documents is None:
            return
        if too_large := [query for query, count in counts.items() if count.value > documents]:
            raise SourceError(
                "source_damaged",
                f"The source {self.facts.name} says that more than its {documents} documents contain "
                f"{_named(too_large)}, which is impossible. Check the server at its address.",
                queries=too_large,
            )

    def _checked(self, counts: Mapping[Query, Count], sent: Collection[Query], now: int) -> dict[Query, CachedCount]:
        taken: dict[Query, CachedCount] = {}
        for query, found in counts.items():
            if query not in sent:
                continue
            if type(found.value) is not int or not 0 <= found.value <= LARGEST_INTEGER:
                raise SourceError(
                    "source_damaged",
                    f"The source {self.facts.name} says that {_named([query])} occurs {str(found.value)[:40]} times, "
                    "which is impossible. Check the server at its address.",
                    queries=[query],
                )
            taken[query] = CachedCount(found.value, bool(found.approximate), now)
        return taken

    def _source_counts(self, queries: Sequence[Query], sent: Sequence[Query | None]) -> SourceCounts:
        """Return the known counts of queries; 0 for those of which nothing was sent."""
        unsent = CachedCount(0, approximate=False, counted_at=self._now())
        found = [unsent if each is None else self.known[each] for each in sent]
        times = [self.facts.counted_at or format_time(each.counted_at) for each in found]
        # Queries that were not sent have no time of counting.
        made = [time for time, each in zip(times, sent, strict=True) if each is not None]
        made = made or [self.facts.counted_at or format_time(unsent.counted_at)]
        return SourceCounts(
            counts=dict(zip(queries, [Count(each.value, each.approximate) for each in found], strict=True)),
            times=dict(zip(queries, times, strict=True)),
            facts=self.facts,
            first=min(made),
            last=max(made),
        )

    async def _looked_up(self, queries: Collection[Query]) -> dict[Query, CachedCount]:
        if self.cache is None:
            return {}
        return await self.cache.get_many(
            self.facts.fingerprint, queries, since=self.oldest, ttl_seconds=self.facts.ttl_seconds
        )

    async def _missing(self, queries: Collection[Query]) -> list[Query]:
        return await asyncio.to_thread(_unknown, queries, self.known)

    def _now(self) -> int:
        # Not before `since`, also if the clock of this machine is behind: or the count would be made again.
        return max(int(time.time()), int(self.since))


def _without_empty_spellings(queries: Sequence[Query]) -> tuple[list[Query | None], list[Query]]:
    """Return the query that is sent for each query, None for those without spellings; and the distinct ones of these.

    The digests of the distinct queries are computed, too, so that the event loop need not.
    """
    sent = [_without_empty_spelling(query) for query in queries]
    distinct = list(dict.fromkeys(each for each in sent if each is not None))
    for each in distinct:
        _ = each.digest
    return sent, distinct


def _unknown(queries: Collection[Query], known: Collection[Query]) -> list[Query]:
    # Sorted, so that two workers that count the same queries claim them in one order, and one waits for the other.
    return sorted((query for query in queries if query not in known), key=lambda query: query.spellings)


async def _finished(storing: asyncio.Task[None] | None) -> None:
    if storing is not None:
        await asyncio.wait([storing])
        storing.result()


def _without_empty_spelling(query: Query) -> Query | None:
    """Return a query without its empty spelling, which no document contains; None if it has no other."""
    if query.spellings and query.spellings[0]:  # sorted: an empty spelling would be the first
        return query
    sent = Query.of(filter(None, query.spellings))
    return sent if sent.spellings else None


def _seconds(counted_since: str) -> float:
    """Return a time in seconds since 1970; 0 for an empty string."""
    if not counted_since:
        return 0
    since = parse_time(counted_since)
    if since is None:
        raise BadParameter(
            "bad_parameter", f"counted_since is {shown(counted_since)}; give a time such as 2026-01-31T12:00:00Z."
        )
    check_is_past(counted_since, datetime.now(UTC))
    return since.timestamp()


def _named(queries: Collection[Query]) -> str:
    """Return the first 5 queries for an error, and the number of the others."""
    return first_of([shown(" + ".join(query.spellings)) for query in sorted(queries)], _MOST_NAMED)
