"""Counting with the cache: what is there is looked up at once, the rest is counted once and stored as it comes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from concept_orderings.progress import Report, silent
from concept_orderings.queries import Query
from store.counts import CountsCache
from worker.evidence.counts.base import Count, CountSource, SourceFacts


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
    raise NotImplementedError
