"""Test looks at the benchmark's own ranks."""

import json
from typing import Any

import pytest

from app.ranks_answer import ranks_answer
from concept_orderings.counts_request import parse_counts_request
from concept_orderings.errors import BadParameter, SourceError
from concept_orderings.evidence.ranks import benchmark_ranks


def look(body: object) -> list[dict[str, Any]]:
    counts: list[dict[str, Any]] = json.loads(ranks_answer(parse_counts_request(body)))["counts"]
    return counts


@pytest.mark.parametrize("body", [{"names": ["HAZELNUT"]}, {"queries": ["HAZELNUT"]}, {"queries": [["HAZELNUT"]]}])
def test_a_name_has_all_its_ranks(body: object) -> None:
    [found] = look(body)

    assert (found["query"], found["count"], found["unit"]) == ("HAZELNUT", 67, "rank")
    assert found["ranks"] == [
        {"rank": 67, "concepts": ["MVTECAD_Eval+++hazelnut"]},
        {"rank": 2929, "concepts": ["FRU92+++hazelnut", "MVTECAD_Adapt+++hazelnut"]},
    ]


def test_underscores_are_kept() -> None:
    names = ["sparse_residential", "sparse residential"]

    assert [[each["count"]] for each in look({"names": names})] == [
        sorted({rank for concept, rank in benchmark_ranks().items() if concept.endswith(f"+++{name}")})
        for name in names
    ]


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        (
            {"names": ["can", "smart ring", "smart ring", ""]},
            "source_incomplete",
            "2 of the requested names: 'smart ring', ''",
        ),
        (
            {"names": ["bodhra\u0301n"]},
            "source_incomplete",
            "'bodhra\u0301n' (a, U+0301; it only looks like 'bodhr\xe1n', U+00E1)",
        ),
        ({"queries": [["grey wolf", "gray wolf"]]}, "source_refused", "('gray wolf', 'grey wolf')"),
    ],
)
def test_what_has_no_rank_is_named(body: object, code: str, text: str) -> None:
    with pytest.raises(SourceError) as caught:
        look(body)

    assert caught.value.code == code
    assert text in caught.value.detail


def test_ranks_are_not_counted_again() -> None:
    with pytest.raises(BadParameter, match="counts nothing again"):
        look({"names": ["can"], "counted_since": "2026-01-31T12:00:00Z"})
