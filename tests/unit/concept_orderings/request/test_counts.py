"""Test counts of classes, and the parameters of sources of counts."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given

from concept_orderings.errors import BadParameter
from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import Body, requests

from .bodies import FIRST, changed, counted
from .refusals import Refusal, each_of

COUNTS = f"{FIRST}/counts"
SINCE = "2026-01-31T12:00:00Z"

REFUSALS = [
    Refusal("counts an array", {COUNTS: [1, 2, 3]}, "wrong_type", [COUNTS], "an array"),
    Refusal("counts a number", {COUNTS: 3}, "wrong_type", [COUNTS], "a number"),
    *(
        Refusal(f"count {value!r:.20}", {f"{COUNTS}/b": value}, "bad_count", [f"{COUNTS}/b"], "integer")
        for value in [-1, 1.0, math.nan, True, "1", None, 2**53, 10**400]
    ),
    Refusal(
        "counts of no class",
        {COUNTS: {"a": 1, "d/e": 1, "D": 2}},
        "bad_count",
        [f"{COUNTS}/D", f"{COUNTS}/d~1e"],
        "'D'",
    ),
    Refusal(
        "frequency without counts",
        {"/ordering/kind": "frequency", COUNTS: ...},
        "missing_counts",
        [COUNTS],
        "for ONE:",
    ),
    Refusal(
        "frequency without counts for one class",
        {"/ordering/kind": "frequency", f"{COUNTS}/b": ...},
        "missing_counts",
        [COUNTS],
        "for ONE:",
    ),
    Refusal(
        "several datasets without counts",
        {"/datasets": [{"name": f"D{i:02}", "classes": ["a"]} for i in range(12)], "/ordering/kind": "frequency"},
        "missing_counts",
        [f"/datasets/{i}/counts" for i in range(12)],
        "D00, D01, D02, D03, D04, D05, D06, D07, D08, D09 and 2 more:",
    ),
    *(
        Refusal(
            f"source {value!r}",
            {"/ordering": {"kind": "frequency", "source": value}},
            "bad_parameter",
            ["/ordering/source"],
            "source",
        )
        for value in [None, 1, False, "\ud800", "c4\n"]
    ),
    Refusal(
        "counts in the request and a source",
        {"/ordering": {"kind": "frequency", "source": "c4"}},
        "bad_parameter",
        ["/ordering/source", COUNTS, "/datasets/1/counts"],
        "ONE, TWO",
    ),
    Refusal(
        "counts in the request and refresh",
        {"/ordering": {"kind": "frequency", "refresh": True}},
        "bad_parameter",
        ["/ordering/refresh"],
        "leave refresh out",
    ),
    Refusal(
        "counts in the request and counted_since",
        {"/ordering": {"kind": "frequency", "counted_since": SINCE}},
        "bad_parameter",
        ["/ordering/counted_since"],
        "leave counted_since out",
    ),
    Refusal(
        "refresh a string",
        {"/ordering/refresh": "yes"},
        "bad_parameter",
        ["/ordering/refresh"],
        "boolean",
        base=counted,
    ),
    *(
        Refusal(
            f"counted_since {value!r}",
            {"/ordering/counted_since": value},
            "bad_parameter",
            ["/ordering/counted_since"],
            detail,
            base=counted,
        )
        for value, detail in [
            ("2026-01-31", SINCE),
            ("2026-01-31T12:00:00+00:00", SINCE),
            ("2026-02-30T12:00:00Z", "not a time that exists"),
            ("0000-01-01T00:00:00Z", "not a time that exists"),
            (None, "UTC"),
        ]
    ),
    Refusal(
        "refresh and counted_since",
        {"/ordering/counted_since": SINCE, "/ordering/refresh": True},
        "bad_parameter",
        ["/ordering/refresh", "/ordering/counted_since"],
        "leave one",
        base=counted,
    ),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


def test_a_refresh_becomes_the_time_of_the_request() -> None:
    now = datetime(2026, 1, 31, 13, 59, 59, 1, tzinfo=timezone(timedelta(hours=2)))
    queries = {f"{FIRST}/queries": {"a": "x"}}
    request = parse_request(changed({**queries, "/ordering/refresh": True}, counted))
    settled = request.as_of(now)
    written = parse_request(changed({**queries, "/ordering/counted_since": SINCE}, counted))

    assert json.loads(request.canonical)["ordering"]["refresh"] is True
    assert "refresh" not in json.loads(settled.canonical)["ordering"]
    assert settled.digest == written.digest == settled.as_of(now).digest
    assert parse_request(json.loads(settled.canonical)).digest == settled.digest
    assert settled.digest != request.digest


@pytest.mark.parametrize(("seconds", "refused"), [(0, False), (60, False), (61, True)])
def test_a_time_in_the_future_is_refused_with_a_pointer(seconds: int, refused: bool) -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    since = (now + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = changed({f"{FIRST}/queries": {"a": "x"}, "/ordering/counted_since": since}, counted)
    request = parse_request(body)
    if not refused:
        assert request.as_of(now) == request
        return
    with pytest.raises(BadParameter, match="in the future") as caught:
        request.as_of(now)
    assert (caught.value.code, caught.value.pointers) == ("bad_parameter", ("/ordering/counted_since",))


@given(requests())
def test_a_request_without_refresh_does_not_change(body: Body) -> None:
    request = parse_request(body)

    assert request.as_of(datetime(2026, 1, 31, tzinfo=UTC)).canonical == request.canonical
