"""Test orderings of groups: datasets in a given order, and another ordering inside years or datasets."""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from concept_orderings.canonical_request import read_canonical
from concept_orderings.catalogue import canonical_name
from concept_orderings.errors import NotEnoughMemory
from concept_orderings.evidence import Need
from concept_orderings.evidence.years import YEAR
from concept_orderings.library import arrange, arrange_request, foreseen_warnings
from concept_orderings.machine import Machine
from concept_orderings.orderings import ORDERINGS, SeededOrdering
from concept_orderings.path import distance_as_cosine, memory_needed, tuned
from concept_orderings.published_streams import published_order
from concept_orderings.request import StreamRequest, parse_request
from unit.concept_orderings.orderings.oracle import sort_key
from unit.concept_orderings.request.bodies import changed, right
from unit.concept_orderings.strategies import (
    GROUPS,
    OF_ANY_CONCEPTS,
    Body,
    embeddings_for,
    evidence_for,
    grouped_requests,
    requests,
)

every_kind_of_groups = pytest.mark.parametrize("kind", GROUPS)
every_kind_inside = pytest.mark.parametrize("inside", ORDERINGS)


def order_of(request: StreamRequest) -> list[str]:
    found = request.ordering.arrangement(request.concepts, evidence_for(request)).order
    return [request.concepts.ids[i] for i in found]


def dataset_of(concept: str) -> str:
    return concept.partition("+++")[0]


def runs_of(values: Iterable[Any]) -> list[Any]:
    return [value for value, _ in groupby(values)]


def group_of(kind: str, request: StreamRequest) -> Callable[[str], Any]:
    """Return a function from a concept to its group."""
    if kind == "dataset":
        return dataset_of
    years = {each.name: YEAR.of(each) for each in request.concepts.datasets}
    return lambda concept: years[dataset_of(concept)]


def alone(body: Body, datasets: set[str]) -> list[str]:
    """Return the order by the ordering inside groups of some datasets, as if there were no others."""
    around = body["ordering"]
    inner = {**({"seed": around["seed"]} if "seed" in around else {}), **around["within"]}
    if not issubclass(ORDERINGS[inner["kind"]], SeededOrdering):
        inner.pop("seed", None)
    lists = [each for each in body["datasets"] if canonical_name(each["name"]) in datasets]
    return order_of(parse_request({**body, "datasets": lists, "ordering": inner, "tasks": {"count": 1}}))


@every_kind_inside
@settings(max_examples=25)
@given(data=st.data(), kind=st.sampled_from(GROUPS))
def test_the_order_inside_a_group_is_that_of_its_concepts_alone(inside: str, kind: str, data: st.DataObject) -> None:
    body = data.draw(grouped_requests([kind], [inside]))
    request = parse_request(body)
    found, key = order_of(request), group_of(kind, request)
    groups = [(group, list(concepts)) for group, concepts in groupby(found, key)]
    plain = parse_request({**body, "ordering": {**body["ordering"], "within": None}})

    # Whole, and in the order that they have without an ordering inside them.
    assert [group for group, _ in groups] == runs_of(map(key, order_of(plain)))
    for _, concepts in groups:
        expected = alone(body, set(map(dataset_of, concepts)))
        assert concepts == (expected[::-1] if body["ordering"].get("reverse") else expected)


@every_kind_inside
@settings(max_examples=25)
@given(data=st.data(), kind=st.sampled_from(GROUPS))
def test_a_request_with_an_ordering_inside_means_one_order(inside: str, kind: str, data: st.DataObject) -> None:
    body = data.draw(grouped_requests([kind], [inside]))
    request = parse_request(body)
    read, found = read_canonical(request.canonical), order_of(request)
    other = {**body, "ordering": {**body["ordering"], "reverse": not body["ordering"].get("reverse", False)}}

    assert (read.canonical, read.ordering) == (request.canonical, request.ordering)
    assert (read.needs, read.outside) == (request.needs, request.outside)
    assert order_of(read) == found
    assert parse_request(json.loads(request.canonical)).canonical == request.canonical
    assert order_of(parse_request(other)) == found[::-1]


OTHER_VALUES: dict[Need, Body] = {
    Need.YEARS: {"/datasets/0/year": 1999},
    Need.EMBEDDINGS: {"/datasets/0/template": "The {}."},
    Need.SCORES: {"/datasets/0/scores/a": 0.75},
    Need.COUNTS: {"/datasets/0/counts/a": 9},
}
"""For each kind of evidence that an ordering may need, another value."""


@every_kind_of_groups
@pytest.mark.parametrize("inside", OF_ANY_CONCEPTS)
@pytest.mark.parametrize("need", OTHER_VALUES)
def test_the_evidence_of_both_is_part_of_the_identity(kind: str, inside: str, need: Need) -> None:
    ordering = {"/ordering": {"kind": kind, "within": {"kind": inside}}}
    one, other = (parse_request(changed({**ordering, **changes})) for changes in ({}, OTHER_VALUES[need]))
    needed = need in ORDERINGS[kind].needs | ORDERINGS[inside].needs

    assert (one.digest != other.digest) is needed
    assert (need in one.needs) is needed


