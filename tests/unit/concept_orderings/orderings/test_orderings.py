"""Test the properties of all registered orderings, and each rule against an oracle."""

import hashlib
import json
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from concept_orderings import orderings as registry
from concept_orderings.evidence import Evidence, Need
from concept_orderings.evidence.counts import counts_of
from concept_orderings.evidence.scores import scores_of
from concept_orderings.evidence.years import years_of
from concept_orderings.faults import Faults
from concept_orderings.orderings import ORDERINGS, Ordering, SeededOrdering, parse_ordering
from concept_orderings.orderings.groups import OrdersGroups
from concept_orderings.request import StreamRequest, parse_request
from unit.concept_orderings.orderings.oracle import block, selected, sort_key
from unit.concept_orderings.strategies import Body, evidence_for, example_of, requests, respelled

KINDS = list(ORDERINGS)
SEEDED = ["time", "dataset", "random"]  # the seed changes their order even without ties
every_kind = pytest.mark.parametrize("kind", KINDS)
SEEDED_KINDS = [kind for kind, ordering in ORDERINGS.items() if issubclass(ordering, SeededOrdering)]
every_seeded_kind = pytest.mark.parametrize("kind", SEEDED_KINDS)


def order_indices(body: Body, **parameters: object) -> NDArray[np.int64]:
    request = parse_request({**body, "ordering": {**body["ordering"], **parameters}})
    return request.ordering.arrangement(request.concepts, evidence_for(request)).order


def order_ids(body: Body, **parameters: object) -> list[str]:
    request = parse_request(body)
    return [request.concepts.ids[i] for i in order_indices(body, **parameters)]


def drawn(data: st.DataObject, kind: str) -> Body:
    return data.draw(requests([kind]))


@every_kind
@given(data=st.data())
def test_an_order_is_a_permutation(kind: str, data: st.DataObject) -> None:
    body = drawn(data, kind)
    order = order_indices(body)

    assert order.dtype == np.int64
    assert order.shape == (sum(len(each["classes"]) for each in body["datasets"]),)
    assert sorted(order.tolist()) == list(range(len(order)))


@every_kind
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_an_order_depends_only_on_the_meaning_of_the_request(kind: str, data: st.DataObject, seed: int) -> None:
    body = drawn(data, kind)

    assert order_ids(respelled(body, Random(seed))) == order_ids(body)


@every_kind
@given(data=st.data())
def test_reverse_is_the_exact_reversal(kind: str, data: st.DataObject) -> None:
    body = drawn(data, kind)

    assert order_ids(body, reverse=True) == order_ids(body, reverse=False)[::-1]


@every_kind
def test_a_reversed_order_owns_its_memory(kind: str) -> None:
    # Code that passes the buffer on may not expect a negative stride.
    assert order_indices(block(kind), reverse=True).flags.c_contiguous


@every_seeded_kind
def test_another_seed_orders_ties_in_another_way(kind: str) -> None:
    body = block(kind)
    if Need.EMBEDDINGS in ORDERINGS[kind].needs:
        # In this request all distances are equal, so all concepts are tied.
        orders = [tied_by_distance(kind, seed) for seed in (0, 1)]
    else:
        orders = [order_ids(body, seed=seed) for seed in (0, 1)]

    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


def tied_by_distance(kind: str, seed: int) -> list[str]:
    """Return the order of concepts whose embeddings have equal distances to each other and to their mean."""
    request = parse_request(block(kind, datasets=1, seed=seed))
    corners = Evidence(embeddings=np.eye(len(request.concepts), dtype=np.float32))
    return [request.concepts.ids[i] for i in request.ordering.arrangement(request.concepts, corners).order]


# By time and by dataset, whole years and datasets come first, and their concepts by key.
@pytest.mark.parametrize("kind", [kind for kind in SEEDED_KINDS if kind not in ("time", "dataset")])
def test_ties_are_broken_by_key_not_alphabetically(kind: str) -> None:
    found = tied_by_distance(kind, 0) if Need.EMBEDDINGS in ORDERINGS[kind].needs else order_ids(block(kind))

    assert found == sorted(found, key=lambda concept: sort_key(kind, 0, concept))
    assert found != sorted(found)
    assert found != sorted(found, reverse=True)


@every_seeded_kind
@given(identifier=st.text(), seed=st.integers(-(2**53) + 1, 2**53 - 1))
def test_the_key_is_the_digest_of_kind_version_seed_and_name(kind: str, identifier: str, seed: int) -> None:
    assert seeded(kind, seed).key(identifier).hex() == sort_key(kind, seed, identifier)


def seeded(kind: str, seed: int) -> SeededOrdering:
    ordering = ORDERINGS[kind](seed=seed)  # type: ignore[call-arg]
    assert isinstance(ordering, SeededOrdering)
    return ordering


