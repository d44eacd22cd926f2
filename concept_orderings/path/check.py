"""Check that a path is greedy, without searching for it: each step must lead to the nearest vector that is left.

All distances are bounded from below by short float32 rows (`concept_orderings.path.projection`), and the exact integer
distance is computed where the bound is not above that of the step. A path through 18,381 vectors takes about a second
with NumPy alone.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_orderings.diagnostics import step_distances
from concept_orderings.path.distances import check_vectors, squared_lengths
from concept_orderings.path.projection import Projector
from concept_orderings.progress import Report, silent

_ROWS = 512  # steps checked at a time
_PAIRS = 4096  # exact distances computed at a time
_NEIGHBOURS = 20
"""For how many neighbours of each vector the short rows are chosen: about as many are as near as its step."""

_DISTANCE_COST = 25_000
"""Cost of an exact distance with NumPy, in units of one term of a matrix product."""

_MIDDLE = 2.0**27
"""Half the squared length of a unit vector: numbers around it are small without it, and so exact in float32."""

_ROUNDING = 64
"""More than the errors of rounding two numbers below 2^29 to float32."""


class WrongStep(NamedTuple):
    """The first step of a path that does not lead to the nearest vector.

    Attributes
    ----------
    position : int
        The position to which it leads, from 1.
    nearest : int
        The vector that should be there.
    """

    position: int
    nearest: int


def first_wrong_step(
    vectors: NDArray[np.int16], order: NDArray[np.int64], *, report: Report = silent
) -> WrongStep | None:
    """Return the first step of a path that is not greedy; None if all are.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
        From `quantise`. Of equally near vectors, the one with the smaller index comes first.
    order : ndarray of int64, shape (n,)
        The path, a permutation of ``range(n)``.
    report : Report
        Called with the number of steps checked, of n.

    Raises
    ------
    ValueError
        If the vectors are not as `quantise` makes them, or the order is no permutation.
    """
    check_vectors(vectors)
    n = len(vectors)
    if not np.array_equal(np.sort(order), np.arange(n)):
        raise ValueError(f"the order must be a permutation of the {n} vectors")
    if n < 3:
        return None
    along = vectors[order]
    steps = step_distances(vectors, order)
    left, right = _factors(along, steps)
    for first in range(0, n - 2, _ROWS):
        report(first, n)
        last = min(first + _ROWS, n - 2)
        products = left[first:last] @ right[first + 2 :].T
        # Vectors before the step's own have been visited.
        products[:, : last - first][np.tri(last - first, k=-1, dtype=np.bool_)] = -1
        # Ten times as fast as `nonzero` of the matrix.
        rows, columns = np.divmod(np.flatnonzero(products.reshape(-1) >= 0), products.shape[1])
        wrong = _first_wrong(along, order, steps, first + rows, first + 2 + columns)
        if wrong is not None:
            return wrong
    report(n, n)
    return None


def _factors(along: NDArray[np.int16], steps: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return two matrices, (n, w), of whose rows i and j the product is negative if j is further from i than its step.

    The product is that of the projections, less what it must be at least for a distance of the step.
    """
    squares = squared_lengths(along)
    projection = Projector(along, squares.astype(np.int32)).for_products(_NEIGHBOURS, distance_cost=_DISTANCE_COST)
    n, width = projection.rows.shape
    left, right = np.empty((n, width + 2), dtype=np.float32), np.empty((n, width + 2), dtype=np.float32)
    left[:, :width] = right[:, :width] = projection.rows
    # Two terms more, and sums that are up to 2.5 times as large, make the error of a product more than twice as large.
    slack = 2.0 * projection.error + _ROUNDING
    left[:, width], right[:, width] = 1, _MIDDLE - squares / 2
    left[:-1, width + 1], right[:, width + 1] = squares[:-1] / 2 - steps / 2 - slack + _MIDDLE, -1
    return left, right


def _first_wrong(
    along: NDArray[np.int16],
    order: NDArray[np.int64],
    steps: NDArray[np.int64],
    at: NDArray[np.int64],
    to: NDArray[np.int64],
) -> WrongStep | None:
    """Return the first wrong step among those that candidates may show: from position `at`, (m,), better to `to`.

    `at` is ascending, so that the candidates of one step stand together.
    """
    best: tuple[int, int, int] | None = None
    for start in range(0, len(at), _PAIRS):
        i, j = at[start : start + _PAIRS], to[start : start + _PAIRS]
        if best is not None and i[0] > best[0]:
            break
        distances = _distances(along, i, j)
        nearer = (distances < steps[i]) | ((distances == steps[i]) & (order[j] < order[i + 1]))
        found = zip(i[nearer].tolist(), distances[nearer].tolist(), order[j[nearer]].tolist(), strict=True)
        best = min(found, default=best) if best is None else min([best, *found])
    return None if best is None else WrongStep(best[0] + 1, best[2])


def _distances(along: NDArray[np.int16], one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the exact squared distances of pairs of vectors, (m,) int64."""
    # Each squared distance is below 2^31, and so are the sums of its parts.
    between = along[one].astype(np.int32) - along[other]
    distances: NDArray[np.int64] = np.einsum("ij,ij->i", between, between).astype(np.int64)
    return distances
