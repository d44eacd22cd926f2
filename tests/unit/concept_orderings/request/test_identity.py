"""Test the canonical form that identifies a request: what changes it and what does not."""

import json
from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.errors import BadParameter, BadValue
from concept_orderings.evidence import EVIDENCE, Need
from concept_orderings.orderings import ORDERINGS
from concept_orderings.parameters import parameter
from concept_orderings.request import parse_request
from concept_orderings.shapes import Boolean, RequestField
from unit.concept_orderings.strategies import OF_ANY_CONCEPTS, Body, grouped_requests, requests, respelled

from .bodies import FIRST, changed, counted, right, scored, with_parameter


def digest_of(changes: Mapping[str, object]) -> str:
    return parse_request(changed(changes)).digest


def test_the_canonical_request_of_an_example() -> None:
    body = changed({"/ordering": {"kind": "time", "seed": 7}, "/tasks": {"by": "year"}})

    # A change here gives every such stream another identity.
    assert parse_request(body).canonical == canonical_json(
        {
            "datasets": [
                {"classes": ["a", "b", "c"], "name": "ONE", "year": 2001},
                {"classes": ["a"], "name": "TWO", "year": 2002},
            ],
            "name": "first",
            "ordering": {"kind": "time", "reverse": False, "seed": 7, "version": 1, "within_year": "shuffle"},
            "tasks": {"by": "year"},
        }
    )


@given(requests() | grouped_requests())
def test_a_canonical_request_is_a_request_with_the_same_canonical_form(body: Body) -> None:
    request = parse_request(body)
    again = parse_request(json.loads(request.canonical))

    assert again.canonical == request.canonical
    assert again.digest == request.digest == sha256_hex(request.canonical)
    assert again.concepts.ids == request.concepts.ids
    assert again.ordering == request.ordering
    assert again.split == request.split


@given(requests() | grouped_requests(), st.integers(0, 2**32))
def test_two_forms_of_a_request_have_one_identity(body: Body, seed: int) -> None:
    other = respelled(body, Random(seed))

    assert parse_request(other).canonical == parse_request(body).canonical


OTHER_VALUES: dict[Need, tuple[str, object]] = {
    # A pointer to a value of this kind of evidence in the valid request, and another value.
    Need.YEARS: (f"{FIRST}/year", 1999),
    Need.EMBEDDINGS: (f"{FIRST}/template", "The {}."),
    Need.SCORES: (f"{FIRST}/scores/a", 0.75),
    Need.COUNTS: (f"{FIRST}/counts/a", 9),
}


@pytest.mark.parametrize("kind", OF_ANY_CONCEPTS)
@pytest.mark.parametrize("need", [need for need, each in EVIDENCE.items() if each.fields and not each.stands_if_given])
def test_evidence_changes_the_identity_only_of_requests_that_need_it(kind: str, need: Need) -> None:
    assert need in OTHER_VALUES, f"a new kind of evidence: add {need} to OTHER_VALUES here, and to right() in bodies.py"
    pointer, other = OTHER_VALUES[need]
    same = digest_of({"/ordering/kind": kind}) == digest_of({"/ordering/kind": kind, pointer: other})

    assert same is (need not in ORDERINGS[kind].needs)


def without_maps() -> Body:
    """Return the valid request with one value for all classes, so that classes can be changed."""
    body = right()
    for each in body["datasets"]:
        each["scores"] = 1
        each["counts"] = dict.fromkeys(each["classes"], 1)
    return body


@pytest.mark.parametrize("kind", OF_ANY_CONCEPTS)
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"/name": "second"}, id="name"),
        pytest.param({"/datasets/1/name": "THREE"}, id="dataset"),
        pytest.param({"/datasets/1/classes": ["b"]}, id="class"),
        pytest.param({f"{FIRST}/classes": ["a", "b", "d"]}, id="another class"),
        pytest.param({"/tasks/count": 1}, id="count"),
        pytest.param({"/tasks": {"by": "dataset"}}, id="rule"),
        pytest.param({"/tasks": {"sizes": [1, 3]}}, id="sizes"),
    ],
)
def test_every_change_of_a_stream_changes_its_identity(kind: str, changes: Mapping[str, object]) -> None:
    one = changed({"/ordering/kind": kind}, without_maps)
    other = changed({"/ordering/kind": kind, **changes}, without_maps)
    for each in other["datasets"]:
        each["counts"] = dict.fromkeys(each["classes"], 1)

    assert parse_request(other).digest != parse_request(one).digest


def underscored() -> Body:
    """Return a request that needs a source of counts, with a name that is not in the form of running text."""
    body = counted()
    body["datasets"][1]["classes"] = ["a_b"]
    return body


OF_A_SOURCE = ("source", "sources", "counted_since", "refresh", "query_form")
# Valid values of string parameters other than their defaults; any string is valid for the others.
FITTING = {"encoder": "fake", "weights": "0" * 64, "counted_since": "2026-01-31T12:00:00Z"}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, each.name) for kind in OF_ANY_CONCEPTS for each in ORDERINGS[kind].parameters()]
)
def test_every_parameter_is_part_of_the_identity(kind: str, name: str) -> None:
    declared = {each.name: each for each in ORDERINGS[kind].parameters()}[name]
    match declared.type:
        case "boolean":
            other: object = not declared.default
        case "integer":
            other = 17
        case "integer or string":
            other = 1
        case "array of strings" if name == "sources":
            other = ["another", "one"]
        case "array of strings" if name == "datasets_in_order":
            other = ["ONE", "TWO"]
        case "array of strings":
            other = list(reversed(parse_request(right()).concepts.ids))
        case "object" if name == "within":
            other = {"kind": "given"}
        case "object":
            other = {"order": list(reversed(parse_request(right()).concepts.ids))}
        case _:
            others = (choice for choice in declared.choices if choice != declared.default)
            other = next(others, FITTING.get(name, "another"))
    if name == "sources":
        base, ordering = scored, {f"/ordering/{name}": other, "/ordering/source": None}
    else:
        of_a_source = scored if Need.SCORES in ORDERINGS[kind].needs else underscored
        base, ordering = of_a_source if name in OF_A_SOURCE else right, {f"/ordering/{name}": other}
    plain = changed({"/ordering/kind": kind}, base)

    assert parse_request(changed(ordering, lambda: plain)).digest != parse_request(plain).digest


@pytest.mark.parametrize("kind", OF_ANY_CONCEPTS)
def test_a_parameter_that_only_checks_is_never_in_the_canonical_request(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = changed({"/ordering/kind": kind})
    without = parse_request(body)
    strict = parameter(False, "Refuses names that look misspelt.", check_only=True)
    monkeypatch.setitem(ORDERINGS, kind, with_parameter(kind, "strict", strict))
    body["ordering"]["strict"] = True

    assert parse_request(body).canonical == without.canonical
    assert parse_request(body).ordering == parse_request(changed({"/ordering/kind": kind})).ordering
    with pytest.raises(BadParameter, match="strict"):
        parse_request(changed({"/ordering/kind": kind, "/ordering/strict": 1}))


def test_a_field_that_only_checks_is_never_in_the_canonical_request(monkeypatch: pytest.MonkeyPatch) -> None:
    without = parse_request(right())
    strict = RequestField("strict", Boolean(), "Refuses names that look misspelt.")
    monkeypatch.setattr("concept_orderings.request.CHECK_FIELDS", (strict,))

    for value in (True, False, None):
        assert parse_request({**right(), "strict": value}).canonical == without.canonical
    with pytest.raises(BadValue, match="/strict must be a boolean"):
        parse_request({**right(), "strict": 1})
