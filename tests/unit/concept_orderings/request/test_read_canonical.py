"""Test that a stored canonical request is read by the rules that it was written under, and not by those of today."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings import catalogue
from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.canonical_request import read_canonical
from concept_orderings.concepts import CLASS_NAME, DATASET_NAME
from concept_orderings.errors import UnknownOrdering, UnreadableRequest
from concept_orderings.evidence import EVIDENCE
from concept_orderings.evidence.counts import queries_of
from concept_orderings.library import arrange_request
from concept_orderings.orderings import ORDERINGS
from concept_orderings.orderings.random import Random
from concept_orderings.parameters import parameter
from concept_orderings.queries import Query
from concept_orderings.request import StreamRequest, parse_request
from unit.concept_orderings.strategies import OF_ANY_CONCEPTS, Body, embeddings_for, grouped_requests, requests

from .bodies import changed, counted, right, with_parameter


def documents_of(request: StreamRequest) -> list[bytes]:
    embeddings = embeddings_for(request) if request.outside else None
    tasks, export, manifest = arrange_request(request, embeddings=embeddings).documents(1)
    return [*(each.data for each in tasks), export.data, manifest.data]


@given(requests() | grouped_requests())
def test_a_request_is_read_as_it_was_written(body: Body) -> None:
    request = parse_request(body)
    read = read_canonical(request.canonical)

    assert read.canonical == request.canonical
    assert read.digest == request.digest == sha256_hex(request.canonical)
    assert (read.name, read.ordering, read.split) == (request.name, request.ordering, request.split)
    assert (read.concepts.ids, read.needs, read.outside) == (request.concepts.ids, request.needs, request.outside)


@given(requests() | grouped_requests())
def test_a_request_that_was_read_gives_the_same_documents(body: Body) -> None:
    # A search that its time limit ends may give another order each time.
    body["ordering"].pop("max_seconds", None)
    request = parse_request(body)

    assert documents_of(read_canonical(request.canonical)) == documents_of(request)


def test_queries_are_read_as_they_were_written() -> None:
    body = counted()
    body["datasets"][0]["queries"] = {"a": ["b a", "a"], "b": "the b"}
    request = parse_request(body)

    assert queries_of(read_canonical(request.canonical).concepts) == queries_of(request.concepts)
    assert queries_of(request.concepts) == [Query(("a", "b a")), Query(("the b",)), Query(("c",)), Query(("a",))]


def of_the_catalogue(kind: str) -> Body:
    body: Body = right()
    body["ordering"]["kind"] = kind
    body["datasets"] = [{"name": "cifar100", "classes": ["apple", "bear"], "counts": {"apple": 1, "bear": 2}}]
    return body


@pytest.fixture
def later_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Change the rules for clients' bodies: another catalogue, other defaults, and names of another alphabet."""
    others = [
        replace(each, name=f"THE {each.name}", year=1990, template="{}", zero_shot_score=1.0)
        for each in catalogue.CATALOGUE
    ]
    by_name = {name: other for each, other in zip(catalogue.CATALOGUE, others, strict=True) for name in (each.name,)}
    monkeypatch.setattr(catalogue, "_BY_NAME", by_name)
    for shape in (DATASET_NAME, CLASS_NAME):
        monkeypatch.setitem(shape.__dict__, "patterns", ("^[0-9]$",))
        monkeypatch.setitem(shape.__dict__, "sufficient", "")
        for cached in ("_searches", "_matches"):
            monkeypatch.delitem(shape.__dict__, cached, raising=False)
    for kind in EVIDENCE.values():
        for field in kind.fields:
            monkeypatch.setitem(field.__dict__, "parse", refuse)


def refuse(*_: object) -> object:
    raise AssertionError("a rule for clients' bodies was applied to a stored request")


@pytest.mark.parametrize("kind", OF_ANY_CONCEPTS)
@pytest.mark.parametrize("base", [right, lambda: of_the_catalogue("random")], ids=["given", "catalogue"])
def test_later_rules_for_bodies_do_not_change_it(
    base: Callable[[], Body], kind: str, request: pytest.FixtureRequest
) -> None:
    body = changed({"/ordering/kind": kind}, base)
    written = parse_request(body)
    request.getfixturevalue("later_rules")
    read = read_canonical(written.canonical)

    assert (read.digest, read.concepts.ids, read.ordering) == (written.digest, written.concepts.ids, written.ordering)
    with pytest.raises(AssertionError, match="a rule for clients"):
        parse_request(right())


