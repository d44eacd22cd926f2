"""Test the split against a naive one."""

import json
import re
from contextlib import suppress
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.canonical import canonical_json
from concept_orderings.errors import BadSplit
from concept_orderings.evidence import Need
from concept_orderings.split import (
    BalancedCount,
    EqualTasks,
    GroupedTasks,
    SampledTasks,
    SizedTasks,
    parse_split,
    read_split,
)

from .strategies import compositions


def deal(n: int, tasks: int) -> list[int]:
    """Deal n cards to players in turn, so that the first ones get one more; return the numbers of cards."""
    hands = [0] * tasks
    for card in range(n):
        hands[card % tasks] += 1
    return hands


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))))
def test_equal_tasks_have_the_sizes_of_cards_dealt_in_turn(n_and_tasks: tuple[int, int]) -> None:
    n, tasks = n_and_tasks
    sizes = EqualTasks(tasks).sizes(range(n))

    assert sizes == deal(n, tasks)
    assert sum(sizes) == n
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == tasks


def test_the_streams_of_the_benchmark_have_tasks_of_920_and_919() -> None:
    assert EqualTasks(20).sizes(range(18_381)) == [920] + [919] * 19


@given(st.integers(0, 50), st.integers(1, 100))
def test_more_tasks_than_concepts_are_refused(n: int, more: int) -> None:
    with pytest.raises(BadSplit) as refused:
        EqualTasks(n + more).sizes(range(n))

    assert refused.value.code == "bad_task_count"
    assert refused.value.pointers == ("/tasks/count",)


@given(st.integers(1, 40).flatmap(compositions))
def test_sizes_that_add_up_are_used_unchanged(given_sizes: list[int]) -> None:
    assert SizedTasks(tuple(given_sizes)).sizes(range(sum(given_sizes))) == given_sizes


@given(st.lists(st.integers(1, 9), min_size=1), st.integers(-8, 8).filter(bool))
def test_sizes_that_do_not_add_up_are_refused(given_sizes: list[int], off: int) -> None:
    n = sum(given_sizes) + off
    with pytest.raises(BadSplit) as refused:
        SizedTasks(tuple(given_sizes)).sizes(range(n))

    assert refused.value.code == "bad_task_sizes"
    assert refused.value.pointers == ("/tasks/sizes",)


@given(st.lists(st.integers(0, 3)))
def test_groups_are_the_longest_runs_of_one_value(groups: list[int]) -> None:
    sizes = GroupedTasks("dataset").sizes(groups)
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    runs = [groups[end - size : end] for size, end in zip(sizes, ends, strict=True)]

    assert [value for run in runs for value in run] == groups
    assert all(len(set(run)) == 1 for run in runs)
    assert all(left[-1] != right[0] for left, right in pairwise(runs))
    assert len(runs) == len(list(groupby(groups)))


@pytest.mark.parametrize(
    ("body", "split", "needs"),
    [
        ({"count": 3}, EqualTasks(3), set()),
        ({"sizes": [2, 1]}, SizedTasks((2, 1)), set()),
        ({"sizes": (2, 1)}, SizedTasks((2, 1)), set()),
        ({"by": "dataset"}, GroupedTasks("dataset"), set()),
        ({"by": "year"}, GroupedTasks("year"), {Need.YEARS}),
        ({"count": 3, "balance": "samples"}, BalancedCount(3), {Need.SAMPLES}),
        ({"count": 3, "balance": None}, EqualTasks(3), set()),
        ({"by": "samples", "per_task": 50_000}, SampledTasks(50_000), {Need.SAMPLES}),
    ],
)
def test_a_parsed_split_is_written_as_the_same_rule(body: dict[str, object], split: object, needs: object) -> None:
    found = parse_split(body)

    assert found == split
    assert found.needs == needs
    assert parse_split(found.as_json()) == split
    assert read_split(json.loads(canonical_json(found.as_json()))) == split


@pytest.mark.parametrize(
    ("per_task", "tasks"), [(1_000, 1), (67, 1), (66, 2), (50, 2), (40, 2), (39, 3), (34, 3), (33, 3), (20, 5), (9, 11)]
)
def test_samples_per_task_give_the_nearest_number_of_tasks_and_the_smaller_of_two(per_task: int, tasks: int) -> None:
    assert SampledTasks(per_task).number_of_tasks(100, 100) == tasks
    assert SampledTasks(per_task).sizes([1] * 100) == BalancedCount(tasks).sizes([1] * 100)


@given(st.integers(1, 30), st.integers(1, 10**6))
def test_the_fewest_samples_per_task_that_an_error_names_are_the_fewest(n: int, total: int) -> None:
    with suppress(BadSplit):
        SampledTasks(1).number_of_tasks(n, total)
        return
    with pytest.raises(BadSplit, match="at least") as refused:
        SampledTasks(1).number_of_tasks(n, total)
    found = re.search("at least ([0-9,]+) samples", refused.value.detail)
    assert found is not None
    fewest = int(found[1].replace(",", ""))

    assert refused.value.code == "too_many_tasks"
    assert SampledTasks(fewest).number_of_tasks(n, total) <= n
    with pytest.raises(BadSplit):
        SampledTasks(fewest - 1).number_of_tasks(n, total)
