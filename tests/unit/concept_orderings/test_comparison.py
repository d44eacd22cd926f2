"""Test the comparison of two orders."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings import comparison
from concept_orderings.comparison import Side, compare
from concept_orderings.library import arrange_request
from concept_orderings.rank_correlation import kendall_tau_b, spearman_rho
from concept_orderings.request import parse_request

NAMES = [f"A+++{number}" for number in range(12)]


@st.composite
def sides(draw: st.DrawFn) -> Side:
    """Draw an order of some of the names, cut into tasks of which some may be empty."""
    order = draw(st.permutations(NAMES).flatmap(lambda names: st.integers(0, 12).map(lambda n: names[:n])))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=3)))
    return Side("x", [order[i:j] for i, j in zip([0, *cuts], [*cuts, len(order)], strict=True)])


def found(a: Side, b: Side) -> Any:
    return json.loads(json.dumps(compare(a, b)))


@given(sides(), sides())
def test_the_figures_are_those_of_the_definitions(a: Side, b: Side) -> None:
    result = found(a, b)
    shared = [each for each in a.concepts if each in b.concepts]
    ranks = [[each for each in b.concepts if each in shared].index(each) for each in shared]

    assert result["shared"] == len(shared)
    assert result["kendall_tau"] == kendall_tau_b(range(len(shared)), ranks)
    assert result["spearman"] == spearman_rho(range(len(shared)), ranks)
    assert result["only_in_a"]["concepts"] == [each for each in a.concepts if each not in b.concepts]
    assert result["only_in_b"]["concepts"] == [each for each in b.concepts if each not in a.concepts]
    assert result["shared_between_tasks"] == [
        [len({*row} & {*column}) for column in b.concepts_by_task] for row in a.concepts_by_task
    ]
    moves = {concept: ranks[i] - i for i, concept in enumerate(shared) if ranks[i] != i}
    assert {each["concept"]: each["moved"] for each in result["largest_movers"]} == moves
    sizes = [abs(each["moved"]) for each in result["largest_movers"]]
    assert sizes == sorted(sizes, reverse=True)
    for each in result["largest_movers"]:
        assert a.concepts_by_task[each["task_in_a"]].count(each["concept"]) == 1
        assert b.concepts_by_task[each["task_in_b"]].count(each["concept"]) == 1
        assert a.concepts[each["position_in_a"]] == b.concepts[each["position_in_b"]] == each["concept"]
    assert result["same_order"] == (a.concepts == b.concepts)
    assert result["with_ties"] is None
    assert result["differences"] is None


def version(name: str, counts: Sequence[int], *, seed: int = 0, **ordering: Any) -> Side:
    classes = [f"c{i}" for i in range(len(counts))]
    body = {
        "name": name,
        "datasets": [{"name": "A", "classes": classes, "counts": dict(zip(classes, counts, strict=True))}],
        "ordering": {"kind": "frequency", "seed": seed, **ordering},
        "tasks": {"count": 2},
    }
    return Side.of_version(f"{name}@1", arrange_request(parse_request(body)).published(1).documents())


def test_versions_are_compared_with_and_without_ties() -> None:
    a, b = version("a", [3, 3, 3, 3, 3, 3, 1, 2]), version("b", [3, 3, 3, 3, 3, 3, 1, 2], seed=1)
    result = found(a, b)

    assert (result["same_order"], result["shared"]) == (False, 8)
    assert -1 < result["kendall_tau"] < 1
    assert result["with_ties"] == {
        "kendall_tau": 1.0,
        "spearman": 1.0,
        "a": {"value": "count", "tied": 6},
        "b": {"value": "count", "tied": 6},
    }
    assert result["a"]["digest"] == a.digest
    assert (result["a"]["stream"], result["a"]["version"], result["a"]["tasks"]) == ("a", 1, 2)
    assert a.manifest is not None
    assert result["a"]["order_digest"] == a.manifest["order_digest"]
    # The names of the streams decide nothing.
    assert result["differences"]["request"] == {
        "total": 1,
        "differences": [{"pointer": "/request/ordering/seed", "a": "0", "b": "1"}],
    }
    assert result["differences"]["evidence"] == {"total": 0, "differences": []}


def test_ties_are_those_of_values_in_either_direction() -> None:
    forwards, backwards = version("a", [1, 1, 2, 3, 3]), version("b", [1, 1, 2, 3, 3], reverse=True)

    assert found(forwards, backwards)["with_ties"]["kendall_tau"] == -1.0
    # One side alone: its positions are compared with the ties of the other.
    alone = found(Side("file", [forwards.concepts]), forwards)["with_ties"]
    assert alone["a"] is None
    assert 0 < alone["kendall_tau"] < 1


def test_an_order_of_ties_is_no_chance() -> None:
    names = [f"A+++c{i}" for i in (2, 0, 1)]
    given_ties = version("a", [5, 5, 5], ties={"order": names})

    assert given_ties.concepts == names
    assert found(given_ties, given_ties)["with_ties"] is None


def test_what_differs_in_evidence_is_named() -> None:
    result = found(version("a", [1, 2, 3]), version("b", [1, 3, 2]))

    assert [each["pointer"] for each in result["differences"]["evidence"]["differences"]] == ["/evidence/counts/digest"]
    assert [each["pointer"] for each in result["differences"]["request"]["differences"]] == [
        "/request/datasets/0/counts/c1",
        "/request/datasets/0/counts/c2",
    ]


def test_lists_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "MOST_CONCEPTS", 2)
    monkeypatch.setattr(comparison, "MOST_MOVERS", 1)
    monkeypatch.setattr(comparison, "MOST_CELLS", 3)
    monkeypatch.setattr(comparison, "MOST_DIFFERENCES", 1)
    result = found(Side("a", [NAMES[:5], NAMES[5:]]), Side("b", [["A+++x"], NAMES[3:1:-1]]))

    assert result["only_in_a"] == {"total": 10, "concepts": NAMES[:2]}
    assert result["only_in_b"] == {"total": 1, "concepts": ["A+++x"]}
    assert len(result["largest_movers"]) == 1
    assert result["shared_between_tasks"] is None
    differing = found(version("a", [1, 2, 3]), version("b", [1, 3, 2]))["differences"]["request"]
    assert (differing["total"], len(differing["differences"])) == (2, 1)