def seed_of(request: StreamRequest) -> int:
    assert isinstance(request.ordering, SeededOrdering)
    return request.ordering.seed


@given(data=st.data())
def test_random_is_sorted_by_key(data: st.DataObject) -> None:
    body = drawn(data, "random")
    seed = data.draw(st.integers(0, 5))
    found = order_ids(body, seed=seed, reverse=False)

    assert found == sorted(found, key=lambda concept: sort_key("random", seed, concept))


@pytest.mark.parametrize("kind", ["performance", "frequency", "time", "dataset", "random"])
@given(data=st.data())
def test_leaving_a_dataset_out_does_not_change_the_order_of_the_others(kind: str, data: st.DataObject) -> None:
    body = drawn(data, kind)
    assume(len(body["datasets"]) > 1)
    without = {**body, "datasets": body["datasets"][1:], "tasks": {"count": 1}}
    left = set(parse_request(without).concepts.ids)

    assert [concept for concept in order_ids({**body, "tasks": {"count": 1}}) if concept in left] == order_ids(without)


def runs_of(values: list[Any]) -> list[Any]:
    return [value for value, _ in groupby(values)]


def dataset_of(concept: str) -> str:
    return concept.partition("+++")[0]


@given(data=st.data())
def test_performance_orders_from_easy_to_hard(data: st.DataObject) -> None:
    body = drawn(data, "performance")
    request = parse_request(body)
    score = dict(zip(request.concepts.ids, scores_of(request.concepts).tolist(), strict=True))
    seed = seed_of(request)
    found = order_ids(body, reverse=False)

    assert found == selected(found, lambda concept: (-score[concept], sort_key("performance", seed, concept)))


@given(data=st.data())
def test_frequency_orders_from_rare_to_frequent(data: st.DataObject) -> None:
    body = drawn(data, "frequency")
    counts = {
        (each["name"].lower(), name): count for each in body["datasets"] for name, count in each["counts"].items()
    }
    request = parse_request(body)
    count = dict(zip(request.concepts.ids, counts_of(request.concepts).tolist(), strict=True))
    found = order_ids(body, reverse=False)

    assert sorted(count.values()) == sorted(counts.values())
    assert found == selected(found, lambda concept: (count[concept], sort_key("frequency", seed_of(request), concept)))


@pytest.mark.parametrize("within_year", ["shuffle", "dataset"])
@given(data=st.data())
def test_time_orders_by_year(within_year: str, data: st.DataObject) -> None:
    body = drawn(data, "time")
    request = parse_request(body)
    year = dict(zip(request.concepts.ids, years_of(request.concepts).tolist(), strict=True))
    found = [year[concept] for concept in order_ids(body, within_year=within_year, reverse=False)]

    assert found == sorted(year.values())


@given(data=st.data())
def test_time_keeps_datasets_together_if_within_year_is_dataset(data: st.DataObject) -> None:
    body = drawn(data, "time")
    found = [dataset_of(concept) for concept in order_ids(body, within_year="dataset")]

    assert len(runs_of(found)) == len(body["datasets"])


def test_time_mixes_the_datasets_of_a_year_by_default() -> None:
    found = [dataset_of(concept) for concept in order_ids(block("time"))]

    assert len(runs_of(found)) > 10
    assert order_ids(block("time", within_year="dataset")) != order_ids(block("time"))


@given(data=st.data())
def test_dataset_keeps_each_dataset_together(data: st.DataObject) -> None:
    body = drawn(data, "dataset")
    request = parse_request(body)
    found = order_ids(body, reverse=False)
    order_of_datasets = runs_of([dataset_of(concept) for concept in found])

    assert len(order_of_datasets) == len(body["datasets"])
    assert order_of_datasets == sorted(order_of_datasets, key=lambda name: sort_key("dataset", seed_of(request), name))


@pytest.mark.parametrize("kind", ["dataset", "time"])
def test_concepts_within_a_dataset_are_shuffled(kind: str) -> None:
    parameters = {"within_year": "dataset"} if kind == "time" else {}
    (found,) = [list(run) for _, run in groupby(order_ids(block(kind, datasets=1), **parameters), dataset_of)]

    assert found != sorted(found)


def test_orders_of_two_seeds_are_unrelated() -> None:
    first, second = (order_indices(block("random", 5, 100), seed=seed) for seed in (0, 1))
    ranks = np.array([np.argsort(order) for order in (first, second)])

    # The rank correlation of unrelated orders of 500 has a standard deviation of 0.045.
    assert abs(np.corrcoef(ranks[0], ranks[1])[0, 1]) < 0.2


