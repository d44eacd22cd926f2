"""Lower bounds of distances, at a fraction of the cost: what two vectors differ by along a few axes.

Of orthonormal axes, a vector has its coordinates along them and a rest, at right angles to all of them. Of the rest the
length alone is kept, as one more coordinate. By the inequality of Cauchy and Schwarz, the rests of two vectors have a
dot product of at most the product of their lengths, so the dot product of two projections is at least that of the
vectors, and the distance that it makes at most theirs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from concept_orderings.path.distances import BLOCK, MAX_SQUARED_LENGTH

AXES = (32, 64, 96, 128, 192, 256)
"""How many axes may be used. Of 384 dimensions of MiniLM, 64 hold 0.80 of the squared length of captions."""

MEASURING = 1600
"""What it costs to measure a distance, where a dot product costs 1 for each of its terms."""

LOOKING = 32
"""Numbers of a row that is looked at alone, before the vector is."""

_ROWS = 64
_SAMPLE = 4096
_ROUNDS = 4
_OVER = 2.0**-30
"""Of its squared length, a vector's rest is taken to be longer by this: far more than float64 rounds off."""

Integers = TypeVar("Integers", np.int16, np.int32)
Rows = TypeVar("Rows", NDArray[np.float32], NDArray[np.int16])


@dataclass(frozen=True)
class Projection(Generic[Rows]):
    """The coordinates of n vectors along some axes, and how far the distances that they make may be too long.

    Attributes
    ----------
    rows : ndarray of float32 or int16, shape (n, width)
    error : int
        The squared distance of two vectors is at least what their squared lengths and the dot product of their rows
        make of it, less this. A float32 product may be summed in any order.
    """

    rows: Rows
    error: int


class Projector:
    """Projects vectors.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
        From `quantise`.
    squares : ndarray of int32, shape (n,)
        Their squared lengths.
    tick : callable
        Called every now and then; what it raises ends the work.
    """

    def __init__(
        self, vectors: NDArray[np.int16], squares: NDArray[np.int32], tick: Callable[[], None] = lambda: None
    ) -> None:
        self._tick = tick
        self._vectors = vectors
        self._squares = squares
        # With nearly as many axes as dimensions, nothing would be gained.
        self._numbers = [number for number in AXES if number < 0.8 * vectors.shape[1]]
        self._axes = leading_axes(vectors, self._numbers[-1], tick) if self._numbers else None

    def for_products(self, k: int) -> Projection[NDArray[np.float32]]:
        """Return float32 rows, on as many axes as seems best for finding the `k` nearest of each by products."""
        dimensions = self._vectors.shape[1]
        number = self._best(k / len(self._vectors))
        if number == dimensions:
            return Projection(self._vectors.astype(np.float32), _error(dimensions))
        rows = np.empty((len(self._vectors), number + 1), dtype=np.float32)
        self._project(number, rows)
        # Each coordinate is rounded to float32 too, which is as much again as two more terms of the sum.
        return Projection(rows, _error(number + 1 + 3))

    def for_looking(self) -> Projection[NDArray[np.int16]]:
        """Return int16 rows of `LOOKING` numbers, a line of the processor's cache, or the vectors if none are shorter.

        Rounding moves a row by at most ``sqrt(LOOKING) / 2``, so by Cauchy and Schwarz it changes a dot product by at
        most that times the lengths of both rows.
        """
        if self._axes is None:
            return Projection(self._vectors, 0)
        rows = np.empty((len(self._vectors), LOOKING), dtype=np.int16)
        self._project(LOOKING - 1, rows)
        moved = np.sqrt(LOOKING) / 2
        length = np.sqrt(MAX_SQUARED_LENGTH * (1 + _OVER))
        return Projection(rows, int(np.ceil(2 * moved * (2 * length + moved))))

    def _best(self, share: float) -> int:
        """Return of how many axes the products, and measuring what has a low bound, seem to cost least: of d, perhaps.

        `share` is the part of all vectors that are neighbours; while they are looked for, half as many again seem to
        be.
        """
        dimensions = self._vectors.shape[1]
        vectors, squares = _sampled(self._vectors, _SAMPLE), _sampled(self._squares, _SAMPLE)
        few = slice(0, _ROWS)
        sums = squares[few, None] + squares.astype(np.float64)
        exact = vectors.astype(np.float64)
        distances = sums - 2 * exact[few] @ exact.T
        limits = np.quantile(distances, min(1.0, 1.5 * share), axis=1, keepdims=True)
        costs: dict[int, float] = {dimensions: float(dimensions)}
        for number in self._numbers:
            self._tick()
            rows = self._along(vectors, squares, number)
            low = sums - 2 * rows[few] @ rows.T < limits
            costs[number] = number + MEASURING * float(low.mean())
        return min(costs.items(), key=lambda each: each[1])[0]

    def _project(self, number: int, rows: NDArray[np.float32] | NDArray[np.int16]) -> None:
        """Fill in the coordinates along so many axes, and the length of the rest."""
        for first in range(0, len(rows), BLOCK):
            self._tick()
            block = slice(first, first + BLOCK)
            exact = self._along(self._vectors[block], self._squares[block], number)
            rows[block] = np.rint(exact) if rows.dtype == np.int16 else exact

    def _along(self, vectors: NDArray[np.int16], squares: NDArray[np.int32], number: int) -> NDArray[np.float64]:
        assert self._axes is not None
        along = vectors.astype(np.float64) @ self._axes[:, :number]
        rests = np.maximum(squares - np.square(along).sum(axis=1), 0) + _OVER * squares
        rows: NDArray[np.float64] = np.column_stack([along, np.sqrt(rests)])
        return rows


def leading_axes(
    vectors: NDArray[np.int16], number: int, tick: Callable[[], None] = lambda: None
) -> NDArray[np.float64]:
    """Return orthonormal axes, (d, number), the first of them those along which the vectors, (n, d), are longest.

    About so, by subspace iteration on a sample (Halko, Martinsson and Tropp, arXiv 0909.4061). Any orthonormal axes
    give true bounds; good ones give tight bounds.
    """
    sample = _sampled(vectors, _SAMPLE).astype(np.float64)
    axes: NDArray[np.float64] = np.random.Generator(np.random.Philox(0)).normal(size=(vectors.shape[1], number))
    for _ in range(_ROUNDS):
        tick()
        axes, _ = np.linalg.qr(sample.T @ (sample @ axes))
    _, turned = np.linalg.eigh(axes.T @ (sample.T @ (sample @ axes)))
    turned_axes: NDArray[np.float64] = np.linalg.qr(axes @ turned[:, ::-1])[0]
    return turned_axes


def _sampled(rows: NDArray[Integers], number: int) -> NDArray[Integers]:
    """Return up to so many of the rows, evenly spread."""
    return rows[:: -(-len(rows) // number)]


def guess_error(dimensions: int) -> float:
    """Bound the error of a squared distance whose dot product was summed in float32, in any order.

    Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1; and 1 for making an integer of the
    product. Lengths of up to `MAX_SQUARED_LENGTH` are assumed.
    """
    rounding = dimensions * 2.0**-24
    return 2 * (rounding / (1 - rounding) * MAX_SQUARED_LENGTH + 1)


def _error(dimensions: int) -> int:
    return int(np.ceil(guess_error(dimensions)))
