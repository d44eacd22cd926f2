"""Test the balanced cut against all cuts of small sequences."""

from fractions import Fraction
from itertools import accumulate, combinations, pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from concept_orderings.balance import balanced_sizes, task_samples
from concept_orderings.evidence.samples import Number

Case = tuple[list[Number], int]

numbers = st.integers(1, 9) | st.integers(1, 10**12) | st.fractions(min_value=Fraction(1, 9), max_value=9)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw samples and a number of tasks; in a quarter of the cases one class has half of all samples."""
    samples: list[Number] = draw(st.lists(numbers, min_size=1, max_size=9))
    if draw(st.integers(0, 3)) == 0:
        samples.insert(draw(st.integers(0, len(samples))), sum(samples))
    return samples, draw(st.integers(1, len(samples)))


def best_of_all(samples: list[Number], tasks: int) -> list[int]:
    """Return the sizes by the words of the rule: one of all the cuts that have the smallest largest task."""
    n, before = len(samples), list(accumulate(samples, initial=Fraction(0)))
    cuts = [(0, *inner, n) for inner in combinations(range(1, n), tasks - 1)]
    largest = {each: max(before[end] - before[start] for start, end in pairwise(each)) for each in cuts}
    cuts = [each for each in cuts if largest[each] == min(largest.values())]
    for k in range(1, tasks):
        target = Fraction(k, tasks) * before[-1]
        nearest = min((abs(before[each[k]] - target), each[k]) for each in cuts)[1]
        cuts = [each for each in cuts if each[k] == nearest]
    (only,) = cuts
    return [end - start for start, end in pairwise(only)]


@given(cases())
@example(([1, 1, 1, 1, 4], 2))
@example(([4, 1, 1, 1, 1], 3))
@example(([1, 1, 4, 1, 1], 4))
def test_the_cut_is_the_best_of_all(case: Case) -> None:
    assert balanced_sizes(*case) == best_of_all(*case)


@given(cases(), st.integers(2, 10**6))
def test_the_cut_does_not_depend_on_the_unit(case: Case, unit: int) -> None:
    samples, tasks = case

    assert balanced_sizes([each * unit for each in samples], tasks) == balanced_sizes(samples, tasks)
    assert balanced_sizes([Fraction(each, unit) for each in samples], tasks) == balanced_sizes(samples, tasks)


def test_equal_samples_give_tasks_of_nearly_equally_many_concepts() -> None:
    assert balanced_sizes([7] * 10, 4) == [2, 3, 2, 3]
    assert balanced_sizes([Fraction(1, 3)] * 9, 3) == [3, 3, 3]


def test_of_two_cuts_that_are_equally_near_the_earlier_one_is_taken() -> None:
    # A half of 8 is 4, and both 3 and 5 are feasible.
    assert balanced_sizes([3, 2, 3], 2) == [1, 2]


def test_a_class_with_more_than_its_share_has_a_task_of_its_own_where_that_is_best() -> None:
    assert balanced_sizes([1, 1, 100, 1, 1], 3) == [2, 1, 2]
    assert balanced_sizes([1, 1, 100, 1, 1], 5) == [1, 1, 1, 1, 1]


@given(cases())
def test_the_samples_of_tasks_are_exact(case: Case) -> None:
    samples, tasks = case
    sizes = balanced_sizes(samples, tasks)
    cuts = list(accumulate(sizes, initial=0))

    assert task_samples(samples, sizes) == [sum(samples[start:end]) for start, end in pairwise(cuts)]
    assert sum(task_samples(samples, sizes)) == sum(samples)


def test_thousands_of_tasks_are_cut_in_a_moment() -> None:
    # As slow as n x T, this would take minutes.
    sizes = balanced_sizes([1 + i * i % 97 for i in range(40_000)], 10_000)

    assert (sum(sizes), len(sizes), min(sizes) > 0) == (40_000, 10_000, True)