def test_a_shuffle_gives_each_concept_the_first_place_equally_often() -> None:
    """With 2,000 seeds, each of four concepts comes first about equally often (chi-squared, p > 0.001)."""
    body = block("random", 1, 4)
    request = parse_request(body)
    firsts = [order_with_seed(request, seed)[0] for seed in range(2_000)]
    counts = np.bincount(firsts, minlength=4)

    assert ((counts - 500) ** 2 / 500).sum() < 16.27


def order_with_seed(request: StreamRequest, seed: int) -> NDArray[np.int64]:
    return seeded("random", seed).arrangement(request.concepts, Evidence()).order


GOLDEN: dict[str, tuple[Body, list[str], str]] = {
    # parameters, the first of the golden request's concepts, SHA-256 of the whole order
    "performance": (
        {"kind": "performance"},
        ["DATASET 3+++class 1", "DATASET 1+++class 3", "DATASET 3+++class 5"],
        "0b127e6b07781262e196016644db88b301eebd4a834ebee275f43cadf9bd2f20",
    ),
    "frequency": (
        {"kind": "frequency"},
        ["DATASET 2+++class 4", "DATASET 3+++class 1", "DATASET 0+++class 5"],
        "fba3f2329cfc23cc388f3bcb927dc1d1922c9ea8724a57f707e57f7ebfe84ea0",
    ),
    "similarity": (
        {"kind": "similarity"},
        ["DATASET 2+++class 1", "DATASET 2+++class 6", "DATASET 3+++class 4"],
        "578bc2b743744ba2b12b30ec96ea57928a74936f7ae22bda5ba9edc59906e8be",
    ),
    "time": (
        {"kind": "time"},
        ["DATASET 0+++class 4", "DATASET 3+++class 6", "DATASET 0+++class 1"],
        "ad1f15c2f6e007ddc88600fc989cd9ae2752381a02aa14c78212af9eaa6472de",
    ),
    "time by dataset": (
        {"kind": "time", "within_year": "dataset", "seed": -5},
        ["DATASET 3+++class 5", "DATASET 3+++class 1", "DATASET 3+++class 2"],
        "a25f3db20d62bd1c4b3a4872d523cfc808555375d31cd323902ce326ea50cb45",
    ),
    "dataset": (
        {"kind": "dataset"},
        ["DATASET 4+++class 2", "DATASET 4+++class 0", "DATASET 4+++class 4"],
        "354cefbbed6d507cc725eb03a953c241404251b973dfab16dd5bc68df79a715f",
    ),
    "random": (
        {"kind": "random"},
        ["DATASET 1+++class 6", "DATASET 1+++class 4", "DATASET 1+++class 5"],
        "eaa6b736d408169f1177433d5ea2d8d6303f6384079d57739b6b221138b9e6c8",
    ),
    "given": (
        {"kind": "given"},
        ["DATASET 0+++class 0", "DATASET 0+++class 1", "DATASET 0+++class 2"],
        "fa48e27c5d03b4f1d65b726881a1f4d275f6966151ae0134eb3fb36ab6b4fbcc",
    ),
    "typicality": (
        {"kind": "typicality"},
        ["DATASET 0+++class 4", "DATASET 0+++class 0", "DATASET 0+++class 3"],
        "c23e060033991c115d5205228ce805ad6f6fc63081c1e74164d0ab2b192c7b0d",
    ),
    "published": (
        {"kind": "published", "stream": "icarl/cifar100"},
        ["CIFAR100+++road", "CIFAR100+++palm_tree", "CIFAR100+++snake"],
        "dac6bb5a48289b2cc0090bfd6b49bef42d9d5005a30a94ee399ec6801ec9e149",
    ),
    "random, seed 1, reversed": (
        {"kind": "random", "seed": 1, "reverse": True},
        ["DATASET 1+++class 3", "DATASET 3+++class 1", "DATASET 2+++class 4"],
        "321f435add892419557e9a9a6b2310b36fce78fb7495fa030421b232bb00417a",
    ),
}


def golden_request(kind: str, **parameters: object) -> Body:
    """Return a request over five datasets of seven classes whose evidence has ties."""
    lists = []
    for i in range(5):
        classes = [f"class {j}" for j in range(7)]
        lists.append(
            {
                "name": f"DATASET {i}",
                "classes": classes,
                "year": 2000 + i % 3,
                "template": "A photo of a {}.",
                "scores": {name: (i * j) % 4 / 4 for j, name in enumerate(classes)},
                "counts": {name: (i + 2 * j) % 5 for j, name in enumerate(classes)},
            }
        )
    body = {"name": "golden", "ordering": {**example_of(kind), **parameters}, "tasks": {"count": 4}}
    return body if ORDERINGS[kind].has_own_concepts else {**body, "datasets": lists}