@pytest.mark.parametrize("kind", OF_ANY_CONCEPTS)
def test_a_parameter_that_is_absent_means_what_it_meant(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = changed({"/ordering/kind": kind})
    before = parse_request(body)
    mode = parameter("new", "A parameter that was added.", absent="old")
    monkeypatch.setitem(ORDERINGS, kind, with_parameter(kind, "mode", mode))
    read, posted = read_canonical(before.canonical), parse_request(body)
    explicit = parse_request(changed({"/ordering/kind": kind, "/ordering/mode": "old"}))

    assert (read.ordering.mode, read.digest) == ("old", before.digest)  # type: ignore[attr-defined]
    assert (posted.ordering.mode, json.loads(posted.canonical)["ordering"]["mode"]) == ("new", "new")  # type: ignore[attr-defined]
    assert explicit.digest == before.digest != posted.digest
    assert read_canonical(posted.canonical).ordering == posted.ordering


def test_a_default_that_changes_leaves_stored_requests_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    body = changed({"/ordering/kind": "similarity"})
    before = parse_request(body)
    dtype = parameter("bfloat16", "Changed.", choices=("float64", "bfloat16"))
    monkeypatch.setitem(ORDERINGS, "similarity", with_parameter("similarity", "dtype", dtype))

    assert read_canonical(before.canonical).ordering.values()["dtype"] == "float64"
    assert parse_request(body).digest != before.digest


def canonical(changes: dict[str, object], base: Callable[[], Body] = right) -> bytes:
    """Return a canonical request with changes that only another release can make."""
    written = json.loads(parse_request(base()).canonical)
    return canonical_json(changed(changes, lambda: written))


def similarity() -> Body:
    body: Body = changed({"/ordering/kind": "similarity"})
    return body


LATER = {
    "a field": canonical({"/language": "en"}),
    "another form of the whole": canonical_json([]),
    "no datasets": canonical({"/datasets": ...}),
    "a kind": canonical({"/ordering/kind": "spiral"}),
    "a version": canonical({"/ordering/version": 2}),
    "no version": canonical({"/ordering/version": ...}),
    "a version in another form": canonical({"/ordering/version": "2b"}),
    "a parameter": canonical({"/ordering/ties": ["a"]}),
    "a choice": canonical({"/ordering/dtype": "float8"}, similarity),
    "a form of a parameter": canonical({"/ordering/seed": [1, 2]}),
    "no parameter": canonical({"/ordering/seed": ...}),
    "a rule for tasks": canonical({"/tasks": {"by": "super-class"}}),
    "another rule for tasks": canonical({"/tasks/overlap": 2}),
    "a number of tasks in another form": canonical({"/tasks/count": "2"}),
    "evidence": canonical({"/datasets/0/language": "en"}),
    "a form of evidence": canonical({"/datasets/0/template": {"en": "A {}."}}, similarity),
    "a form of a template": canonical({"/datasets/0/template": ["{}", 1]}, similarity),
    "synonyms": canonical({"/datasets/0/classes": ["a", "b", ["c", "d"]]}),
    "a dataset by name": canonical({"/datasets/0/classes": ...}),
    "evidence that the ordering does not need": canonical({"/datasets/0/year": 2001}),
    "white space": parse_request(right()).canonical + b"\n",
    "a year in another form": canonical({"/datasets/0/year": "2001"}, lambda: changed({"/ordering/kind": "time"})),
    "scores in another form": canonical(
        {"/datasets/0/scores": {"a": [1, 2], "b": 1, "c": 1}}, lambda: changed({"/ordering/kind": "performance"})
    ),
    "counts in another form": canonical(
        {"/datasets/0/counts/a": "many"}, lambda: changed({"/ordering/kind": "frequency"})
    ),
    "queries in another form": canonical({"/datasets/0/queries": {"a": {"any": ["a"]}}}, counted),
    "queries in a list": canonical({"/datasets/0/queries": ["a"]}, counted),
}


@pytest.mark.parametrize("written", [pytest.param(value, id=name) for name, value in LATER.items()])
def test_a_request_of_a_later_release_is_told_apart(written: bytes) -> None:
    with pytest.raises(UnreadableRequest, match="later release") as refused:
        read_canonical(written)

    assert refused.value.code == "request_of_later_release"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-1, 1) | st.sampled_from(["", "a", "random", "by"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "by", "count"]), inner),
    max_leaves=4,
)


def pointers(value: Any, pointer: str = "") -> list[str]:
    """Return the JSON pointers to a value and to all values in it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    escaped = [(str(name).replace("~", "~0").replace("/", "~1"), each) for name, each in items]
    return [pointer, *(found for name, each in escaped for found in pointers(each, f"{pointer}/{name}"))]


@given(requests() | grouped_requests(), st.data())
def test_whatever_a_later_release_writes_is_read_as_it_stands_or_told_apart(body: Body, data: st.DataObject) -> None:
    written = json.loads(parse_request(body).canonical)
    pointer = data.draw(st.sampled_from(pointers(written)))
    other = canonical_json(changed({pointer: data.draw(JSON_VALUES)}, lambda: written))
    try:
        read = read_canonical(other)
    except (UnreadableRequest, UnknownOrdering):
        return

    assert read.canonical == other


def test_an_earlier_version_of_an_ordering_is_not_taken_for_a_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Random, "version", 2)
    written = canonical({"/ordering/version": 1})

    with pytest.raises(UnknownOrdering, match="of an earlier release"):
        read_canonical(written)


def test_bytes_that_are_no_request_are_no_request_of_another_release() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        read_canonical(b"{")
