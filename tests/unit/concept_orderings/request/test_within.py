"""Test requests with an ordering inside groups, and with datasets in a given order."""

from datetime import UTC, datetime
from typing import Any

import pytest

from concept_orderings.errors import InvalidInput
from concept_orderings.evidence import Need
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.captions import NeedsEmbeddings
from concept_orderings.evidence.tie_orders import reference_in
from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import Body

from .bodies import FIRST, changed, counted, right, scored
from .refusals import Refusal, each_of

WITHIN = "/ordering/within"
IN_ORDER = "/ordering/datasets_in_order"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def inside(body: Body, kind: str = "time", **ordering: Any) -> Body:
    """Return a request whose ordering stands inside groups."""
    return {**body, "ordering": {"kind": kind, **ordering, "within": body["ordering"]}}


def similar() -> Body:
    return inside({**right(), "ordering": {"kind": "similarity", "encoder": "fake"}})


def of_a_source() -> Body:
    return inside(counted())


def in_order(*names: object, kind: str = "dataset") -> dict[str, object]:
    return {"/ordering": {"kind": kind, "datasets_in_order": list(names)}}


REFUSALS = [
    Refusal("within a string", {WITHIN: "random"}, "wrong_type", [WITHIN], "/ordering/within must be", base=similar),
    Refusal("within without kind", {WITHIN: {}}, "unknown_ordering", [f"{WITHIN}/kind"], "frequency", base=similar),
    Refusal(
        "within of another version",
        {f"{WITHIN}/version": 2},
        "unknown_ordering",
        [f"{WITHIN}/version"],
        "version",
        base=similar,
    ),
    Refusal(
        "within two levels deep",
        {WITHIN: {"kind": "dataset", "within": {"kind": "random"}}},
        "within_too_deep",
        [f"{WITHIN}/within"],
        "one level deep",
        base=similar,
    ),
    Refusal(
        "within in an ordering without groups",
        {"/ordering": {"kind": "random", "within": {"kind": "random"}}},
        "unknown_parameter",
        [WITHIN],
        "'within'",
    ),
    Refusal(
        "unknown parameter inside",
        {f"{WITHIN}/encodr": "fake"},
        "unknown_parameter",
        [f"{WITHIN}/encodr"],
        "did you mean encoder?",
        base=similar,
    ),
    Refusal("bad parameter inside", {f"{WITHIN}/dtype": "x"}, "bad_parameter", [f"{WITHIN}/dtype"], "float64", similar),
    Refusal(
        "within and within_year",
        {"/ordering/within_year": "dataset"},
        "bad_parameter",
        [WITHIN, "/ordering/within_year"],
        "Both",
        base=similar,
    ),
    Refusal(
        "within and datasets in order, by time",
        {IN_ORDER: ["ONE", "TWO"]},
        "bad_parameter",
        [WITHIN, IN_ORDER],
        '{"kind": "dataset"}',
        base=similar,
    ),
    Refusal(
        "a named start inside", {f"{WITHIN}/starts": "ONE+++a"}, "bad_parameter", [f"{WITHIN}/starts"], "group", similar
    ),
    Refusal(
        "a time limit inside", {f"{WITHIN}/max_seconds": 9}, "bad_parameter", [f"{WITHIN}/max_seconds"], "path", similar
    ),
    Refusal(
        "evidence missing inside", {f"{FIRST}/counts": ...}, "missing_counts", [f"{FIRST}/counts"], "ONE",
        base=lambda: inside({**right(), "ordering": {"kind": "frequency"}}),
    ),
    Refusal(
        "counts beside a source inside",
        {f"{FIRST}/counts": {"a": 1}},
        "bad_parameter",
        [f"{WITHIN}/source", f"{FIRST}/counts"],
        "'c4'",
        base=of_a_source,
    ),
    Refusal(
        "scores beside a source inside",
        {f"{FIRST}/scores": 1},
        "bad_parameter",
        [f"{WITHIN}/source", f"{FIRST}/scores"],
        "'a-model'",
        base=lambda: inside(scored()),
    ),
    Refusal(
        "counted in a year without days",
        {f"{WITHIN}/counted_since": "2026-02-31T00:00:00Z"},
        "bad_parameter",
        [f"{WITHIN}/counted_since"],
        "exists",
        base=of_a_source,
    ),
    Refusal(
        "an order that lacks concepts inside",
        {WITHIN: {"kind": "given", "order": ["ONE+++a"]}},
        "bad_parameter",
        [f"{WITHIN}/order"],
        "lacks 3 of 4",
        base=similar,
    ),
    Refusal("datasets in order a string", {IN_ORDER: "ONE"}, "bad_parameter", [IN_ORDER], "datasets_in_order", similar),
    Refusal("a dataset is missing", in_order("TWO"), "bad_parameter", [IN_ORDER], "lacks 1 of 2 datasets; add: 'ONE'"),
    Refusal("no dataset in order", in_order(), "bad_parameter", [IN_ORDER], "add: 'ONE', 'TWO'"),
    Refusal(
        "other datasets",
        in_order("ONE", "two", "X", "TWO"),
        "bad_parameter",
        [f"{IN_ORDER}/1", f"{IN_ORDER}/2"],
        "2 of the 4 datasets in order are not among those of the request",
    ),
    Refusal(
        "a dataset twice", in_order("ONE", "TWO", "ONE"), "bad_parameter", [f"{IN_ORDER}/0", f"{IN_ORDER}/2"], "twice"
    ),
    Refusal(
        "datasets against their years",
        in_order("TWO", "ONE", kind="time"),
        "datasets_against_years",
        [f"{IN_ORDER}/1"],
        "'ONE' of 2001 after 'TWO' of 2002",
    ),
]  # fmt: skip


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


