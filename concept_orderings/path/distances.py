"""Exact distances: embeddings are rounded to integers, whose products and sums are the same on every machine."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_orderings.text import first_of

SCALE = 1 << 14
"""Length of a quantised vector: components are signed 15-bit integers."""

MAX_DIMENSIONS = 4096
"""Rounding lengthens a vector by at most ``sqrt(4096) / 2 = 32``, so that every squared distance is at most
``(2 * (SCALE + 32)) ** 2 < 2 ** 31`` and, by Cauchy-Schwarz, every partial sum of a dot product is as well."""

BLOCK = 4096
"""Vectors that are converted to wider numbers at a time, to save memory."""

MAX_SQUARED_LENGTH = (SCALE + 32) ** 2
"""Upper bound of the squared length of a quantised vector."""


@dataclass(frozen=True)
class Quantised:
    """Embeddings rounded to integers, and how near they were to other integers.

    Attributes
    ----------
    vectors : ndarray of int16, shape (n, d)
        From `quantise`.
    margins : ndarray of float64, shape (n,)
        How much a coordinate of each embedding, scaled to length 1, must change at least to be rounded to another
        integer. Its last bits depend on the machine that made the embeddings.
    near_edges : ndarray of int64, shape (n,)
        The number of coordinates of each embedding whose margin is at most the given one.
    """

    vectors: NDArray[np.int16]
    margins: NDArray[np.float64]
    near_edges: NDArray[np.int64]


def quantise(embeddings: NDArray[Any]) -> NDArray[np.int16]:
    """Scale each embedding to length `SCALE` and round it to integers, the same on every machine.

    The squared lengths are summed column by column in float64: IEEE 754 defines the rounding of each operation, and
    their order is fixed. The order of ``numpy.sum`` depends on the width of the processor's vector registers.

    Parameters
    ----------
    embeddings : array of float32 or float64, shape (n, d)
        ``d`` is from 1 to `MAX_DIMENSIONS`.

    Returns
    -------
    array of int16, shape (n, d)
        Components in ``[-SCALE, SCALE]``.

    Raises
    ------
    ValueError
        If the array has another shape, or a row is all zero or not finite; the message names the first 10 rows.
    """
    given, largest = _checked(embeddings)
    quantised = np.empty(given.shape, dtype=np.int16)
    for block in _blocks(len(given)):
        quantised[block] = np.rint(_scaled(given[block], largest[block]))
    return quantised


def quantise_with_margins(embeddings: NDArray[Any], margin: NDArray[np.float64]) -> Quantised:
    """Quantise as `quantise` does, and measure how far each coordinate is from being rounded to another integer.

    Parameters
    ----------
    embeddings : array of float32 or float64, shape (n, d)
        As for `quantise`.
    margin : ndarray of float64, shape (n,)
        For each embedding, the margin up to which a coordinate is counted in `Quantised.near_edges`.

    Raises
    ------
    ValueError
        As raised by `quantise`.
    """
    given, largest = _checked(embeddings)
    found = Quantised(np.empty(given.shape, np.int16), np.empty(len(given)), np.empty(len(given), np.int64))
    for block in _blocks(len(given)):
        scaled = _scaled(given[block], largest[block])
        rounded = np.rint(scaled)
        margins = (0.5 - np.abs(scaled - rounded)) / SCALE
        found.vectors[block] = rounded
        found.margins[block] = margins.min(axis=1)
        found.near_edges[block] = (margins <= margin[block, None]).sum(axis=1)
    return found


def _checked(embeddings: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Check embeddings; return them, and the largest absolute component of each row, (n,) float64."""
    given = np.asarray(embeddings)
    if given.ndim != 2 or not 1 <= given.shape[1] <= MAX_DIMENSIONS:
        raise ValueError(f"embeddings must have shape (n, 1 to {MAX_DIMENSIONS}), not {given.shape}")
    largest = np.empty(len(given))
    for block in _blocks(len(given)):
        largest[block] = np.abs(given[block].astype(np.float64)).max(axis=1)
    _refuse(np.logical_not(np.isfinite(largest)), "not finite")
    _refuse(largest == 0.0, "all zero")
    return given, largest


def _blocks(n: int) -> list[slice]:
    # In blocks, because a million embeddings as float64 take gigabytes, and each step would copy them.
    return [slice(first, first + BLOCK) for first in range(0, n, BLOCK)]


def _scaled(rows: NDArray[Any], largest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale rows, (m, d), to length `SCALE`; `largest`, (m,), is the largest absolute component of each row."""
    # Scaling by a power of two is exact. Squares of the scaled components neither overflow nor underflow.
    exact = np.ldexp(rows.astype(np.float64), -np.frexp(largest)[1][:, None])
    squares = np.zeros(len(exact))
    for column in exact.T:
        squares += column * column
    scaled: NDArray[np.float64] = exact / np.sqrt(squares)[:, None] * SCALE
    return scaled


def check_vectors(vectors: NDArray[np.int16]) -> None:
    """Refuse vectors whose squared distances might not fit in 31 bits.

    Raises
    ------
    ValueError
        If the array is not int16 of shape (n, d), or a vector is longer than `quantise` makes them.
    """
    if vectors.dtype != np.int16 or vectors.ndim != 2 or not 1 <= vectors.shape[1] <= MAX_DIMENSIONS:
        raise ValueError(
            f"vectors must be int16 of shape (n, 1 to {MAX_DIMENSIONS}), not {vectors.dtype} of {vectors.shape}"
        )
    if squared_lengths(vectors).max(initial=0) > MAX_SQUARED_LENGTH:
        raise ValueError(f"vectors must not be longer than {SCALE}; make them with quantise")


def distance_as_cosine(distance: NDArray[np.integer] | int) -> NDArray[np.float64] | float:
    """Convert integer distances to cosine distances, for people to read.

    Parameters
    ----------
    distance : int or array of int
        Squared Euclidean distances of quantised vectors, or sums of them.

    Returns
    -------
    float or array of float64
        ``1 - cos``, from 0 to 2 for one distance, with an error of about 0.00003 because the vectors were rounded.
    """
    cosine: NDArray[np.float64] | float = distance / (2.0 * SCALE * SCALE)
    return cosine


def squared_lengths(vectors: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return the exact squared length of each vector, (n,)."""
    total = np.empty(len(vectors), dtype=np.int64)
    for first in range(0, len(vectors), BLOCK):
        rows = vectors[first : first + BLOCK].astype(np.int64)
        np.einsum("ij,ij->i", rows, rows, out=total[first : first + BLOCK])
    return total


def _refuse(rows: Any, reason: str) -> None:
    """Raise a ``ValueError`` that names the first 10 of the marked rows, if any row is marked."""
    found = np.flatnonzero(rows)
    if found.size:
        named = first_of([str(row) for row in found], 10)
        raise ValueError(f"{found.size} of {rows.size} embeddings are {reason}: row {named}")
