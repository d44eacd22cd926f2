"""Counts asked for directly, without an ordering: to look at a source before a stream stands on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from concept_orderings.checks import check_fields, check_mapping, check_sequence, check_strings, wrong_type
from concept_orderings.concepts import is_plain_text
from concept_orderings.errors import BadParameter, BadValue
from concept_orderings.orderings.frequency import check_is_past, refreshed_since, time_of
from concept_orderings.queries import Query, default_query
from concept_orderings.request import parse_query

MOST_NAMES = 100_000

_FIELDS = ("names", "queries", "refresh", "counted_since")


@dataclass(frozen=True, kw_only=True)
class CountsRequest:
    """What is to be counted.

    Attributes
    ----------
    names : tuple of str or None
        Class names, or None for each query that was given as it is.
    queries : tuple of Query
        One for each name.
    refresh : bool
        Whether counts are wanted of now or later.
    counted_since : str
        Or of this time or later: UTC, as ``2026-01-31T12:00:00Z``; empty for any.
    """

    names: tuple[str | None, ...]
    queries: tuple[Query, ...]
    refresh: bool
    counted_since: str

    def settled(self, now: datetime) -> "CountsRequest":
        """Return this request with a refresh written as the time that it counts from.

        Raises
        ------
        BadParameter
            If `counted_since` is to come.
        """
        if self.refresh:
            return replace(self, refresh=False, counted_since=refreshed_since(now))
        check_is_past(self.counted_since, now, "/counted_since")
        return self


def parse_counts_request(body: object) -> CountsRequest:
    """Check a request for counts.

    Parameters
    ----------
    body : JSON value
        An object with either `names` or `queries`, and optionally `refresh` or `counted_since`.

    Raises
    ------
    BadValue
        ``wrong_type``, ``missing_field``, ``unknown_field`` or ``bad_query``.
    BadParameter
        ``bad_parameter`` for a time that is none, or together with `refresh`.
    """
    fields = check_mapping(body, "")
    check_fields(fields, _FIELDS, "")
    refresh, counted_since = _parse_since(fields)
    names, queries = _parse_asked(fields)
    return CountsRequest(names=names, queries=queries, refresh=refresh, counted_since=counted_since)


def _parse_asked(fields: Mapping[str, object]) -> tuple[tuple[str | None, ...], tuple[Query, ...]]:
    given = [field for field in ("names", "queries") if fields.get(field) is not None]
    if len(given) != 1:
        raise BadValue(
            "missing_field" if not given else "unknown_field",
            "Give either names, as class lists have them, or queries, as the source is to be asked.",
            ["/names", "/queries"],
        )
    [field] = given
    _check_length(check_sequence(fields[field], f"/{field}"), field)
    if field == "queries":
        given_queries = check_sequence(fields[field], "/queries")
        queries = tuple(parse_query(each, f"/queries/{i}") for i, each in enumerate(given_queries))
        return (None,) * len(queries), queries
    names = check_strings(fields[field], "/names")
    wrong = [i for i, name in enumerate(names) if not is_plain_text(name)]
    if wrong:
        raise BadValue("bad_query", "A name is text without control characters.", (f"/names/{i}" for i in wrong))
    return names, tuple(map(default_query, names))


def _check_length(items: Sequence[object], field: str) -> None:
    if not 1 <= len(items) <= MOST_NAMES:
        raise BadValue("bad_query", f"Ask for 1 to {MOST_NAMES:,} {field} at once, not {len(items):,}.", [f"/{field}"])


def _parse_since(fields: Mapping[str, object]) -> tuple[bool, str]:
    refresh, counted_since = fields.get("refresh", False), fields.get("counted_since", "")
    if not isinstance(refresh, bool):
        raise wrong_type("a boolean", refresh, "/refresh")
    if not isinstance(counted_since, str):
        raise wrong_type("a string", counted_since, "/counted_since")
    if refresh and counted_since:
        raise BadParameter(
            "bad_parameter",
            "A refresh sets counted_since itself; leave one of the two out.",
            ["/refresh", "/counted_since"],
        )
    if counted_since and time_of(counted_since) is None:
        raise BadParameter("bad_parameter", "counted_since is a time such as 2026-01-31T12:00:00Z.", ["/counted_since"])
    return refresh, counted_since
