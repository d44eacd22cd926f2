"""Test requests as a whole: their fields, arbitrary JSON values, and that every code of a refusal is tested."""

import copy
import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.errors import InvalidInput
from concept_orderings.evidence.captions import captions_of
from concept_orderings.evidence.counts import counts_of
from concept_orderings.evidence.scores import scores_of
from concept_orderings.evidence.years import years_of
from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import Body, grouped_requests, requests

from .bodies import FIRST, changed, right
from .refusals import ERRORS, Refusal, each_of

LISTS = ["/datasets", "/concepts"]

REFUSALS = [
    Refusal("body null", {"": None}, "wrong_type", [""], "The body must be an object"),
    Refusal("body an array", {"": [right()]}, "wrong_type", [""], "an array"),
    Refusal("body a string", {"": "body"}, "wrong_type", [""], "a string"),
    Refusal("unknown field", {"/task": 1}, "unknown_field", ["/task"], "'task'"),
    Refusal(
        "two unknown fields",
        {"/a~1b": 1, "/~0": 2},
        "unknown_field",
        ["/a~1b", "/~0"],
        "name, datasets, concepts, ordering, tasks",
    ),
    Refusal("unknown field, no text", {"/\ud800": 1}, "unknown_field", ["/\ufffd"], r"'\ud800'"),
    Refusal("unknown dataset field", {f"{FIRST}/yaer": 1}, "unknown_field", [f"{FIRST}/yaer"], "'yaer'"),
    Refusal("neither datasets nor concepts", {"/datasets": ...}, "missing_concepts", LISTS, "give datasets"),
    Refusal("datasets and concepts null", {"/datasets": None, "/concepts": None}, "missing_concepts", LISTS, "give"),
    Refusal("both datasets and concepts", {"/concepts": ["A+++a"]}, "conflicting_fields", LISTS, "either"),
    Refusal("datasets an object", {"/datasets": {}}, "wrong_type", ["/datasets"], "an object"),
    Refusal("datasets a string", {"/datasets": "ONE"}, "wrong_type", ["/datasets"], "a string"),
    Refusal("no datasets", {"/datasets": []}, "empty_class_list", ["/datasets"], "at least one"),
    Refusal("dataset a string", {FIRST: "ONE"}, "wrong_type", [FIRST], "a string"),
    Refusal("dataset null", {FIRST: None}, "wrong_type", [FIRST], "null"),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


def _of_all_files() -> Iterator[Refusal]:
    """Yield the rows of every test file in this folder."""
    for each in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if each.name.startswith("test_"):
            yield from getattr(importlib.import_module(f".{each.name}", __package__), "REFUSALS", [])


def test_every_code_of_a_refusal_is_tested() -> None:
    assert {each.code for each in _of_all_files()} == ERRORS.keys()


any_texts = st.text(st.characters(), max_size=5)  # lone surrogates too: JSON's \ud800 reads as one
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_texts, inner, max_size=3),
    max_leaves=6,
)


@given(requests() | grouped_requests(), st.data())
def test_any_json_value_anywhere_is_either_accepted_or_refused_with_a_code(body: Body, data: st.DataObject) -> None:
    *parents, last = data.draw(st.sampled_from(list(_paths(body))))
    place: Any = body
    for token in parents:
        place = place[token]
    place[last] = data.draw(json_values)

    refused = None
    try:
        request = parse_request(body)
    except InvalidInput as error:
        refused = error
    if refused is None:
        assert parse_request(json.loads(request.canonical)).digest == request.digest
    else:
        assert "".join([refused.code, refused.detail, *refused.pointers]).encode()


def _paths(value: object) -> list[list[str | int]]:
    items = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [path for key, inner in items for path in ([key], *([key, *below] for below in _paths(inner)))]


@given(requests() | grouped_requests())
def test_parsing_does_not_change_the_body(body: Body) -> None:
    before = copy.deepcopy(body)

    parse_request(body)

    assert body == before


def test_null_is_the_same_as_leaving_a_field_out() -> None:
    body = changed({"/datasets": [{"name": "ONE", "classes": ["a", "b"]}]})
    nulls = {**body, "concepts": None, "datasets": [{**body["datasets"][0], "year": None, "counts": None}]}

    assert parse_request(nulls).digest == parse_request(body).digest


def test_the_largest_values_are_accepted() -> None:
    most = 2**53 - 1
    largest = {
        "/name": "a" * 128,
        "/ordering": {"kind": "frequency", "seed": most},
        f"{FIRST}/counts/a": most,
        f"{FIRST}/scores/a": 1.7976931348623157e308,
    }
    request = parse_request(changed(largest))

    assert counts_of(request.concepts)[0] == most
    assert parse_request(json.loads(request.canonical)).digest == request.digest


def test_evidence_follows_the_canonical_order_of_concepts() -> None:
    body = changed({f"{FIRST}/classes": ["c", "a", "b"], "/ordering/kind": "frequency"})
    body["datasets"].reverse()
    request = parse_request(body)

    assert request.concepts.ids == ("ONE+++a", "ONE+++b", "ONE+++c", "TWO+++a")
    assert years_of(request.concepts).tolist() == [2001, 2001, 2001, 2002]
    assert scores_of(request.concepts).tolist() == [0.5, 0.25, 0.0, 4.0]
    assert counts_of(request.concepts).tolist() == [3, 2, 1, 0]
    assert captions_of(request.concepts) == ["A a.", "A b.", "A c.", "a"]
    assert counts_of(request.concepts).dtype == years_of(request.concepts).dtype == np.int64
    assert scores_of(request.concepts).dtype == np.float64