def golden_order(kind: str, **parameters: object) -> list[str]:
    request = parse_request(golden_request(kind, **parameters))
    if not request.needs:
        return [request.concepts.ids[i] for i in request.ordering.arrangement(request.concepts, Evidence()).order]
    # Many pairs of concepts are equally far from a third, so the path has ties too.
    grid = np.array([[1 + i % 5, 1 + i // 5, 3] for i in range(35)], dtype=np.float32)
    evidence = Evidence(
        years=years_of(request.concepts),
        scores=scores_of(request.concepts),
        counts=counts_of(request.concepts),
        embeddings=grid,
    )
    return [request.concepts.ids[i] for i in request.ordering.arrangement(request.concepts, evidence).order]


@pytest.mark.parametrize("case", GOLDEN)
def test_no_output_changes_by_accident(case: str) -> None:
    """If the change is intended, raise the version of the ordering: published streams must not change."""
    parameters, start, digest = GOLDEN[case]
    found = golden_order(**parameters)

    assert found[: len(start)] == start
    assert _digest_of(found) == digest, "if this is intended, raise the ordering's version"


def test_every_ordering_has_a_golden_output() -> None:
    golden = {parameters["kind"] for parameters, _, _ in GOLDEN.values()}
    for kind in KINDS:
        order = golden_order(kind)
        entry = {kind: ({"kind": kind}, order[:3], _digest_of(order))}
        assert kind in golden, f"a new ordering: once its order is right, add to GOLDEN: {entry}"
    assert golden == set(KINDS), "GOLDEN has orderings that do not exist"
    assert {kind: ordering.version for kind, ordering in ORDERINGS.items()} == dict.fromkeys(KINDS, 1), (
        "an ordering has a new version: keep the golden output of the old one beside that of the new one"
    )


def _digest_of(order: list[str]) -> str:
    return hashlib.sha256("\n".join(order).encode()).hexdigest()


@every_kind
def test_an_ordering_declares_its_kind_version_and_summary(kind: str) -> None:
    ordering = ORDERINGS[kind]

    assert ordering.kind == kind
    assert ordering.version >= 1
    assert (ordering.__doc__ or "").strip()
    assert ordering.summary.endswith(".")
    assert all(each.description for each in ordering.parameters())
    assert "reverse" in {each.name for each in ordering.parameters()}
    assert ("seed" in {each.name for each in ordering.parameters()}) == issubclass(ordering, SeededOrdering)
    assert ordering.needs <= set(Need)


@every_kind
@given(data=st.data())
def test_an_ordering_is_parsed_from_its_own_json(kind: str, data: st.DataObject) -> None:
    ordering = parse_request(drawn(data, kind)).ordering

    faults = Faults()
    assert parse_ordering(json.loads(json.dumps(ordering.as_json())), faults) == (ordering, frozenset())
    assert not faults.found


@every_kind
def test_evidence_that_was_not_gathered_is_a_fault_of_the_program(kind: str) -> None:
    request = parse_request(block(kind))
    if not request.ordering.needs:
        assert len(request.ordering.arrangement(request.concepts, Evidence()).order) == len(request.concepts)
        return
    with pytest.raises(ValueError, match="not gathered"):
        request.ordering.arrangement(request.concepts, Evidence())


def test_every_ordering_is_registered() -> None:
    written = {each for each in subclasses(Ordering) if each.__module__.count(".") == 2} - {
        SeededOrdering,
        OrdersGroups,
    }
    missing = sorted(each.__name__ for each in written - set(ORDERINGS.values()))

    assert missing == [], "add these classes to ORDERINGS in concept_orderings/orderings/__init__.py"


def test_every_file_of_an_ordering_is_imported() -> None:
    folder = Path(registry.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base", "groups"}

    assert files == set(ORDERINGS), (
        "each file in concept_orderings/orderings/ is one ordering, named like its kind, and in ORDERINGS (__init__.py)"
    )


def test_no_ordering_was_dropped_or_renamed() -> None:
    released = ["performance", "frequency", "similarity", "time", "dataset", "random"]

    assert list(ORDERINGS)[:8] == [*released, "given", "typicality"], "add new orderings at the end of ORDERINGS"


def subclasses(base: type[Any]) -> set[type[Any]]:
    return {each for sub in base.__subclasses__() for each in (sub, *subclasses(sub))}


@every_kind
def test_file_and_class_are_named_like_the_kind(kind: str) -> None:
    ordering = ORDERINGS[kind]

    assert ordering.__module__ == f"concept_orderings.orderings.{kind}"
    assert ordering.__name__ == kind.capitalize()
