"""Counts asked for directly, without an ordering: to look at a source before a stream stands on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from concept_orderings.checks import check_fields, check_mapping, check_sequence, check_strings
from concept_orderings.errors import BadParameter, BadValue
from concept_orderings.evidence.counted_since import NO_SUCH_TIME, PATTERN, check_is_past, refreshed_since, time_of
from concept_orderings.evidence.counts import QUERY, query_of
from concept_orderings.queries import Query, default_query
from concept_orderings.shapes import Boolean, Declared, Items, Refusal, Text
from concept_orderings.text import FORBIDDEN

MOST_NAMES = 100_000


def _length(field: str) -> Refusal:
    return Refusal(BadValue, "bad_query", f"Ask for 1 to {MOST_NAMES:,} {field} at once, not {{length}}.")


COUNTED_SINCE = Text(
    Refusal(BadParameter, "bad_parameter", "counted_since is a time such as 2026-01-31T12:00:00Z."),
    (f"^(|{PATTERN})$",),
    without=(r"\n",),
)

NAMES = Declared(
    "names",
    Items(
        Text(Refusal(BadValue, "bad_query", "A name is text without control characters."), (), without=(FORBIDDEN,)),
        _length("names"),
        most=MOST_NAMES,
    ),
    "Class names; underscores and slashes are read as spaces, as an ordering reads them.",
)
QUERIES = Declared(
    "queries",
    Items(QUERY, _length("queries"), most=MOST_NAMES),
    "What the source is asked. Of several spellings, documents with any are counted, or all occurrences added up.",
)
OPTIONS = (
    Declared("refresh", Boolean(), "Counts again: sets counted_since to the time of the request."),
    Declared(
        "counted_since",
        COUNTED_SINCE,
        "Counts that were kept before this time are not used: UTC; empty for any.",
        ("2026-01-31T12:00:00Z",),
    ),
)

FIELDS = (NAMES, QUERIES, *OPTIONS)
"""The fields of a request for counts; exactly one of the first two is given."""


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
    check_fields(fields, [each.name for each in FIELDS], "")
    for option in OPTIONS:
        if option.name in fields:
            option.shape.check(fields[option.name], f"/{option.name}")
    refresh, counted_since = bool(fields.get("refresh")), str(fields.get("counted_since", ""))
    _check_since(refresh, counted_since)
    names, queries = _parse_asked(fields)
    return CountsRequest(names=names, queries=queries, refresh=refresh, counted_since=counted_since)


def _parse_asked(fields: Mapping[str, object]) -> tuple[tuple[str | None, ...], tuple[Query, ...]]:
    given = [each for each in (NAMES, QUERIES) if fields.get(each.name) is not None]
    if len(given) != 1:
        raise BadValue(
            "missing_field" if not given else "unknown_field",
            "Give either names, as class lists have them, or queries, as the source is to be asked.",
            ["/names", "/queries"],
        )
    given[0].shape.check(fields[given[0].name], f"/{given[0].name}")
    if given == [QUERIES]:
        asked: Sequence[Any] = check_sequence(fields["queries"], "/queries")
        return (None,) * len(asked), tuple(map(query_of, asked))
    names = check_strings(fields["names"], "/names")
    return names, tuple(map(default_query, names))


def _check_since(refresh: bool, counted_since: str) -> None:
    if refresh and counted_since:
        raise BadParameter(
            "bad_parameter",
            "A refresh sets counted_since itself; leave one of the two out.",
            ["/refresh", "/counted_since"],
        )
    if counted_since and time_of(counted_since) is None:
        raise BadParameter("bad_parameter", NO_SUCH_TIME, ["/counted_since"])
