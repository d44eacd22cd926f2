"""Lower bounds of distances from projections to a few axes, at a fraction of the cost of a distance.

With respect to orthonormal axes, a vector has its coordinates along them and a remainder, which is orthogonal to all of
them. A projection holds the coordinates and the length of the remainder. By the Cauchy-Schwarz inequality, the dot
product of the remainders of two vectors is at most the product of their lengths. The dot product of two projections is
therefore at least that of the vectors, so the distance computed from it is at most theirs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from concept_orderings.path.blas import on_one_thread
from concept_orderings.path.distances import BLOCK, MAX_SQUARED_LENGTH

AXES = (32, 64, 96, 128, 192, 256)
"""The numbers of axes to choose from. For MiniLM (384 dimensions), 64 axes hold 0.80 of captions' squared length."""

DISTANCE_COST = 1600
"""Cost of computing an exact distance, in units of one term of a dot product."""

SCAN_NUMBERS = 32
"""Length of the int16 rows that a scan reads before the vectors themselves: one line of the processor's cache."""

_ROWS = 64  # of the sample, for which costs are estimated
_SAMPLE = 4096
_ROUNDS = 4  # of subspace iteration
_FEW_DIMENSIONS = 512  # up to which a decomposition of the whole sample is faster
_OVER = 2.0**-30
"""The remainder's squared length is increased by this share of the vector's: far more than float64 rounds off."""

Integers = TypeVar("Integers", np.int16, np.int32)
Rows = TypeVar("Rows", NDArray[np.float32], NDArray[np.int16])


@dataclass(frozen=True)
class Projection(Generic[Rows]):
    """The projections of n vectors, and the error of the distances computed from them.

    Attributes
    ----------
    rows : ndarray of float32 or int16, shape (n, width)
    error : int
        Upper bound of the rounding error: the squared distance of two vectors is at least the sum of their squared
        lengths, minus twice the dot product of their rows, minus this. float32 products may be summed in any order.
    """

    rows: Rows
    error: int


