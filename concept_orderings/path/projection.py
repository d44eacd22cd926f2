"""Lower bounds of distances, at a fraction of the cost: what two vectors differ by along a few axes.

Of orthonormal axes, a vector has its coordinates along them and a rest, at right angles to all of them. Of the rest the
length alone is kept, as one more coordinate. By the inequality of Cauchy and Schwarz, the rests of two vectors have a
dot product of at most the product of their lengths, so the dot product of two projections is at least that of the
vectors, and the distance that it makes at most theirs.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from concept_orderings.path.distances import BLOCK, MAX_SQUARED_LENGTH

AXES = (32, 64, 96, 128, 192, 256)
"""How many axes may be used. Of 384 dimensions of MiniLM, 64 hold 0.80 of the squared length of captions."""

MEASURING = 1600
"""What it costs to measure a distance, where a dot product costs 1 for each of its terms."""

_ROWS = 64
_SAMPLE = 4096
_ROUNDS = 4
_OVER = 2.0**-30
"""Of its squared length, a vector's rest is taken to be longer by this: far more than float64 rounds off."""

Integers = TypeVar("Integers", np.int16, np.int32)


def projected(vectors: NDArray[np.int16], squares: NDArray[np.int32], k: int) -> tuple[NDArray[np.float32], int]:
    """Project vectors to as many axes as seems best for finding their `k` nearest; on all, if that is best.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
        From `quantise`.
    squares : ndarray of int32, shape (n,)
        Their squared lengths.
    k : int
        How many neighbours are looked for, of each vector.

    Returns
    -------
    projections : ndarray of float32, shape (n, d) or (n, axes + 1)
    error : int
        The squared distance of two vectors is at least what their squared lengths and the dot product of their
        projections, summed in float32 in any order, make of it, less this.
    """
    dimensions = vectors.shape[1]
    candidates = [number for number in AXES if number < 0.8 * dimensions]
    if not candidates:
        return vectors.astype(np.float32), _error(dimensions)
    axes = leading_axes(vectors, candidates[-1])
    number = _best(vectors, squares, axes, candidates, k / len(vectors))
    if number == dimensions:
        return vectors.astype(np.float32), _error(dimensions)
    projections = np.empty((len(vectors), number + 1), dtype=np.float32)
    for first in range(0, len(vectors), BLOCK):
        block = slice(first, first + BLOCK)
        projections[block] = _project(vectors[block], squares[block], axes[:, :number])
    # Each coordinate is rounded to float32 too, which is as much again as two more terms of the sum.
    return projections, _error(number + 1 + 3)


def leading_axes(vectors: NDArray[np.int16], number: int) -> NDArray[np.float64]:
    """Return orthonormal axes, (d, number), the first of them those along which the vectors, (n, d), are longest.

    About so, by subspace iteration on a sample (Halko, Martinsson and Tropp, arXiv 0909.4061). Any orthonormal axes
    give true bounds; good ones give tight bounds.
    """
    sample = _sampled(vectors, _SAMPLE).astype(np.float64)
    axes: NDArray[np.float64] = np.random.Generator(np.random.Philox(0)).normal(size=(vectors.shape[1], number))
    for _ in range(_ROUNDS):
        axes, _ = np.linalg.qr(sample.T @ (sample @ axes))
    _, turned = np.linalg.eigh(axes.T @ (sample.T @ (sample @ axes)))
    turned_axes: NDArray[np.float64] = np.linalg.qr(axes @ turned[:, ::-1])[0]
    return turned_axes


def _best(
    vectors: NDArray[np.int16],
    squares: NDArray[np.int32],
    axes: NDArray[np.float64],
    candidates: Sequence[int],
    share: float,
) -> int:
    """Return of how many axes the products, and measuring whatever has a low bound, seem to cost least: of d, perhaps.

    `share` is the part of all vectors that are neighbours; while they are looked for, about twice as many seem to be.
    """
    dimensions = vectors.shape[1]
    some, squared = _sampled(vectors, _SAMPLE), _sampled(squares, _SAMPLE)
    few = slice(0, _ROWS)
    sums = squared[few, None] + squared.astype(np.float64)
    exact = some.astype(np.float64)
    distances = sums - 2 * exact[few] @ exact.T
    limits = np.quantile(distances, min(1.0, 2 * share), axis=1, keepdims=True)
    costs: dict[int, float] = {dimensions: float(dimensions)}
    for number in candidates:
        projections = _project(some, squared, axes[:, :number])
        low = sums - 2 * projections[few] @ projections.T < limits
        costs[number] = number + MEASURING * float(low.mean())
    return min(costs.items(), key=lambda each: each[1])[0]


def _project(vectors: NDArray[np.int16], squares: NDArray[np.int32], axes: NDArray[np.float64]) -> NDArray[np.float64]:
    along = vectors.astype(np.float64) @ axes
    rests = np.maximum(squares - np.square(along).sum(axis=1), 0) + _OVER * squares
    projections: NDArray[np.float64] = np.column_stack([along, np.sqrt(rests)])
    return projections


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
