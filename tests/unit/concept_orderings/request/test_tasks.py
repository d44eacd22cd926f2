"""Test the field `tasks` of a request."""

import math

import pytest

from concept_orderings.errors import MOST_POINTERS, BadSplit
from concept_orderings.request import parse_request

from .bodies import changed
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


def test_a_million_wrong_values_give_a_short_error() -> None:
    with pytest.raises(BadSplit) as caught:
        parse_request(changed({"/tasks": {"sizes": [0] * 1_000_000}}))

    assert len(caught.value.pointers) == MOST_POINTERS
    assert caught.value.pointers[0] == "/tasks/sizes/0"
