"""Test the ordering given: the order in which the request lists the concepts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.errors import BadParameter
from concept_orderings.evidence import Evidence
from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import Body

LISTED: Body = {
    "name": "listed",
    "datasets": [
        {"name": "Z", "classes": ["b", "a"]},
        {"name": "cifar100", "classes": ["pear", "apple", "orange"]},
        {"name": "A", "classes": ["z"]},
    ],
    "ordering": {"kind": "given"},
    "tasks": {"count": 2},
}


def listed_order(body: Body, **parameters: object) -> list[str]:
    """Return the order of a request that needs no evidence."""
    request = parse_request({**body, "ordering": {**body["ordering"], **parameters}})
    return [request.concepts.ids[i] for i in request.ordering.arrangement(request.concepts, Evidence()).order]


LISTING = ["Z+++b", "Z+++a", "CIFAR100+++pear", "CIFAR100+++apple", "CIFAR100+++orange", "A+++z"]


def test_given_keeps_the_order_of_datasets_and_classes() -> None:
    assert listed_order(LISTED) == LISTING
    assert listed_order(LISTED, reverse=True) == LISTING[::-1]


@given(data=st.data())
def test_given_keeps_the_order_of_concepts(data: st.DataObject) -> None:
    concepts = data.draw(st.permutations(LISTING))
    body = {**LISTED, "datasets": None, "concepts": concepts}

    assert listed_order(body) == concepts


def test_given_keeps_the_listing_in_the_canonical_request() -> None:
    request = parse_request(LISTED)
    canonical = json.loads(request.canonical)

    assert canonical["ordering"] == {"kind": "given", "version": 1, "reverse": False, "order": LISTING}
    assert [each["name"] for each in canonical["datasets"]] == ["A", "CIFAR100", "Z"]
    assert canonical["datasets"][1]["classes"] == ["apple", "orange", "pear"]
    assert parse_request(canonical).canonical == request.canonical
    assert listed_order(canonical) == LISTING


def test_two_listings_of_one_set_are_two_requests() -> None:
    other = {**LISTED, "datasets": LISTED["datasets"][::-1]}

    assert parse_request(LISTED).digest != parse_request(other).digest
    assert parse_request({**LISTED, "datasets": None, "concepts": LISTING}).digest == parse_request(LISTED).digest


@pytest.mark.parametrize(
    ("order", "code", "pointers"),
    [
        ([*LISTING[:-1], LISTING[0]], "bad_parameter", ("/ordering/order/0", "/ordering/order/5")),
        ([*LISTING, "A+++unknown"], "bad_parameter", ("/ordering/order/6",)),
        (LISTING[1:], "bad_parameter", ("/ordering/order",)),
        ([], "bad_parameter", ("/ordering/order",)),
        (["apple"], "bad_parameter", ("/ordering/order",)),
        ([1], "bad_parameter", ("/ordering/order",)),
        ("A+++z", "bad_parameter", ("/ordering/order",)),
    ],
    ids=["twice", "not among the concepts", "one lacks", "empty", "no concept", "a number", "a string"],
)
def test_an_order_that_does_not_list_each_concept_once_is_refused(order: object, code: str, pointers: Any) -> None:
    with pytest.raises(BadParameter) as refused:
        parse_request({**LISTED, "ordering": {"kind": "given", "order": order}})
    assert (refused.value.code, refused.value.pointers) == (code, pointers)


def test_given_takes_no_seed() -> None:
    with pytest.raises(BadParameter) as refused:
        parse_request({**LISTED, "ordering": {"kind": "given", "seed": 0}})
    assert (refused.value.code, refused.value.pointers) == ("unknown_parameter", ("/ordering/seed",))


def test_the_brief_form_of_given_leaves_the_listing_out() -> None:
    assert parse_request(LISTED).ordering.as_brief_json() == {"kind": "given", "version": 1, "reverse": False}
