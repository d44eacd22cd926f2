"""Counting with the cache: what is there is looked up at once, the rest is counted once and stored as it comes."""

import asyncio
import contextlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from concept_orderings.canonical import LARGEST_INTEGER
from concept_orderings.errors import BadParameter, SourceError
from concept_orderings.evidence.counted_since import check_is_past, format_time, parse_time
from concept_orderings.progress import Report, silent
from concept_orderings.queries import Query
from concept_orderings.text import first_of, shown
from store.count_cache import CachedCount, Claims, CountCache
from store.waiting import cancel_and_wait
from worker.evidence.counts.base import Count, CountSource, SourceFacts, Unit
from worker.watched import watched

_SHORTEST_LOOK_AWAY_SECONDS = 0.25
_LONGEST_LOOK_AWAY_SECONDS = 1.0
_LAST_SECONDS = 0.5
_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class SourceCounts:
    """Counts of queries, and where and when they were counted.

    Attributes
    ----------
    counts : mapping of Query to Count
        One for each query that was asked for.
    times : mapping of Query to str
        When the source was asked for each, or a moment before: UTC, such as ``2026-01-31T12:00:00Z``.
    facts : SourceFacts
        The source's, while all was counted.
    first, last : str
        The earliest and the latest of the times of what the source was asked; of nothing, now.
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
        Called with the queries counted of all queries, on the event loop, four times a second, whatever is waited for.

    Raises
    ------
    SourceError
        As the source raises it; what was counted before is kept in the cache. ``source_unavailable`` also if the
        source leaves a query out, or changes meanwhile; ``source_damaged`` if it gives a count that cannot be.
    BadParameter
        ``bad_parameter`` if `counted_since` is no time, or is to come.
    Cancelled
        As raised by `report`.
    """
    counting = _Counting(source, cache, _seconds(counted_since), report, len(queries))
    report(0, counting.total)
    return await watched(counting.all(queries), counting.tell)


