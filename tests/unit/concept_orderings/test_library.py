"""Test `arrange`, and the evidence that its caller passes."""

import doctest
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import concept_orderings
from concept_orderings import arrange
from concept_orderings.errors import BadConcept, MissingEvidence
from concept_orderings.evidence import Need
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.evidence.years import years_of
from concept_orderings.library import arrange_stream
from concept_orderings.progress import Phase
from concept_orderings.request import parse_request
from unit.path.reports import RecordedPhases

from .strategies import Body, embeddings_for, evidence_for, requests

CLASSES = ["a", "b", "c", "d"]


def body_by(kind: str, **parameters: object) -> Body:
    datasets = [{"name": "cifar100", "classes": CLASSES}]
    return {"name": "x", "datasets": datasets, "ordering": {"kind": kind, **parameters}, "tasks": {"count": 2}}


def flat(tasks: list[list[str]]) -> list[str]:
    return [concept for task in tasks for concept in task]


@given(requests())
def test_tasks_hold_every_concept_once_in_the_ordering_s_order(body: Body) -> None:
    request = parse_request(body)
    evidence = evidence_for(request)
    tasks = arrange(body, embeddings=embeddings_for(request))
    order = request.ordering.arrangement(request.concepts, evidence).order

    assert flat(tasks) == [request.concepts.ids[i] for i in order]
    assert all(tasks)
    match body["tasks"]:
        case {"count": count, "balance": _}:
            assert len(tasks) == count
        case {"count": count}:
            assert [len(task) for task in tasks] == sorted((len(task) for task in tasks), reverse=True)
            assert len(tasks) == count
        case {"sizes": sizes}:
            assert [len(task) for task in tasks] == sizes
        case {"by": "dataset" | "year" as by}:
            group = {"dataset": request.concepts.dataset_index, "year": years_of(request.concepts)}[by]
            of = dict(zip(request.concepts.ids, group.tolist(), strict=True))
            found = [{of[concept] for concept in task} for task in tasks]
            assert all(len(groups) == 1 for groups in found)
            assert all(left != right for left, right in pairwise(found))


def test_passed_counts_are_in_canonical_order() -> None:
    tasks = arrange(body_by("frequency", source="mine"), counts=[3, 1, 2, 0])

    assert [concept[-1] for concept in flat(tasks)] == ["d", "b", "c", "a"]


def test_counts_of_any_integer_type_are_accepted() -> None:
    body = body_by("frequency", source="mine")
    expected = arrange(body, counts=[3, 1, 2, 0])

    for dtype in (np.uint8, np.int16, np.int64, np.uint64):
        assert arrange(body, counts=np.array([3, 1, 2, 0], dtype)) == expected  # type: ignore[arg-type]


def test_passed_embeddings_are_in_canonical_order() -> None:
    # Through points on a line, the shortest greedy path goes from one end to the other.
    angles = np.array([0.3, 0.0, 0.9, 0.55])
    tasks = arrange(body_by("similarity"), embeddings=np.stack([np.cos(angles), np.sin(angles)], axis=1))

    assert [concept[-1] for concept in flat(tasks)] in (["b", "a", "d", "c"], ["c", "d", "a", "b"])


@pytest.mark.parametrize(
    "counts",
    [
        [1, 2, 3],
        [1, 2, 3, 4, 5],
        [],
        [1.0, 2.0, 3.0, 4.0],
        [1, 2, 3, 0.5],
        [1, 2, 3, float("nan")],
        [True, False, True, False],
        [1, 2, 3, -1],
        ["1", "2", "3", "4"],
        [[1], [2], [3], [4]],
        [1, 2, 3, 2**53],
        [1, 2, 3, 2**64 - 1],
        [1, 2, 3, None],
        4,
    ],
    ids=str,
)
def test_wrong_counts_are_refused_and_not_rounded(counts: Any) -> None:
    with pytest.raises(ValueError, match=r"counts are|values were"):
        arrange(body_by("frequency", source="mine"), counts=counts)


@pytest.mark.parametrize(
    "embeddings",
    [np.ones((3, 2)), np.ones((5, 2)), np.ones(4), np.zeros((4, 2)), np.full((4, 2), np.nan), np.ones((4, 0))],
    ids=lambda array: str(array.shape),
)
def test_wrong_embeddings_are_refused(embeddings: Any) -> None:
    with pytest.raises(ValueError, match=r"embeddings (are|must)|values were"):
        arrange(body_by("similarity"), embeddings=embeddings)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (body_by("similarity"), "missing_embeddings"),
        (body_by("frequency", source="c4"), "missing_counts"),
        (body_by("performance", source="a-model"), "missing_scores"),
    ],
)
def test_missing_evidence_from_outside_is_an_error(body: Body, code: str) -> None:
    with pytest.raises(MissingEvidence) as refused:
        arrange(body)

    assert refused.value.code == code
    assert ("give them with the classes" if code == "missing_scores" else "pass them") in refused.value.detail
    assert refused.value.pointers == ()


def test_a_wrong_request_is_refused_before_the_evidence_is_read() -> None:
    body = body_by("similarity")
    body["datasets"][0]["classes"] = ["a+++b"]

    with pytest.raises(BadConcept):
        arrange(body, embeddings=np.ones((9, 9), np.float32))


def test_passed_evidence_that_is_not_needed_changes_nothing() -> None:
    body = body_by("random")

    assert arrange(body, embeddings=np.ones((4, 2), np.float32), counts=[4, 3, 2, 1]) == arrange(body)


def test_a_stream_keeps_only_the_evidence_that_it_needs() -> None:
    request = parse_request({**body_by("performance"), "tasks": {"by": "year"}})
    stream = arrange_stream(request, evidence_at_hand(request))

    assert set(stream.provenance) == {Need.SCORES, Need.YEARS}
    for need in (Need.COUNTS, Need.EMBEDDINGS):
        with pytest.raises(ValueError, match=need):
            stream.evidence.of(need)


def test_the_progress_of_a_path_is_reported() -> None:
    seen: list[tuple[int, int]] = []
    arrange(body_by("similarity"), embeddings=np.eye(4, dtype=np.float32), report=lambda *done: seen.append(done))

    assert seen[-1] == (8, 8)  # four vectors compared, four starts tried
    assert seen == sorted(seen)


@pytest.mark.parametrize("refine", [0, 2])
def test_the_phases_of_a_path_are_reported(refine: int) -> None:
    report = RecordedPhases()
    body = body_by("similarity") | {"ordering": {"kind": "similarity", "refine": refine}}
    arrange(body, embeddings=np.eye(4, dtype=np.float32), report=report)
    counted = [phase for phase in report.phases if phase is not Phase.COMPILING]
    assert [phase for before, phase in zip([None, *counted], counted, strict=False) if phase is not before] == [
        Phase.ARRANGING,
        Phase.DIAGNOSING,
    ]
    assert report == sorted(report)


def test_the_example_in_the_docstring_of_the_package() -> None:
    assert doctest.testmod(concept_orderings, raise_on_error=True).attempted == 3
