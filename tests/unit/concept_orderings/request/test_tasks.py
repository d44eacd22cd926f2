"""Test the field `tasks` of a request."""

import json
import math

import pytest

from concept_orderings.errors import MOST_POINTERS, BadSplit
from concept_orderings.request import parse_request

from .bodies import changed, listed
from .refusals import Refusal, each_of

SIZES = "/tasks/sizes"


def bad_rule(name: str, tasks: object, pointer: str, detail: str) -> Refusal:
    return Refusal(name, {"/tasks": tasks}, "bad_task_rule", [pointer], detail)


REFUSALS = [
    Refusal("no tasks", {"/tasks": ...}, "missing_field", ["/tasks"], "count"),
    Refusal("tasks a number", {"/tasks": 20}, "wrong_type", ["/tasks"], "a number"),
    bad_rule("tasks empty", {}, "/tasks", "exactly one"),
    bad_rule("tasks by two rules", {"count": 2, "by": "year"}, "/tasks", "exactly one"),
    bad_rule("tasks by no rule", {"n": 2}, "/tasks", "exactly one"),
    bad_rule("tasks by class", {"by": "class"}, "/tasks/by", "year"),
    bad_rule("tasks by null", {"by": None}, "/tasks/by", "year"),
    *(
        Refusal(f"{value!r:.20} tasks", {"/tasks/count": value}, "bad_task_count", ["/tasks/count"], "tasks")
        for value in [0, -1, 5, 2.0, True, None, "2", [2], math.nan, math.inf, 10**4000]
    ),
    bad_rule("balance beside sizes", {"sizes": [4], "balance": "samples"}, "/tasks", "exactly one"),
    bad_rule("balance misspelt", {"count": 2, "balanced": "samples"}, "/tasks", "Did you mean balance?"),
    bad_rule("per_task beside count", {"count": 2, "per_task": 5}, "/tasks", "exactly one"),
    bad_rule("balance alone", {"balance": "samples"}, "/tasks", "exactly one"),
    *(
        bad_rule(f"balanced by {value!r}", {"count": 2, "balance": value}, "/tasks/balance", "samples")
        for value in ["classes", True, 1, {}]
    ),
    bad_rule("samples without a number", {"by": "samples"}, "/tasks/per_task", "50000"),
    bad_rule("datasets with a number", {"by": "dataset", "per_task": 5}, "/tasks/per_task", "samples"),
    *(
        Refusal(
            f"{value!r:.20} samples per task",
            {"/tasks": {"by": "samples", "per_task": value}},
            "bad_task_samples",
            ["/tasks/per_task"],
            "integer",
        )
        for value in [0, -1, 1e30, 10**30, 0.5, 2.0, True, None, "50000", [5], math.nan]
    ),
    *(
        Refusal(
            f"balanced samples of {name}",
            {"/tasks": tasks, "/datasets/0/samples": 5},
            "missing_samples",
            ["/datasets/1/samples"],
            "for TWO:",
        )
        for name, tasks in {
            "T tasks": {"count": 2, "balance": "samples"},
            "tasks of P samples": {"by": "samples", "per_task": 5},
        }.items()
    ),
    Refusal(
        "balanced samples of concepts",
        {"/concepts": ["A+++a", "cifar100+++apple", "imagenet+++tench"], "/tasks": {"count": 2, "balance": "samples"}},
        "missing_samples",
        ["/concepts"],
        "for A, IMAGENET:",
        base=listed,
    ),
    Refusal(
        "more balanced tasks than concepts",
        {"/tasks": {"count": 5, "balance": "samples"}, "/datasets/0/samples": 5, "/datasets/1/samples": 5},
        "too_many_tasks",
        ["/tasks/count"],
        "1 to 4 tasks",
    ),
    Refusal(
        "more tasks of P samples than concepts",
        {"/tasks": {"by": "samples", "per_task": 4}, "/datasets/0/samples": 5, "/datasets/1/samples": 5},
        "too_many_tasks",
        ["/tasks/per_task"],
        "20 samples give 5 tasks, but there are only 4 concepts; ask for at least 5 samples",
    ),
    Refusal("sizes a number", {"/tasks": {"sizes": 4}}, "wrong_type", [SIZES], "a number"),
    Refusal("sizes empty", {"/tasks": {"sizes": []}}, "bad_task_sizes", [SIZES], "at least"),
    Refusal("sizes too small", {"/tasks": {"sizes": [2, 1]}}, "bad_task_sizes", [SIZES], "up to 3"),
    Refusal("sizes too large", {"/tasks": {"sizes": [2, 3]}}, "bad_task_sizes", [SIZES], "are 4"),
    Refusal(
        "sizes far too large",
        {"/tasks": {"sizes": [1, 9 * 10**4299, 9 * 10**4299]}},
        "bad_task_sizes",
        [f"{SIZES}/1", f"{SIZES}/2"],
        "sizes",
    ),
    Refusal(
        "sizes of several kinds",
        {"/tasks": {"sizes": [4, 0, -1, 1.0, True, None, "1"]}},
        "bad_task_sizes",
        [f"{SIZES}/{i}" for i in range(1, 7)],
        "integers",
    ),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


def test_both_faults_of_a_balanced_count_are_named() -> None:
    with pytest.raises(BadSplit) as caught:
        parse_request(changed({"/tasks": {"count": 0, "balance": "classes"}}))

    found = [(each.code, each.pointers) for each in caught.value.faults]
    assert found == [("bad_task_count", ("/tasks/count",)), ("bad_task_rule", ("/tasks/balance",))]


@pytest.mark.parametrize(
    ("tasks", "code", "pointer"),
    [
        ({"count": 0, "balance": "samples"}, "bad_task_count", "/tasks/count"),
        ({"by": "samples", "per_task": 0}, "bad_task_samples", "/tasks/per_task"),
        ({"by": "samples"}, "bad_task_rule", "/tasks/per_task"),
    ],
)
def test_a_wrong_number_of_a_balanced_split_does_not_hide_missing_samples(
    tasks: dict[str, object], code: str, pointer: str
) -> None:
    with pytest.raises(BadSplit) as caught:
        parse_request(changed({"/tasks": tasks, "/datasets/0/samples": 5}))

    found = [(each.code, each.pointers) for each in caught.value.faults]
    assert found == [(code, (pointer,)), ("missing_samples", ("/datasets/1/samples",))]


def test_a_rule_that_cannot_be_read_needs_no_samples() -> None:
    with pytest.raises(BadSplit) as caught:
        parse_request(changed({"/tasks": {"count": 2, "by": "samples"}}))

    assert [each.code for each in caught.value.faults] == ["bad_task_rule"]


def test_a_balanced_split_has_the_catalogue_s_averages_in_its_canonical_request() -> None:
    body = changed(
        {
            "/datasets": [{"name": "clevr"}, {"name": "cifar100", "samples": 500}],
            "/tasks": {"count": 2, "balance": "samples"},
        }
    )
    request = parse_request(body)
    written = {each["name"]: each["samples"] for each in json.loads(request.canonical)["datasets"]}

    assert written == {"CIFAR100": 500, "CLEVR": "55931/217"}
    # What equals the catalogue's is the same request.
    body["datasets"][1].pop("samples")
    assert parse_request(body).digest == request.digest


def test_a_million_wrong_values_give_a_short_error() -> None:
    with pytest.raises(BadSplit) as caught:
        parse_request(changed({"/tasks": {"sizes": [0] * 1_000_000}}))

    assert len(caught.value.pointers) == MOST_POINTERS
    assert caught.value.pointers[0] == "/tasks/sizes/0"
