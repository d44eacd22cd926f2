"""Test the split against a naive one."""

from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.errors import BadSplit
from concept_orderings.evidence import Need
from concept_orderings.split import EqualTasks, GroupedTasks, SizedTasks, parse_split

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
    ],
)
def test_a_parsed_split_is_written_as_the_same_rule(body: dict[str, object], split: object, needs: object) -> None:
    found = parse_split(body)

    assert found == split
    assert found.needs == needs
    assert parse_split(found.as_json()) == split
