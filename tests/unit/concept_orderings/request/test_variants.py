"""Variants: one body that stands for several requests with several seeds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from concept_orderings.canonical import LARGEST_INTEGER
from concept_orderings.errors import BadValue, InvalidInput
from concept_orderings.library import arrange, arrange_variants, foreseen_of_variants, foreseen_warnings
from concept_orderings.orderings import ORDERINGS, SeededOrdering
from concept_orderings.request import MOST_VARIANTS, StreamRequest, parse_request
from concept_orderings.variants import parse_requests
from unit.concept_orderings.strategies import Body, requests

from .bodies import changed, counted, right

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SEEDED = [kind for kind, ordering in ORDERINGS.items() if issubclass(ordering, SeededOrdering)]


def refused(body: object, most: int = MOST_VARIANTS) -> list[tuple[str, tuple[str, ...]]]:
    with pytest.raises(InvalidInput) as caught:
        parse_requests(body, most=most)
    return [(each.code, each.pointers) for each in caught.value.faults]


def asked(body: object, most: int = MOST_VARIANTS) -> list[StreamRequest]:
    return parse_requests(body, most=most).requests


def variants_of(body: Body, number: int) -> list[StreamRequest]:
    """Return the variants; skip an example whose seed changes nothing."""
    try:
        return parse_requests({**body, "variants": number}, now=NOW).requests
    except InvalidInput as error:
        assume(error.code != "seed_changes_nothing")
        raise


@given(requests(SEEDED), st.integers(2, 4), st.integers(-(2**53) + 1, 2**53 - 5))
def test_each_variant_is_the_request_that_is_posted_alone(body: Body, number: int, seed: int) -> None:
    body["ordering"]["seed"] = seed
    alone = [
        parse_request(
            {**body, "name": f"{body['name']}-{k + 1}", "ordering": {**body["ordering"], "seed": seed + k}}, now=NOW
        )
        for k in range(number)
    ]
    found = variants_of(body, number)
    assert [each.canonical for each in found] == [each.canonical for each in alone]
    assert foreseen_of_variants(found) == list(map(foreseen_warnings, alone))


@pytest.mark.parametrize("kind", ORDERINGS)
def test_no_canonical_request_has_variants(kind: str) -> None:
    ties: Mapping[str, object] = {"/datasets/0/counts": {"a": 3, "b": 3, "c": 3}, "/datasets/0/scores": 1}
    body = changed(
        {
            "/ordering": {"kind": kind},
            **ties,
            "/datasets/1/template": "A {}.",
            "/datasets/1/classes": ["a", "d"],
            "/datasets/1/counts": {"a": 3, "d": 9},
        }
    )
    if not issubclass(ORDERINGS[kind], SeededOrdering):
        assert refused({**body, "variants": 5})[-1] == ("seed_changes_nothing", ("/variants", "/ordering/kind"))
        return
    found = asked({**body, "variants": 5})
    assert [each.name for each in found] == [f"first-{k}" for k in range(1, 6)]
    assert not any(b"variants" in each.canonical for each in found)


def test_the_seed_of_a_variant_may_be_left_to_the_ordering_inside_groups() -> None:
    body = changed({"/ordering": {"kind": "time", "seed": 7, "within": {"kind": "random"}}})
    requests, first_seed = parse_requests({**body, "variants": 3})
    assert first_seed == 7
    inside = [each.ordering.as_json()["within"] for each in requests]
    assert [each["seed"] for each in inside if isinstance(each, dict)] == [7, 8, 9]


def test_the_library_arranges_each_variant() -> None:
    body = right()
    alone = {f"first-{k}": arrange({**body, "ordering": {"kind": "random", "seed": k - 1}}) for k in (1, 2, 3)}
    assert arrange_variants({**body, "variants": 3}) == alone
    assert arrange_variants(body) == {"first": arrange(body)}


def test_many_variants_are_not_arranged_to_foresee_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    body = changed({"/ordering": {"kind": "random"}, "/tasks": {"by": "dataset"}})
    requests = asked({**body, "variants": 5})
    assert any(foreseen_of_variants(requests))
    monkeypatch.setattr("concept_orderings.library.MOST_FORESEEN", 4 * len(requests) - 1)
    fewer = foreseen_of_variants(requests)
    assert [len(each) for each in fewer] < [len(each) for each in map(foreseen_warnings, requests)]


def test_without_variants_there_is_one_request() -> None:
    (request,) = asked({**right(), "variants": None})
    assert request.canonical == parse_request(right()).canonical
    assert request.name == "first"


@pytest.mark.parametrize("value", [0, 1, -5, 101, 10**9, 2.5, 1e300, True, "5", [5], {}])
def test_a_number_that_is_none_is_refused(value: object) -> None:
    assert refused({**right(), "variants": value}) == [("bad_variants", ("/variants",))]


def test_a_whole_float_is_no_integer_as_elsewhere() -> None:
    # A seed of 5.0 is refused in the same way.
    assert refused({**right(), "variants": 5.0}) == [("bad_variants", ("/variants",))]


def test_more_variants_than_there_is_room_for_are_refused() -> None:
    assert len(asked({**right(), "variants": 3}, most=3)) == 3
    assert refused({**right(), "variants": 4}, most=3) == [("bad_variants", ("/variants",))]
    assert refused({**right(), "variants": 2}, most=1) == [("bad_variants", ("/variants",))]


def test_a_misspelt_field_is_named() -> None:
    with pytest.raises(InvalidInput, match="did you mean variants") as caught:
        asked({**right(), "varaints": 5})
    assert caught.value.code == "unknown_field"


def test_one_request_has_no_variants() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_request({**right(), "variants": 5})
    assert (caught.value.code, caught.value.pointers) == ("bad_variants", ("/variants",))


@pytest.mark.parametrize(("number", "longest"), [(9, 126), (10, 125), (100, 124)])
def test_the_last_name_must_not_be_too_long(number: int, longest: int) -> None:
    body = changed({"/name": "a" * longest})
    assert len(asked({**body, "variants": number})[-1].name) == 128
    body = changed({"/name": "a" * (longest + 1)})
    assert refused({**body, "variants": number}) == [("bad_stream_name", ("/name", "/variants"))]


def test_the_last_seed_must_not_be_too_large() -> None:
    body = changed({"/ordering/seed": LARGEST_INTEGER - 4})
    assert len(asked({**body, "variants": 5})) == 5
    assert refused({**body, "variants": 6}) == [("bad_parameter", ("/ordering/seed", "/variants"))]


def test_all_faults_are_named_at_once() -> None:
    body = changed({"/name": "a" * 128, "/ordering/seed": LARGEST_INTEGER, "/tasks/count": 9, "/datasets/0/year": 12})
    body["variants"] = 2
    # The year is not needed here, and a wrong value is named all the same.
    assert {code for code, _ in refused(body)} == {"bad_year", "bad_task_count", "bad_parameter", "bad_stream_name"}
    body["variants"] = 0
    assert {code for code, _ in refused(body)} == {"bad_year", "bad_task_count", "bad_variants"}
    assert refused({"variants": 2}) == refused({})
    assert refused({**body, "ordering": []})[-1] == ("bad_variants", ("/variants",))


ONE_ORDER: Mapping[str, Body] = {
    "given": changed({"/ordering": {"kind": "given"}}),
    "counts that all differ": changed({"/ordering": {"kind": "frequency", "source": "request"}}),
    "scores that all differ": changed({"/ordering": {"kind": "performance"}}),
    "ties in an order": changed(
        {
            "/ordering": {"kind": "performance", "ties": {"order": ["ONE+++b", "ONE+++a", "TWO+++a", "ONE+++c"]}},
            "/datasets/0/scores": 4,
        }
    ),
    "years of one concept": changed(
        {
            "/ordering": {"kind": "time"},
            "/datasets/0/classes": ["a"],
            "/datasets/0/counts": {"a": 1},
            "/datasets/0/scores": 1,
        }
    ),
    "one concept": changed({"/datasets": [{"name": "ONE", "classes": ["a"]}], "/tasks/count": 1}),
    "captions that all differ": changed({"/ordering": {"kind": "typicality"}}),
    "a path from one start": changed({"/ordering": {"kind": "similarity", "starts": "ONE+++a"}}),
    "paths inside years": changed({"/ordering": {"kind": "time", "within": {"kind": "typicality"}}}),
    "a seed of its own inside years": changed({"/ordering": {"kind": "time", "within": {"kind": "random", "seed": 3}}}),
    "counts inside datasets in order": changed(
        {
            "/ordering": {
                "kind": "dataset",
                "datasets_in_order": ["TWO", "ONE"],
                "within": {"kind": "frequency", "source": "request"},
            }
        }
    ),
    "paths of many concepts": {
        "name": "paths",
        "datasets": [{"name": "cifar100"}],
        "ordering": {"kind": "similarity"},
        "tasks": {"count": 5},
    },
}


@pytest.mark.parametrize("why", ONE_ORDER)
def test_variants_of_one_order_are_refused(why: str) -> None:
    ((code, pointers),) = refused({**ONE_ORDER[why], "variants": 5})
    assert code == "seed_changes_nothing"
    assert pointers[0] == "/variants"


def test_the_seed_that_decides_inside_groups_is_pointed_to() -> None:
    body = changed({"/ordering": {"kind": "time", "within": {"kind": "random", "seed": 3}}})
    ((code, pointers),) = refused({**body, "variants": 5})
    assert (code, pointers) == ("seed_changes_nothing", ("/variants", "/ordering/seed", "/ordering/within/seed"))


def test_the_ordering_that_uses_the_seed_is_named() -> None:
    ordering = {"kind": "time", "within": {"kind": "similarity"}}
    body = {"name": "paths", "datasets": [{"name": "cifar100"}], "ordering": ordering, "tasks": {"count": 5}}
    with pytest.raises(BadValue, match="similarity uses its seed for equal distances"):
        parse_requests({**body, "variants": 5})


SEVERAL_ORDERS: Mapping[str, Body] = {
    "equal counts": changed({"/ordering": {"kind": "frequency", "source": "request"}, "/datasets/0/counts/b": 3}),
    "counts of a source": counted(),
    "scores of a file": changed(
        {"/ordering": {"kind": "performance", "source": "a"}, "/datasets/0/scores": ..., "/datasets/1/scores": ...}
    ),
    "one year": changed({"/ordering": {"kind": "time"}}),
    "captions that look the same to some encoders": changed(
        {
            "/ordering": {"kind": "typicality"},
            "/datasets/1/template": "a\u0301 {}.",
            "/datasets/1/classes": ["A"],
            "/datasets/1/counts": {"A": 1},
        }
    ),
    "paths inside datasets": changed({"/ordering": {"kind": "dataset", "within": {"kind": "typicality"}}}),
    "few concepts inside years": changed({"/ordering": {"kind": "time", "within": {"kind": "similarity"}}}),
    "few concepts": changed({"/ordering": {"kind": "similarity"}}),
    "starts that are drawn": {**ONE_ORDER["paths of many concepts"], "ordering": {"kind": "similarity", "starts": 9}},
    "a time limit": {**ONE_ORDER["paths of many concepts"], "ordering": {"kind": "similarity", "max_seconds": 9}},
}


@pytest.mark.parametrize("why", SEVERAL_ORDERS)
def test_variants_that_may_differ_are_accepted(why: str) -> None:
    found = asked({**SEVERAL_ORDERS[why], "variants": 5})
    assert all(one.digest != other.digest for one, other in pairwise(found))


def test_seeds_that_happen_to_give_one_order_are_refused() -> None:
    """Two concepts with a tie: some pairs of seeds give one order, and their variants would not differ."""
    body = changed({"/datasets": [{"name": "ONE", "classes": ["a", "b"]}]})
    codes = set[int | str]()
    for seed in range(12):
        body["ordering"]["seed"] = seed
        try:
            codes.add(len(asked({**body, "variants": 2})))
        except InvalidInput as error:
            codes.add(error.code)
    assert codes == {2, "seed_changes_nothing"}
