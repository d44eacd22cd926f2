"""Mean ranks: how several models rank concepts together, whatever the scales of their scores (Borda's rule).

Each model ranks the concepts from 1, the easiest. Equal scores share the mean of their ranks (mid-ranks), which is a
whole number or one and a half, so doubled ranks and their sums are exact integers. For a fixed number of models the
order by the sum of ranks is that by their mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CombinedRanks:
    """The ranks that k models give n concepts.

    Attributes
    ----------
    doubled : ndarray of int64, shape (k, n)
        The rank of each concept by each model, times two.
    """

    doubled: NDArray[np.int64]

    @property
    def doubled_sums(self) -> NDArray[np.int64]:
        """The sum of each concept's ranks, times two, (n,)."""
        return np.asarray(self.doubled.sum(axis=0), dtype=np.int64)

    @property
    def means(self) -> NDArray[np.float64]:
        """The mean of each concept's ranks, (n,): equal for equal sums, and different for different ones."""
        return self.doubled_sums / (2 * len(self.doubled))

    @property
    def spreads(self) -> NDArray[np.float64]:
        """The largest rank of each concept less its smallest, (n,); exact."""
        return np.asarray(np.ptp(self.doubled, axis=0) / 2, dtype=np.float64)


def combined_ranks(scores: Sequence[NDArray[np.float64]]) -> CombinedRanks:
    """Return the ranks of n concepts by several models.

    Parameters
    ----------
    scores
        Of each model, (n,); higher is easier.
    """
    return CombinedRanks(np.stack([_doubled_mid_ranks(-each) for each in scores]))


def _doubled_mid_ranks(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the ranks of values, the smallest first, times two, (n,).

    With a smaller values and b equal ones, itself included, a rank is the mean of a + 1 to a + b.
    """
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    smaller = np.cumsum(sizes) - sizes
    return np.asarray((2 * smaller + sizes + 1)[group], dtype=np.int64)
