"""Test the benchmark's own ranks as a source of counts."""

import json
from collections import Counter
from typing import Any

import pytest

from concept_orderings.errors import ConceptOrderingsError
from concept_orderings.evidence import Need
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.evidence.ranks import RANKS, benchmark_ranks, fingerprint, ranks_by_name
from concept_orderings.library import arrange_stream, foreseen_warnings
from concept_orderings.published_streams import stream_concepts
from concept_orderings.request import parse_request
from support.packed_data import BENCHMARK, frequency_base
from unit.concept_orderings.benchmark import needs_benchmark, stream
from unit.concept_orderings.strategies import Body

RARE = ["CIFAR100+++lawn_mower", "MVTECAD_Adapt+++hazelnut", "MVTECAD_Eval+++hazelnut", "CIFAR100+++can"]


def by_ranks(**fields: object) -> Body:
    ordering = {"kind": "frequency", "source": RANKS}
    return {"name": "ranked", "concepts": RARE, "ordering": ordering, "tasks": {"count": 1}, **fields}


def published(body: Body) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    request = parse_request(body)
    documents = arrange_stream(request, evidence_at_hand(request)).published(1).documents()
    return json.loads(documents.manifest), json.loads(documents.tasks[0])["concepts"]


def refusal(body: Body) -> list[tuple[str, str, list[str]]]:
    with pytest.raises(ConceptOrderingsError) as caught:
        parse_request(body)
    return [(each.code, each.detail, list(each.pointers)) for each in caught.value.faults]


def test_there_are_3665_ranks_of_18381_concepts() -> None:
    sizes = Counter(benchmark_ranks().values())

    assert tuple(benchmark_ranks()) == stream_concepts()
    assert sorted(sizes) == list(range(1, 3_666))
    assert [sizes[rank] for rank in range(1, 7)] == [6_236, 376, 187, 145, 145, 129]


@needs_benchmark
def test_the_published_order_is_a_stable_sort_by_the_ranks() -> None:
    assert sorted(frequency_base(BENCHMARK), key=benchmark_ranks().__getitem__) == stream("frequency_sequence_1")


def test_the_ranks_are_those_that_were_first_published() -> None:
    assert fingerprint() == "5dc2d58e8b609aa6909384fdec218c297121651c4e26de4e277e1d4d71604cc5"


def test_14_names_have_two_ranks_and_case_makes_no_difference() -> None:
    several = {name: len(ranks) for name, ranks in ranks_by_name().items() if len(ranks) > 1}

    assert (len(several), set(several.values())) == (14, {2})
    for name in several:
        lower, higher = ranks_by_name()[name].values()
        assert lower == (f"MVTECAD_Eval+++{name}",)
        assert f"MVTECAD_Adapt+++{name}" in higher


def test_concepts_are_ordered_by_rank_and_show_it() -> None:
    manifest, concepts = published(by_ranks())

    assert [each["concept"] for each in concepts] == [
        "CIFAR100+++lawn_mower",
        "MVTECAD_Eval+++hazelnut",
        "MVTECAD_Adapt+++hazelnut",
        "CIFAR100+++can",
    ]
    assert [each["evidence"] for each in concepts] == [
        {"rank": rank, "unit": "rank", "tie_group": 1} for rank in (66, 67, 2929, 3665)
    ]
    evidence = manifest["evidence"]["counts"]
    assert (evidence["source"], evidence["kind"], evidence["unit"]) == (RANKS, "ranks", "rank")
    assert evidence["fingerprint"] == fingerprint()
    assert evidence["ranks"] == 3_665
    assert "lower bound" in evidence["meaning"]
    assert "counted" not in evidence


@pytest.mark.parametrize("name", ["mvtecad_adapt", "MVTECAD_Adapt"])
def test_a_dataset_is_found_by_either_of_its_names(name: str) -> None:
    request = parse_request(by_ranks(concepts=None, datasets=[{"name": name, "classes": ["hazelnut"]}]))

    assert evidence_at_hand(request)[Need.COUNTS].values.tolist() == [2929]


def test_the_warning_of_equal_ranks_does_not_speak_of_counts() -> None:
    request = parse_request(by_ranks(concepts=list(stream_concepts())))
    warnings = arrange_stream(request, evidence_at_hand(request)).warnings()
    [warning] = [each for each in warnings if each.code == "equal_ranks"]

    assert warning.detail == (
        "9321 of 18381 concepts are in 78 groups of 10 or more with equal ranks, inside which their order is random; "
        "the largest has 6236 concepts, with a rank of 1."
    )
    assert not {"equal_counts", "zero_counts", "shared_names"} & {each.code for each in warnings}
    assert foreseen_warnings(request) == warnings


def test_concepts_without_a_rank_are_named() -> None:
    classes = ["apple", "aple", *(f"new {i}" for i in range(10))]
    [(code, detail, pointers)] = refusal(
        by_ranks(
            concepts=None,
            datasets=[{"name": "dtd", "classes": ["striped"]}, {"name": "cifar100", "classes": classes}],
        )
    )

    assert (code, pointers) == ("missing_counts", ["/datasets/1/classes"])
    assert "no rank for 11 of 13 concepts (such as 'CIFAR100+++aple', 'CIFAR100+++new 0'" in detail
    assert detail.count("CIFAR100+++") == 10
    assert [each[2] for each in refusal(by_ranks(concepts=["CIFAR100+++aple"]))] == [["/concepts"]]


def test_concepts_that_only_look_like_one_with_a_rank_are_named_with_code_points() -> None:
    [(_, detail, _)] = refusal(by_ranks(concepts=["CIFAR100+++\u0430pple", "OBSC_THINGS+++bodhra\u0301n"]))

    assert "'CIFAR100+++\u0430pple' (U+0430; it only looks like 'CIFAR100+++apple', a)" in detail
    assert "'OBSC_THINGS+++bodhra\u0301n' (a, U+0301; it only looks like 'OBSC_THINGS+++bodhr\xe1n', U+00E1)" in detail


@pytest.mark.parametrize(
    ("dataset", "ordering", "pointers"),
    [
        ({"queries": {"apple": "apples"}}, {}, ["/ordering/source", "/datasets/0/queries"]),
        ({"counts": {"apple": 3}}, {}, ["/ordering/source", "/datasets/0/counts"]),
        ({}, {"refresh": True}, ["/ordering/refresh"]),
        ({}, {"counted_since": "2026-01-31T12:00:00Z"}, ["/ordering/counted_since"]),
    ],
)
def test_what_ranks_would_ignore_is_refused(dataset: Body, ordering: dict[str, object], pointers: list[str]) -> None:
    body = by_ranks(
        concepts=None,
        datasets=[{"name": "cifar100", "classes": ["apple"], **dataset}],
        ordering={"kind": "frequency", "source": RANKS, **ordering},
    )

    assert [(code, places) for code, _, places in refusal(body)] == [("bad_parameter", pointers)]