def test_all_faults_are_found_at_once() -> None:
    ordering = {
        "kind": "time",
        "seed": "x",
        "within": {"kind": "similarity", "within": {"kind": "random"}, "dtype": 1, "refin": 2, "max_seconds": 3},
    }
    with pytest.raises(InvalidInput) as refused:
        parse_request({**right(), "ordering": ordering})

    assert [(each.code, each.pointers) for each in refused.value.faults] == [
        ("within_too_deep", (f"{WITHIN}/within",)),
        ("unknown_parameter", (f"{WITHIN}/refin",)),
        ("bad_parameter", (f"{WITHIN}/dtype",)),
        ("bad_parameter", ("/ordering/seed",)),
        ("bad_parameter", (f"{WITHIN}/max_seconds",)),
    ]


def test_a_doubtful_parameter_inside_hides_what_follows_from_it() -> None:
    body = changed({f"{WITHIN}/source": 1, f"{FIRST}/counts": {"a": 1}}, of_a_source)
    with pytest.raises(InvalidInput) as refused:
        parse_request(body)

    assert [each.pointers for each in refused.value.faults] == [(f"{WITHIN}/source",)]


def test_the_datasets_of_an_order_with_other_faults_are_all_named() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_request(changed(in_order("TWO", "X", "TWO", kind="time")))

    assert [each.pointers for each in refused.value.faults] == [
        (f"{IN_ORDER}/0", f"{IN_ORDER}/2"),
        (f"{IN_ORDER}/1",),
        (IN_ORDER,),
    ]


def test_the_encoder_of_a_service_holds_inside_groups() -> None:
    body = {**right(), "ordering": {"kind": "time", "within": {"kind": "similarity"}}}
    request = parse_request(body, defaults={"encoder": "fake"})

    assert parameters_of(request.ordering, NeedsEmbeddings).encoder == "fake"
    assert request.outside == {Need.EMBEDDINGS}


def test_a_refresh_inside_groups_becomes_the_time_of_the_request() -> None:
    request = parse_request(changed({f"{WITHIN}/refresh": True}, of_a_source), now=NOW)

    written: Any = request.as_json()["ordering"]
    assert written["within"]["counted_since"] == "2026-01-31T12:00:01Z"
    assert "refresh" not in written["within"]
    with pytest.raises(InvalidInput) as refused:
        parse_request(changed({f"{WITHIN}/counted_since": "2030-01-01T00:00:00Z"}, of_a_source), now=NOW)
    assert refused.value.pointers == (f"{WITHIN}/counted_since",)


def test_an_order_of_ties_inside_groups_is_found_by_its_name() -> None:
    ties = {"stream": "base@1"}
    body = inside({**right(), "ordering": {"kind": "frequency", "ties": ties}})
    order = ["TWO+++a", "ONE+++c", "ONE+++a", "ONE+++b"]

    assert reference_in(body) == "base@1"
    request = parse_request(body, orders={"base@1": order})
    written: Any = request.as_json()["ordering"]
    assert set(written["within"]["ties"]) == {"digest"}
    assert request.needs == {Need.YEARS, Need.COUNTS, Need.TIES}
    with pytest.raises(InvalidInput) as refused:
        parse_request(body, orders={"base@1": None})
    assert (refused.value.code, refused.value.pointers) == ("ties_not_found", (f"{WITHIN}/ties/stream",))
