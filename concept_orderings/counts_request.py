"""Requests for counts alone, without an ordering, to look at a source before a stream uses it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from concept_orderings.checks import check_fields, check_mapping, check_sequence, check_strings
from concept_orderings.errors import BadParameter, BadValue
from concept_orderings.evidence.counted_since import (
    NO_SUCH_TIME,
    TIME_PATTERN,
    check_is_past,
    parse_time,
    refreshed_since,
)
from concept_orderings.evidence.counts import QUERY, query_of
from concept_orderings.faults import Faults
from concept_orderings.queries import Query, QueryForm, query_for
from concept_orderings.shapes import Boolean, Choice, Items, Refusal, RequestField, Text
from concept_orderings.text import FORBIDDEN

MOST_NAMES = 100_000
"""The most names or queries in one request."""


def _length(field: str) -> Refusal:
    return Refusal(BadValue, "bad_query", f"Ask for 1 to {MOST_NAMES:,} {field} at once, not {{length}}.")


COUNTED_SINCE = Text(
    Refusal(BadParameter, "bad_parameter", "counted_since is a time such as 2026-01-31T12:00:00Z."),
    (f"^(|{TIME_PATTERN})$",),
    without=(r"\n",),
)

NAMES = RequestField(
    "names",
    Items(
        Text(Refusal(BadValue, "bad_query", "A name is text without control characters."), (), without=(FORBIDDEN,)),
        _length("names"),
        most=MOST_NAMES,
    ),
    "Class names; each is asked for as an ordering asks for it, see `query_form`.",
    (["aquarium_fish", "sunflower"],),
)
QUERIES = RequestField(
    "queries",
    Items(QUERY, _length("queries"), most=MOST_NAMES),
    "The queries sent to the source. For several spellings it counts documents with any of them, or adds up "
    "occurrences.",
    ([["grey wolf", "gray wolf"], "crane bird"],),
)
OPTIONS = (
    RequestField("refresh", Boolean(), "Counts again: sets counted_since to the time of the request."),
    RequestField(
        "counted_since",
        COUNTED_SINCE,
        "Cached counts from before this time are not used: UTC; empty for no limit.",
        ("2026-01-31T12:00:00Z",),
    ),
    RequestField(
        "query_form",
        Choice(
            Refusal(BadParameter, "bad_parameter", f"query_form is one of {', '.join(QueryForm)}."),
            tuple(map(str, QueryForm)),
        ),
        "How names are asked for: words, as running text has them, with underscores and slashes as spaces and both "
        "spellings of an apostrophe; or verbatim, as they are. Queries are sent as they are in any case.",
    ),
)

FIELDS = (NAMES, QUERIES, *OPTIONS)
"""The fields of a request for counts; it has exactly one of the first two."""


@dataclass(frozen=True, kw_only=True)
class CountsRequest:
    """A checked request for counts.

    Attributes
    ----------
    names : tuple of str or None
        Class names; None for each query if the request gives queries.
    queries : tuple of Query
        One for each name.
    refresh : bool
        Whether cached counts must not be used.
    counted_since : str
        Cached counts from before this time must not be used: UTC, as ``2026-01-31T12:00:00Z``; empty for no limit.
    """

    names: tuple[str | None, ...]
    queries: tuple[Query, ...]
    refresh: bool
    counted_since: str

    def as_of(self, now: datetime) -> "CountsRequest":
        """Return the equivalent request in which `refresh` is replaced by the time `now` as `counted_since`.

        Raises
        ------
        BadParameter
            If `counted_since` lies in the future.
        """
        if self.refresh:
            return replace(self, refresh=False, counted_since=refreshed_since(now))
        check_is_past(self.counted_since, now, "/counted_since")
        return self


def parse_counts_request(body: object, *, now: datetime | None = None) -> CountsRequest:
    """Check a request for counts.

    Parameters
    ----------
    body : JSON value
        An object with either `names` or `queries`, and optionally `refresh` or `counted_since`.
    now
        The time of the request, to get the result of `CountsRequest.as_of`. Without it, times are not checked.

    Raises
    ------
    BadValue
        ``wrong_type``, ``missing_field``, ``unknown_field``, ``conflicting_fields`` or ``bad_query``.
    BadParameter
        ``bad_parameter`` if `counted_since` is not a time, or is given together with `refresh`.
    """
    fields = check_mapping(body, "")
    faults = Faults()
    faults.attempt(check_fields, fields, [each.name for each in FIELDS], "")
    faults.attempt(_check_not_both, fields)
    for option in OPTIONS:
        if option.name in fields:
            option.shape.find_faults(fields[option.name], f"/{option.name}", faults)
    refresh, counted_since = bool(fields.get("refresh")), str(fields.get("counted_since", ""))
    if COUNTED_SINCE.fits(counted_since) and counted_since and parse_time(counted_since) is None:
        faults.add(BadParameter("bad_parameter", NO_SUCH_TIME, ["/counted_since"]))
    faults.attempt(_check_one_list, fields)
    for each in (NAMES, QUERIES):
        if fields.get(each.name) is not None:
            each.shape.find_faults(fields[each.name], f"/{each.name}", faults)
    if now is not None and not refresh:
        faults.attempt(check_is_past, counted_since, now, "/counted_since")
    faults.refuse()
    names, queries = _parse_queries(fields)
    request = CountsRequest(names=names, queries=queries, refresh=refresh, counted_since=counted_since)
    return request if now is None else request.as_of(now)


def _check_one_list(fields: Mapping[str, object]) -> None:
    given = [each for each in (NAMES, QUERIES) if fields.get(each.name) is not None]
    if len(given) != 1:
        raise BadValue(
            "conflicting_fields" if given else "missing_field",
            "Give either names, as in class lists, or queries, as they are sent to the source.",
            ["/names", "/queries"],
        )


def _parse_queries(fields: Mapping[str, object]) -> tuple[tuple[str | None, ...], tuple[Query, ...]]:
    if fields.get("queries") is not None:
        given: Sequence[Any] = check_sequence(fields["queries"], "/queries")
        return (None,) * len(given), tuple(map(query_of, given))
    names, form = check_strings(fields["names"], "/names"), QueryForm(str(fields.get("query_form", QueryForm.WORDS)))
    return names, tuple(query_for(name, form) for name in names)


def _check_not_both(fields: Mapping[str, object]) -> None:
    """Refuse a refresh with a text for `counted_since`, also with one that is not a time: one of the two is wrong."""
    counted_since = fields.get("counted_since")
    if fields.get("refresh") is True and isinstance(counted_since, str) and counted_since:
        raise BadParameter(
            "bad_parameter",
            "A refresh sets counted_since itself; leave one of the two out.",
            ["/refresh", "/counted_since"],
        )
