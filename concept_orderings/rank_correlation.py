"""Rank correlation: how far two ways to value the same things agree in their order."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 16


@dataclass(frozen=True)
class Pairs:
    """The pairs of n things by how two values order them; all numbers are exact.

    Attributes
    ----------
    all : int
        n (n - 1) / 2.
    tied_first, tied_second : int
        The pairs with equal first values, and with equal second values; pairs with both are in both.
    discordant : int
        The pairs that the two values order in opposite ways.
    tied_both : int
        The pairs with equal first and equal second values.
    """

    all: int
    tied_first: int
    tied_second: int
    tied_both: int
    discordant: int

    @property
    def concordant(self) -> int:
        """The pairs that both values order in the same way."""
        return self.all - self.tied_first - self.tied_second + self.tied_both - self.discordant

    @property
    def tau_b(self) -> float | None:
        """Kendall's tau-b: 1 for the same order, -1 for the reverse; None if one of the values is the same for all."""
        untied = (self.all - self.tied_first) * (self.all - self.tied_second)
        return (self.concordant - self.discordant) / sqrt(untied) if untied else None


def kendall_tau_b(
    first: Sequence[float] | NDArray[np.generic], second: Sequence[float] | NDArray[np.generic]
) -> float | None:
    """Return Kendall's tau-b of two values of each of n things, in O(n log² n).

    Parameters
    ----------
    first, second
        Comparable numbers, (n,). Equal ones are ties.

    Returns
    -------
    float or None
        From -1 to 1; None if all first or all second values are equal, as for fewer than two things.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    return count_pairs(first, second).tau_b


def spearman_rho(
    first: Sequence[float] | NDArray[np.generic], second: Sequence[float] | NDArray[np.generic]
) -> float | None:
    """Return Spearman's rho of two values of each of n things: Pearson's correlation of their ranks.

    Equal values share the mean of their ranks. Sums are those of integers, and so exact. Parameters, result and errors
    as for `kendall_tau_b`.
    """
    _check_lengths(first, second)
    x, y = _centred_ranks(first), _centred_ranks(second)
    spread = _dot(x, x) * _dot(y, y)
    return _dot(x, y) / sqrt(spread) if spread else None


def count_pairs(first: Sequence[float] | NDArray[np.generic], second: Sequence[float] | NDArray[np.generic]) -> Pairs:
    """Count the pairs of n things by how two values order them; parameters and errors as for `kendall_tau_b`."""
    _check_lengths(first, second)
    x, y = _ranks(first), _ranks(second)
    order = np.lexsort((y, x))
    both = x * (len(x) + 1) + y
    return Pairs(comb(len(x), 2), _ties(x), _ties(y), _ties(both), _inversions(y[order]))


def _check_lengths(first: Sequence[float] | NDArray[np.generic], second: Sequence[float] | NDArray[np.generic]) -> None:
    if len(first) != len(second):
        raise ValueError(f"{len(first)} first values and {len(second)} second ones were passed")


def _centred_ranks(values: Sequence[float] | NDArray[np.generic]) -> NDArray[np.int64]:
    """Return twice the distance of each rank from the mean of all ranks, (n,): an integer, also for equal values."""
    _, group, sizes = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    # The ranks of a group are last - size + 1 to last, and their mean is half of 2 last - size + 1.
    doubled = 2 * np.cumsum(sizes) - sizes + 1
    return np.asarray(doubled[group.reshape(-1)] - (len(values) + 1), dtype=np.int64)


def _dot(x: NDArray[np.int64], y: NDArray[np.int64]) -> int:
    # In blocks, whose sums fit in 63 bits for as many as ten million things.
    return sum(int(x[first : first + _BLOCK] @ y[first : first + _BLOCK]) for first in range(0, len(x), _BLOCK))


def _ranks(values: Sequence[float] | NDArray[np.generic]) -> NDArray[np.int64]:
    _, ranks = np.unique(np.asarray(values), return_inverse=True)
    return np.asarray(ranks.reshape(-1), dtype=np.int64)


def _ties(ranks: NDArray[np.int64]) -> int:
    _, sizes = np.unique(ranks, return_counts=True)
    return sum(comb(size, 2) for size in sizes.tolist())


def _inversions(values: NDArray[np.int64]) -> int:
    """Return how many pairs of numbers, from 0, stand in falling order.

    The numbers are sorted bit by bit, from the highest, each time within those that agree in all higher bits: a pair
    stands in falling order if, at the first bit in which the two differ, a 1 comes before a 0.
    """
    found = 0
    for bit in reversed(range(int(values.max(initial=0)).bit_length())):
        higher, ones = values >> (bit + 1), (values >> bit) & 1
        before = np.cumsum(ones) - ones
        # Those before the first number with the same higher bits do not count.
        first = np.searchsorted(higher, higher, side="left")
        found += int(((before - before[first]) * (1 - ones)).sum())
        values = values[np.argsort(values >> bit, kind="stable")]
    return found
