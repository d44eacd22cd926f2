"""Test the similarity ordering: its limits, refine, and their details in the manifest."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from concept_orderings.errors import BadParameter
from concept_orderings.evidence import Evidence
from concept_orderings.library import arrange_request
from concept_orderings.orderings import Arrangement
from concept_orderings.path import plain, quantise
from concept_orderings.path.crew import TimeIsUp
from concept_orderings.progress import Report, silent
from concept_orderings.request import parse_request
from concept_orderings.stream_warnings import sentences
from support.optional import needs_numba

N = 60


def embeddings(n: int = N) -> NDArray[np.float32]:
    return np.random.default_rng(3).normal(size=(n, 6)).astype(np.float32)


def arranged(n: int = N, report: Report = silent, **parameters: object) -> tuple[list[str], Any]:
    """Return the concepts in order, and the `Arrangement`, typed as Any because its details are any JSON."""
    classes = [f"class {i:02}" for i in range(n)]
    ordering = {"kind": "similarity", **parameters}
    request = parse_request(
        {
            "name": "s",
            "datasets": [{"name": "D", "classes": classes, "template": "A {}."}],
            "ordering": ordering,
            "tasks": {"count": 1},
        }
    )
    found = request.ordering.arrangement(request.concepts, Evidence(embeddings=embeddings(n)), report=report)
    return [request.concepts.ids[i] for i in found.order], found


def length(arrangement: Arrangement) -> float:
    """Return the sum of the cosine distances of adjacent concepts."""
    unit = embeddings(len(arrangement.order))
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    return float(sum(1 - unit[a] @ unit[b] for a, b in pairwise(arrangement.order)))


def test_a_path_starts_at_the_only_start() -> None:
    order, found = arranged(starts="D+++class 17")
    assert order[0] == found.details["path_start"] == "D+++class 17"
    assert (found.details["starts"], found.details["starts_asked"]) == (1, 1)


def test_a_named_start_cannot_be_combined_with_refine() -> None:
    with pytest.raises(BadParameter) as caught:
        arranged(starts="D+++class 17", refine=1)
    assert caught.value.pointers == ("/ordering/starts", "/ordering/refine")


def test_the_details_name_the_start_of_the_path() -> None:
    searches: list[dict[str, Any]] = [{}, {"refine": 2}, {"starts": 3, "refine": 1}]
    for parameters in searches:
        for seed in range(5):
            order, found = arranged(seed=seed, **parameters)
            assert order[0] == found.details["path_start"]
            backwards, same = arranged(seed=seed, reverse=True, **parameters)
            assert backwards[-1] == same.details["path_start"] == order[0]


def test_more_starts_find_no_longer_path() -> None:
    totals = [arranged(starts=starts)[1].details["total_distance"] for starts in (1, 2, 5, 20, 59, "all")]
    assert totals == sorted(totals, reverse=True)
    assert totals[0] > totals[-1]


def test_the_seed_decides_the_sample_of_starts() -> None:
    first = {arranged(starts=1, seed=seed)[0][0] for seed in range(10)}
    assert len(first) > 5


def test_the_details_have_the_spread_of_totals() -> None:
    details = arranged()[1].details
    spread = details["start_totals"]
    assert details["total_distance"] == spread["least"] < spread["median"] < spread["largest"]
    assert details["total_distance"] == pytest.approx(length(arranged()[1]), abs=1e-3)


def test_tasks_show_the_exact_step_to_the_next_concept() -> None:
    classes = [f"class {i:02}" for i in range(N)]
    dataset = {"name": "D", "classes": classes, "template": ["A {}.", "The {}."]}
    body = {
        "name": "s",
        "datasets": [dataset],
        "ordering": {"kind": "similarity", "reverse": True},
        "tasks": {"count": 7},
    }
    request = parse_request(body)
    rows = embeddings()
    rows[5] = rows[9]
    tasks, _, manifest = arrange_request(request, embeddings=rows).documents(1)
    shown = [each for task in tasks for each in json.loads(task.data)["concepts"]]
    vectors = quantise(rows).astype(np.int64)
    places = [request.concepts.ids.index(each["concept"]) for each in shown]
    steps = [int(((vectors[a] - vectors[b]) ** 2).sum()) for a, b in pairwise(places)]

    assert [each["evidence"].get("step_to_next") for each in shown] == [*steps, None]
    assert {
        each["class"]: each["evidence"]["shares_vector_with"]
        for each in shown
        if each["evidence"].get("shares_vector_with")
    } == {"class 05": 1, "class 09": 1}
    assert all(each["evidence"]["captions"] == 2 for each in shown)
    diagnostics = json.loads(manifest.data)["ordering"]["diagnostics"]
    assert (diagnostics["zero_steps"], diagnostics["share_of_zero_steps"]) == (1, 1 / (N - 1))


@needs_numba
def test_a_request_for_the_starts_tried_in_time_gives_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    from concept_orderings.path.fast import Search

    walk_block = Search._walk_block

    def walk_until_10(self: Search, starts: NDArray[np.int64], first: int, last: int) -> NDArray[np.int64]:
        if last > 10:
            raise TimeIsUp
        return walk_block(self, starts, first, last)

    monkeypatch.setattr(Search, "_walk_block", walk_until_10)
    order, found = arranged(max_seconds=3600)
    monkeypatch.undo()
    assert found.details["complete"] is False
    assert found.details["starts_asked"] == N
    tried = found.details["starts"]
    assert 1 < tried < N
    again, whole = arranged(starts=tried)
    assert again == order
    assert whole.details["complete"] is True
    assert {**whole.details, "complete": False, "starts_asked": N} == found.details
    assert whole.warnings == ()
    assert sentences(found.warnings) == [
        f"Time was up after 3600 s: {tried} of {N} starts were tried, and 0 of 0 rounds of refining done. "
        f"Without max_seconds, starts: {tried} and refine: 0 give the same order again."
    ]


def test_refining_shortens_the_path_and_the_details_say_by_how_much() -> None:
    _, greedy = arranged()
    order, found = arranged(refine=3)
    assert sorted(order) == sorted(arranged()[0])
    refined = found.details["refined"]
    assert (refined["rounds"], refined["rounds_asked"], found.details["complete"]) == (3, 3, True)
    assert refined["greedy_total_distance"] == greedy.details["total_distance"] > found.details["total_distance"]
    assert refined["share_of_greedy_total"] == pytest.approx(
        found.details["total_distance"] / greedy.details["total_distance"]
    )
    assert found.details["total_distance"] == pytest.approx(length(found), abs=1e-3)


def test_a_request_for_the_rounds_done_in_time_gives_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the search for the path takes all of the time, so no round is done."""
    monkeypatch.setattr("concept_orderings.path.refine.monotonic", lambda: float("inf"))
    order, found = arranged(max_seconds=3600, refine=5)
    monkeypatch.undo()
    assert found.details["complete"] is False
    assert (found.details["refined"]["rounds"], found.details["refined"]["rounds_asked"]) == (0, 5)
    assert order == arranged()[0]
    assert "0 of 5 rounds" in found.warnings[0].detail


@pytest.mark.parametrize("n", [1, 2, 3, N])
@pytest.mark.parametrize("refine", [0, 1, 4])
def test_progress_rises_to_the_total(n: int, refine: int) -> None:
    seen: list[tuple[int, int]] = []
    arranged(n, report=lambda done, total: seen.append((done, total)), refine=refine)
    assert seen == sorted(seen)
    assert seen[-1] == (n * (2 + refine), n * (2 + refine))


def test_identical_embeddings_have_a_path_of_length_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.embeddings", lambda n: np.ones((n, 2), dtype=np.float32))
    details = arranged(5, refine=1)[1].details
    assert details["total_distance"] == 0
    assert details["refined"]["share_of_greedy_total"] is None


@needs_numba
def test_the_order_is_the_same_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = arranged(starts=5)[0]
    calls: list[int] = []
    search = plain.search

    def counted(*arguments: Any) -> object:
        calls.append(1)
        return search(*arguments)

    monkeypatch.setitem(__import__("sys").modules, "concept_orderings.path.fast", None)
    monkeypatch.delattr("concept_orderings.path.fast")
    monkeypatch.setattr(plain, "search", counted)
    assert arranged(starts=5)[0] == expected
    assert calls == [1]
