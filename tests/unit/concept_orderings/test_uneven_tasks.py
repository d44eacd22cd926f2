"""Test the warning that tasks differ in training samples, and what manifests say of samples."""

import json
from fractions import Fraction
from typing import Any

import pytest

from concept_orderings.evidence.samples import Number
from concept_orderings.library import arrange_request, foreseen_warnings
from concept_orderings.request import parse_request
from concept_orderings.stream import ArrangedStream
from concept_orderings.uneven_tasks import uneven_tasks


@pytest.mark.parametrize("samples", [[5], [1, 1], [100, 51, 60], [Fraction(19_999, 10_000), 1]])
def test_tasks_within_a_factor_of_two_are_not_warned_of(samples: list[Number]) -> None:
    assert uneven_tasks(samples, [1] * len(samples)) == []


def test_the_warning_has_the_factor_the_tasks_and_what_to_ask_for() -> None:
    samples: list[Number] = [70_000, 80_123, Fraction(6_672, 2), Fraction(6_673, 2), 80_000]
    (warning,) = uneven_tasks(samples, [2, 1, 1, 1])

    assert (warning.code, warning.count) == ("uneven_tasks", 2)
    assert warning.detail == (
        "The tasks differ in training samples by a factor of 45.0: task 0 has 150,123 and task 1 has 3,336. "
        'With "tasks": {"count": 4, "balance": "samples"} the factor is 12.0.'
    )


def test_a_cut_that_is_balanced_is_not_advised_to_be_balanced() -> None:
    (warning,) = uneven_tasks([1, 1, 1], [1, 2])

    assert "by a factor of 2.0: task 1 has 2 and task 0 has 1. No cut of this order into 2 tasks" in warning.detail


def stream(tasks: object, *datasets: dict[str, Any]) -> ArrangedStream:
    body = {"name": "uneven", "datasets": list(datasets), "ordering": {"kind": "given"}, "tasks": tasks}
    return arrange_request(parse_request(body))


LARGE = {"name": "LARGE", "classes": ["a", "b", "c"], "samples": {"a": 70, "b": 20, "c": 10}}
SMALL = {"name": "SMALL", "classes": ["a", "b"], "samples": "7/2"}
UNKNOWN = {"name": "UNKNOWN", "classes": ["a"]}


def tasks_of(arranged: ArrangedStream) -> list[dict[str, Any]]:
    _, _, manifest = arranged.documents(1)
    return [{name: each[name] for name in each if name != "digest"} for each in json.loads(manifest.data)["tasks"]]


@pytest.mark.parametrize(
    ("split", "entries"),
    [
        (
            {"count": 2},
            [{"task": 0, "concepts": 3, "samples": 100}, {"task": 1, "concepts": 2, "samples": 7}],
        ),
        (
            {"count": 2, "balance": "samples"},
            [{"task": 0, "concepts": 1, "samples": 70}, {"task": 1, "concepts": 4, "samples": 37}],
        ),
        (
            {"sizes": [4, 1]},
            [
                {"task": 0, "concepts": 4, "samples": 103.5, "samples_exact": "207/2"},
                {"task": 1, "concepts": 1, "samples": 3.5, "samples_exact": "7/2"},
            ],
        ),
        (
            {"by": "dataset"},
            [{"task": 0, "concepts": 3, "samples": 100}, {"task": 1, "concepts": 2, "samples": 7}],
        ),
        ({"by": "samples", "per_task": 80}, [{"task": 0, "concepts": 5, "samples": 107}]),
    ],
)
def test_manifests_have_the_samples_of_each_task_for_every_split(
    split: object, entries: list[dict[str, object]]
) -> None:
    assert tasks_of(stream(split, LARGE, SMALL)) == entries


def test_a_manifest_has_no_samples_if_those_of_a_dataset_are_not_known() -> None:
    arranged = stream({"count": 2}, LARGE, UNKNOWN)

    assert all("samples" not in each for each in tasks_of(arranged))
    assert arranged.warnings() == []


def test_tasks_of_a_balanced_split_show_the_samples_of_each_concept() -> None:
    arranged = stream({"count": 2, "balance": "samples"}, LARGE, SMALL)
    tasks, _, manifest = arranged.documents(1)
    shown = [each["evidence"] for task in tasks for each in json.loads(task.data)["concepts"]]

    assert shown[0] == {"samples": 70}
    assert shown[-1] == {"samples": 3.5, "samples_exact": "7/2"}
    assert json.loads(manifest.data)["evidence"]["samples"]["source"] == "request"
    assert [each.kind for each in arranged.evidence_files] == ["samples"]


def test_the_warning_is_foreseen() -> None:
    arranged = stream({"count": 2}, LARGE, SMALL)

    assert [each.code for each in foreseen_warnings(arranged.request)] == ["uneven_tasks"]
    assert foreseen_warnings(arranged.request) == arranged.warnings()