def test_a_seed_counts_inside_groups_unless_they_have_their_own() -> None:
    def canonical(**ordering: Any) -> Any:
        return parse_request({**right(), "ordering": ordering}).as_json()["ordering"]

    inherited = canonical(kind="time", seed=3, within={"kind": "random"})
    assert inherited == canonical(kind="time", within={"kind": "random", "seed": 3})
    assert inherited == canonical(kind="time", seed=7, within={"kind": "random", "seed": 3})
    # The seed around decides nothing there, so that two ways to ask for one order are one request.
    assert (inherited["seed"], inherited["within"]["seed"]) == (0, 3)
    datasets = canonical(kind="dataset", seed=3, within={"kind": "random"})
    assert (datasets["seed"], datasets["within"]["seed"]) == (3, 3)
    both = canonical(kind="dataset", seed=3, datasets_in_order=["TWO", "ONE"], within={"kind": "random", "seed": 5})
    assert (both["seed"], both["within"]["seed"]) == (0, 5)
    assert "seed" not in canonical(kind="time", seed=3, within={"kind": "given"})["within"]


def test_within_takes_the_place_of_within_year() -> None:
    written = parse_request({**right(), "ordering": {"kind": "time", "within": {"kind": "random"}}})
    # Generated clients send the defaults that they see.
    with_default = {"kind": "time", "within_year": "shuffle", "within": {"kind": "random"}}

    assert "within_year" not in written.ordering.as_json()
    assert parse_request({**right(), "ordering": with_default}).canonical == written.canonical


@pytest.mark.parametrize("kind", ["dataset", "time"])
@given(data=st.data())
def test_datasets_come_in_the_order_given(kind: str, data: st.DataObject) -> None:
    body = data.draw(requests([kind]))
    lists = {each["name"]: each["year"] for each in body["datasets"]}
    names = data.draw(st.permutations(list(lists)))
    if kind == "time":
        names = sorted(names, key=lambda name: lists[name])
    ordering = {**body["ordering"], "datasets_in_order": names, "reverse": False, "seed": 5, "within_year": "dataset"}
    if kind == "dataset":
        del ordering["within_year"]
    request = parse_request({**body, "ordering": ordering})
    found = order_of(request)

    assert runs_of(map(dataset_of, found)) == [canonical_name(name) for name in names]
    for _, concepts in groupby(found, dataset_of):
        run = list(concepts)
        assert run == sorted(run, key=lambda concept: sort_key(kind, 5, concept))
    assert read_canonical(request.canonical).ordering == request.ordering


def test_either_name_of_a_dataset_is_one_request() -> None:
    def of(*names: str) -> StreamRequest:
        lists = [{"name": "cifar100", "classes": ["apple"]}, {"name": "DTD", "classes": ["banded"]}]
        ordering = {"kind": "time", "datasets_in_order": list(names)}
        return parse_request({"name": "x", "datasets": lists, "ordering": ordering, "tasks": {"count": 1}})

    request = of("CIFAR100", "dtd")
    assert request.canonical == of("cifar100", "DTD").canonical
    assert request.as_json()["ordering"] == {
        "kind": "time",
        "version": 1,
        "datasets_in_order": ("CIFAR100", "DTD"),
        "within_year": "dataset",
        "seed": 0,
        "reverse": False,
    }


@pytest.mark.parametrize("number", range(1, 6))
def test_the_benchmark_s_sequence_of_datasets_can_be_had(number: int) -> None:
    published = list(published_order(f"fomo/time_incremental_dschunked_{number}"))
    datasets = runs_of(map(dataset_of, published))
    body = {"name": "x", "concepts": published, "tasks": {"by": "dataset"}}

    given_order = arrange({**body, "ordering": {"kind": "time", "datasets_in_order": datasets}})
    assert [runs_of(map(dataset_of, task)) for task in given_order] == [[name] for name in datasets]
    inside = {"kind": "dataset", "datasets_in_order": datasets, "within": {"kind": "given"}}
    assert [each for task in arrange({**body, "ordering": inside}) for each in task] == published


def test_an_order_of_datasets_counts_inside_years() -> None:
    lists = [{"name": name, "classes": ["x", "y"], "year": year} for name, year in (("A", 2), ("B", 2), ("C", 1))]
    lists = [{**each, "year": 2000 + int(str(each["year"]))} for each in lists]
    inner = {"kind": "dataset", "datasets_in_order": ["B", "C", "A"]}
    (task,) = arrange(
        {"name": "x", "datasets": lists, "ordering": {"kind": "time", "within": inner}, "tasks": {"count": 1}}
    )

    assert runs_of(map(dataset_of, task)) == ["C", "B", "A"]


# --- What a manifest says.