@dataclass
class _Counting:
    """One run of counting, and what is known so far."""

    source: CountSource
    cache: CountCache | None
    since: float
    report: Report
    total: int
    known: dict[Query, CachedCount] = field(default_factory=dict)
    come: dict[Query, CachedCount] = field(default_factory=dict)
    facts: SourceFacts = field(init=False)
    oldest: float = field(init=False)

    async def all(self, queries: Sequence[Query]) -> SourceCounts:
        """Return the counts of queries."""
        # What takes a moment for some hundred thousand queries is not done on the event loop, and while the source
        # answers.
        asking = asyncio.to_thread(_to_ask, queries)
        (asked, wanted), self.facts = await asyncio.gather(asking, self.source.facts())
        self.total = len(wanted)
        self.oldest = self._oldest()
        self.known.update(await self._looked_up(wanted))
        self.tell()
        if len(self.known) < len(wanted):
            await self._count_missing(await self._missing(wanted))
            self.tell()
        return await asyncio.to_thread(self._counted, queries, asked)

    def tell(self) -> None:
        """Report how much is known."""
        self.report(len(self.known), self.total)

    def _oldest(self) -> float:
        if self.facts.counted_at is not None:
            return 0  # asked whenever, it says the same
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
                # Somebody else may have stored them since they were looked up, and have let go of them.
                stored = await self._looked_up(mine)
                self.known.update(stored)
                await claims.release(stored)
                if left := await self._missing(mine):
                    await self._count(left, claims)
                missing = await self._missing(missing)
                if missing and not left:
                    # In proportion, so that however many wait for however many names, they do not keep Redis busy.
                    pause = 10 * (time.monotonic() - began)
                    await asyncio.sleep(min(max(_SHORTEST_LOOK_AWAY_SECONDS, pause), _LONGEST_LOOK_AWAY_SECONDS))

    async def _count(self, queries: Sequence[Query], claims: Claims | None) -> None:
        """Count queries; what comes is kept beside that, as it takes a question to the source itself."""
        left, now = await asyncio.to_thread(set, queries), self._now()
        stream = self.source.count(queries)
        keeping: asyncio.Task[None] | None = None
        try:
            async for counts in stream:
                taken = self._checked(counts, left, now)
                left -= taken.keys()
                self.come.update(taken)
                if keeping is None or keeping.done():
                    await _over(keeping)
                    keeping = asyncio.create_task(self._keep(claims))
                # A source that has all its counts at hand would let nothing else run until it is through.
                await asyncio.sleep(0)
            await _over(keeping)
        except Exception:
            # It says what is wrong; what was counted before that is kept if it can be.
            with contextlib.suppress(SourceError):
                await _over(keeping)
            raise
        finally:
            if (close := getattr(stream, "aclose", None)) is not None:
                await close()
            if keeping is not None:
                await cancel_and_wait(keeping, after=_LAST_SECONDS)
        if left:
            raise SourceError(
                "source_unavailable",
                f"The source {self.facts.name} gave no count for {_named(left)}, and did not say why. Try again.",
                queries=sorted(left),
            )

    async def _keep(self, claims: Claims | None) -> None:
        """Keep what has come, for as long as more does.

        Only once the source has said again that it is what it was: whoever finds a count in the cache takes it for one
        of the corpus of that fingerprint, and it was asked between two times at which the corpus was just that.
        """
        while self.come:
            taken, self.come = self.come, {}
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
                f"The source {self.facts.name} changed while it was counted, and counts of before and after do not go "
                "together. Ask again once nothing is written to it.",
            )

    def _check_possible(self, counts: Mapping[Query, CachedCount]) -> None:
        documents = self.facts.documents
        if self.facts.unit is not Unit.DOCUMENTS or documents is None:
            return
        if more := [query for query, count in counts.items() if count.value > documents]:
            raise SourceError(
                "source_damaged",
                f"The source {self.facts.name} says that more than its {documents} documents contain {_named(more)}, "
                "which cannot be. Look at what answers there.",
                queries=more,
            )

    def _checked(self, counts: Mapping[Query, Count], asked: Collection[Query], now: int) -> dict[Query, CachedCount]:
        taken: dict[Query, CachedCount] = {}
        for query, count in counts.items():
            if query not in asked:
                continue
            if type(count.value) is not int or not 0 <= count.value <= LARGEST_INTEGER:
                raise SourceError(
                    "source_damaged",
                    f"The source {self.facts.name} says that {_named([query])} occurs {str(count.value)[:40]} times, "
                    "which cannot be. Look at what answers there.",
                    queries=[query],
                )
            taken[query] = CachedCount(count.value, bool(count.approximate), now)
        return taken

    def _counted(self, queries: Sequence[Query], asked: Sequence[Query | None]) -> SourceCounts:
        """Return what is known of queries; those of which there is nothing to ask are nowhere."""
        nowhere = CachedCount(0, approximate=False, counted_at=self._now())
        found = [nowhere if each is None else self.known[each] for each in asked]
        times = [self.facts.counted_at or format_time(each.counted_at) for each in found]
        # What was never asked was not counted at any time.
        made = [time for time, each in zip(times, asked, strict=True) if each is not None]
        made = made or [self.facts.counted_at or format_time(nowhere.counted_at)]
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
        # What is asked now is not older than what was asked for, whatever this machine's clock says.
        return max(int(time.time()), int(self.since))


def _to_ask(queries: Sequence[Query]) -> tuple[list[Query | None], list[Query]]:
    """Return for each query what is asked for it, and what is asked in all, with its digest made."""
    asked = [_asked(query) for query in queries]
    wanted = list(dict.fromkeys(each for each in asked if each is not None))
    for each in wanted:
        _ = each.digest
    return asked, wanted


def _unknown(queries: Collection[Query], known: Collection[Query]) -> list[Query]:
    # In an order of their own: two that count the same work from the same end, and one waits for the other.
    return sorted((query for query in queries if query not in known), key=lambda query: query.spellings)


async def _over(keeping: asyncio.Task[None] | None) -> None:
    if keeping is not None:
        await asyncio.wait([keeping])
        keeping.result()


def _asked(query: Query) -> Query | None:
    """Return a query without its empty spellings, which are nowhere and never asked; None if there are no others."""
    if query.spellings and query.spellings[0]:  # sorted: an empty one is the first
        return query
    asked = Query.of(filter(None, query.spellings))
    return asked if asked.spellings else None


def _seconds(counted_since: str) -> float:
    """Return a time in seconds since 1970, 0 for none."""
    if not counted_since:
        return 0
    since = parse_time(counted_since)
    if since is None:
        raise BadParameter(
            "bad_parameter", f"counted_since is no time such as 2026-01-31T12:00:00Z: {shown(counted_since)}."
        )
    check_is_past(counted_since, datetime.now(UTC))
    return since.timestamp()


def _named(queries: Collection[Query]) -> str:
    """Name the first queries for an error, and say how many more there are."""
    return first_of([shown(" + ".join(query.spellings)) for query in sorted(queries)], _NAMED)
