"""Cut a sequence of training samples into contiguous tasks, so that the largest is as small as can be.

Everything is computed in Python's integers, in parts of the common denominator, so the cuts are exact.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from math import ceil

from concept_orderings.evidence.samples import Number, common_denominator


def balanced_sizes(samples: Sequence[Number], tasks: int) -> list[int]:
    """Return the sizes of contiguous tasks, (T,), none of them empty, the largest of which is as small as can be.

    Of the cuts that keep to this bound, each is, from left to right, the feasible one that is nearest to k/T of all
    samples, the earlier of two that are equally near.

    Parameters
    ----------
    samples
        Exact numbers above 0, in order, (n,).
    tasks
        T, from 1 to n.
    """
    ends = _prefix_sums(samples)
    bound = _smallest_bound(ends, tasks)
    earliest = _earliest_cuts(ends, tasks, bound)
    n, total, cuts = len(samples), ends[-1], [0]
    for k in range(1, tasks):
        first = max(cuts[-1] + 1, earliest[k])
        last = min(bisect_right(ends, ends[cuts[-1]] + bound) - 1, n - (tasks - k))
        cuts.append(_nearest(ends, first, last, Fraction(k * total, tasks)))
    return [end - start for start, end in pairwise([*cuts, n])]


def task_samples(samples: Sequence[Number], sizes: Sequence[int]) -> list[Fraction]:
    """Return the exact samples of each task, (T,).

    Parameters
    ----------
    samples
        In order, (n,).
    sizes
        The sizes of the tasks, which add up to n, (T,).
    """
    denominator, ends = common_denominator(samples), _prefix_sums(samples)
    cuts = accumulate(sizes, initial=0)
    return [Fraction(ends[end] - ends[start], denominator) for start, end in pairwise(cuts)]


def _prefix_sums(samples: Sequence[Number]) -> list[int]:
    """Return the samples before each place, (n + 1,), in parts of the common denominator."""
    denominator = common_denominator(samples)
    parts = (each.numerator * (denominator // each.denominator) for each in samples)
    return list(accumulate(parts, initial=0))


def _smallest_bound(ends: Sequence[int], tasks: int) -> int:
    """Return the samples of the largest task of the best cut, by bisection.

    Cuts into fewer than T tasks count, too: as all samples are above 0, a task that is cut further gets smaller.
    """
    # With `high`, each task that is filled greedily has more than the T-th part of all, so T tasks suffice.
    largest = max(end - start for start, end in pairwise(ends))
    low = max(-(-ends[-1] // tasks), largest)
    high = low + largest
    while low < high:
        fits, near = _cut_greedily(ends, tasks, (low + high) // 2)
        low, high = (low, near) if fits else (near, high)
    return low


def _cut_greedily(ends: Sequence[int], tasks: int, bound: int) -> tuple[bool, int]:
    """Fill one task after the other up to a bound.

    Returns
    -------
    fits : bool
        Whether T tasks suffice.
    near : int
        If so, the samples of the largest of them, a bound that suffices as well. If not, the smallest bound with which
        one of the tasks would have one concept more: no bound below it suffices.
    """
    start, n = 0, len(ends) - 1
    largest, next_bound = 0, ends[-1]
    for _ in range(tasks):
        end = bisect_right(ends, ends[start] + bound, start) - 1
        largest = max(largest, ends[end] - ends[start])
        if end == n:
            return True, largest
        next_bound = min(next_bound, ends[end + 1] - ends[start])
        start = end
    return False, next_bound


def _earliest_cuts(ends: Sequence[int], tasks: int, bound: int) -> list[int]:
    """Return, for each k from 0 to T, the first place from which T - k tasks within a bound reach the end."""
    places = [len(ends) - 1]
    for _ in range(tasks):
        places.append(bisect_left(ends, ends[places[-1]] - bound))
    return places[::-1]


def _nearest(ends: Sequence[int], first: int, last: int, target: Fraction) -> int:
    """Return the place from `first` to `last` at which the samples before it are nearest to a target."""
    place = bisect_left(ends, ceil(target), first, last)
    if place > first and target - ends[place - 1] <= ends[place] - target:
        return place - 1
    return place