def two_years(ordering: Body, sizes: Sequence[int] = (30, 12), **fields: Any) -> Body:
    lists = [
        {
            "name": f"D{i}",
            "classes": [f"class {j}" for j in range(size)],
            "year": 2001 + i,
            "template": "A {}.",
            **fields,
        }
        for i, size in enumerate(sizes)
    ]
    return {"name": "x", "datasets": lists, "ordering": ordering, "tasks": {"count": 2}}


@pytest.mark.parametrize("reverse", [False, True])
def test_the_details_are_those_of_each_group_alone(reverse: bool) -> None:
    inner = {"kind": "similarity", "starts": 20, "refine": 1}
    body = two_years({"kind": "time", "reverse": reverse, "within": inner})
    request = parse_request(body)
    found = arrange_request(request, embeddings=embeddings_for(request).astype(np.float64))
    groups: Any = found.arrangement.details["groups"]

    assert [(each["year"], each["concepts"]) for each in groups] == [(2001, 30), (2002, 12)][:: -1 if reverse else 1]
    assert sorted((each["starts"], each["starts_asked"]) for each in groups) == [(12, 12), (20, 20)]
    for i, name in enumerate(("D0", "D1")):
        lists = [each for each in body["datasets"] if each["name"] == name]
        single = parse_request({**body, "datasets": lists, "ordering": inner})
        expected = arrange_request(single, embeddings=embeddings_for(single).astype(np.float64)).arrangement.details
        entry = dict(groups[:: -1 if reverse else 1][i])
        assert {**entry, "certificate": expected["certificate"]} == {
            "year": 2001 + i,
            "concepts": (30, 12)[i],
            **expected,
        }
    assert found.arrangement.details["certificate"]
    # Along the whole stream, also from one group to the next.
    steps = [found.columns["step_to_next"][i] for i in found.arrangement.order]
    assert [step is None for step in steps] == [False] * 41 + [True]
    total = distance_as_cosine(sum(step for step in steps if step is not None))
    assert found.diagnostics["total_distance"] == pytest.approx(float(total))


def test_concepts_of_different_groups_are_no_ties() -> None:
    def warned(kind: str, sizes: Sequence[int]) -> list[tuple[str, int | None, str]]:
        body = two_years({"kind": kind, "within": {"kind": "frequency"}}, sizes)
        for each in body["datasets"]:
            each["counts"] = dict.fromkeys(each["classes"], 7)
        request = parse_request(body)
        assert foreseen_warnings(request) == arrange_request(request).warnings()
        return [(each.code, each.count, each.detail) for each in arrange_request(request).warnings()]

    assert warned("time", (9, 9)) == []  # 18 concepts have one count, but no group has 10 of them
    ((code, count, detail),) = warned("time", (30, 9))
    assert (code, count) == ("equal_counts", 30)
    assert detail.startswith("In the year 2001: 30 of 30 concepts are in 1 group")
    ((code, count, detail),) = warned("dataset", (12, 30))
    assert (code, count) == ("equal_counts", 42)
    assert detail.startswith("In 2 of 2 datasets, most in D1: 30 of 30 concepts are in 1 group")


def test_a_dtype_of_the_machine_is_warned_of_inside_groups_too() -> None:
    request = parse_request(two_years({"kind": "time", "within": {"kind": "similarity", "dtype": "float32"}}))

    assert "machine_embeddings" in [each.code for each in foreseen_warnings(request)]


def test_the_memory_is_that_of_the_largest_group() -> None:
    request = parse_request(two_years({"kind": "time", "within": {"kind": "similarity"}}, (300, 200)))
    ordering, dimensions = request.ordering, 512
    needed = memory_needed(300, dimensions) + 6 * 200 * dimensions
    ordering.check_memory(request.concepts, dimensions, Machine(memory=needed))

    assert needed < memory_needed(500, dimensions)
    too_little = next(size for size in range(needed, 0, -needed // 50) if not _fits(size, 300, dimensions))
    with pytest.raises(NotEnoughMemory):
        ordering.check_memory(request.concepts, dimensions, Machine(memory=too_little))


def _fits(memory: int, n: int, dimensions: int) -> bool:
    try:
        tuned((n, dimensions), memory)
    except NotEnoughMemory:
        return False
    return True


def test_a_job_is_described_without_lists_that_repeat_the_request() -> None:
    ordering = {"kind": "dataset", "datasets_in_order": ["TWO", "ONE"], "within": {"kind": "given"}}
    brief = parse_request({**right(), "ordering": ordering}).ordering.as_brief_json()

    assert brief == {
        "kind": "dataset",
        "version": 1,
        "seed": 0,
        "reverse": False,
        "within": {"kind": "given", "version": 1, "reverse": False},
    }


@settings(max_examples=20)
@given(data=st.data())
def test_progress_never_falls_and_ends(data: st.DataObject) -> None:
    request = parse_request(data.draw(grouped_requests(["time"], ["similarity"])))
    assume(len(request.concepts) > 1)
    seen: list[tuple[int, int]] = []
    request.ordering.arrangement(
        request.concepts, evidence_for(request), report=lambda done, total: seen.append((done, total))
    )

    n = len(request.concepts)
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {n}
    assert seen[-1] == (n, n)