class Projector:
    """Project vectors to the axes along which they are longest.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
        From `quantise`.
    squares : ndarray of int32, shape (n,)
        Their squared lengths.
    tick : callable
        Called several times a second; an exception that it raises ends the work.
    """

    def __init__(
        self, vectors: NDArray[np.int16], squares: NDArray[np.int32], tick: Callable[[], None] = lambda: None
    ) -> None:
        self._tick = tick
        self._vectors = vectors
        self._squares = squares
        # Nearly as many axes as dimensions would save nothing.
        self._numbers = [number for number in AXES if number < 0.8 * vectors.shape[1]]
        # Small products and decompositions: threads of BLAS that wait for each other on busy cores would take a hundred
        # times as long as one thread.
        with on_one_thread():
            self._axes = leading_axes(vectors, self._numbers[-1], tick) if self._numbers else None

    def for_products(self, k: int, *, distance_cost: int = DISTANCE_COST) -> Projection[NDArray[np.float32]]:
        """Return float32 rows for matrix products; the number of axes is the one estimated best for `k` neighbours.

        `distance_cost` is that of an exact distance, in units of one term of a dot product.
        """
        dimensions = self._vectors.shape[1]
        with on_one_thread():
            number = self._best(k / len(self._vectors), distance_cost)
        if number == dimensions:
            return Projection(self._vectors.astype(np.float32), _error(dimensions))
        rows = np.empty((len(self._vectors), number + 1), dtype=np.float32)
        self._project(number, rows)
        # Rounding each coordinate to float32 adds an error as large as that of further terms in the sum.
        return Projection(rows, _error(number + 1 + 3))

    def for_scans(self) -> Projection[NDArray[np.int16]]:
        """Return int16 rows of `SCAN_NUMBERS` numbers, or the vectors themselves if they are hardly longer.

        Rounding moves a row by at most ``sqrt(SCAN_NUMBERS) / 2``. By the Cauchy-Schwarz inequality it changes a dot
        product by at most that times the sum of the lengths of the two rows.
        """
        if self._axes is None:
            return Projection(self._vectors, 0)
        rows = np.empty((len(self._vectors), SCAN_NUMBERS), dtype=np.int16)
        self._project(SCAN_NUMBERS - 1, rows)
        moved = np.sqrt(SCAN_NUMBERS) / 2
        length = np.sqrt(MAX_SQUARED_LENGTH * (1 + _OVER))
        return Projection(rows, int(np.ceil(2 * moved * (2 * length + moved))))

    def _best(self, share: float, distance_cost: int) -> int:
        """Return the number of axes with the least estimated cost of products and exact distances, or d for all.

        `share` is the share of all vectors that are listed as neighbours. A distance is computed where the bound is
        below the row's limit, and during the search the limit admits about 1.5 times as many.
        """
        dimensions = self._vectors.shape[1]
        vectors, squares = _sampled(self._vectors, _SAMPLE), _sampled(self._squares, _SAMPLE)
        rows_used = slice(0, _ROWS)
        sums = squares[rows_used, None] + squares.astype(np.float64)
        exact = vectors.astype(np.float64)
        distances = sums - 2 * exact[rows_used] @ exact.T
        limits = np.quantile(distances, min(1.0, 1.5 * share), axis=1, keepdims=True)
        costs: dict[int, float] = {dimensions: float(dimensions)}
        for number in self._numbers:
            self._tick()
            rows = self._along(vectors, squares, number)
            low = sums - 2 * rows[rows_used] @ rows.T < limits
            costs[number] = number + distance_cost * float(low.mean())
        return min(costs.items(), key=lambda each: each[1])[0]

    def _project(self, number: int, rows: NDArray[np.float32] | NDArray[np.int16]) -> None:
        """Write the coordinates along the first `number` axes and the length of the remainder to `rows`."""
        for first in range(0, len(rows), BLOCK):
            self._tick()
            block = slice(first, first + BLOCK)
            exact = self._along(self._vectors[block], self._squares[block], number)
            rows[block] = np.rint(exact) if rows.dtype == np.int16 else exact

    def _along(self, vectors: NDArray[np.int16], squares: NDArray[np.int32], number: int) -> NDArray[np.float64]:
        assert self._axes is not None
        along = vectors.astype(np.float64) @ self._axes[:, :number]
        remainders = np.maximum(squares - np.square(along).sum(axis=1), 0) + _OVER * squares
        rows: NDArray[np.float64] = np.column_stack([along, np.sqrt(remainders)])
        return rows


def leading_axes(
    vectors: NDArray[np.int16], number: int, tick: Callable[[], None] = lambda: None
) -> NDArray[np.float64]:
    """Return orthonormal axes, (d, number), along which the vectors, (n, d), are longest, in that order.

    They are those of a sample. Of many dimensions, they are approximated by subspace iteration (Halko, Martinsson and
    Tropp, arXiv 0909.4061). Bounds are valid for any orthonormal axes; good axes make them tight.
    """
    sample = _sampled(vectors, _SAMPLE).astype(np.float64)
    if vectors.shape[1] <= _FEW_DIMENSIONS:
        tick()
        _, exact = np.linalg.eigh(sample.T @ sample)
        return np.ascontiguousarray(exact[:, : -number - 1 : -1])
    axes: NDArray[np.float64] = np.random.Generator(np.random.Philox(0)).normal(size=(vectors.shape[1], number))
    for _ in range(_ROUNDS):
        tick()
        axes, _ = np.linalg.qr(sample.T @ (sample @ axes))
    _, turned = np.linalg.eigh(axes.T @ (sample.T @ (sample @ axes)))
    turned_axes: NDArray[np.float64] = np.linalg.qr(axes @ turned[:, ::-1])[0]
    return turned_axes


def _sampled(rows: NDArray[Integers], number: int) -> NDArray[Integers]:
    """Return at most `number` of the rows, evenly spaced."""
    return rows[:: -(-len(rows) // number)]


def product_error(dimensions: int) -> float:
    """Bound the error of a squared distance whose dot product was summed in float32, in any order.

    See Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1; 1 is added for rounding the
    product to an integer. The squared lengths are assumed to be at most `MAX_SQUARED_LENGTH`.
    """
    rounding = dimensions * 2.0**-24
    return 2 * (rounding / (1 - rounding) * MAX_SQUARED_LENGTH + 1)


def _error(dimensions: int) -> int:
    return int(np.ceil(product_error(dimensions)))
