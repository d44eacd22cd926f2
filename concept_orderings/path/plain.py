"""The search with numpy alone: each start walked to its end, one after the other.

It is what the compiled search is held against, and what runs where numba is not installed: the same path, in some
minutes instead of seconds for 18,381 vectors.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concept_orderings.path.distances import squared_lengths
from concept_orderings.progress import Report


@dataclass(frozen=True)
class Lists:
    """The neighbours of each vector, by (distance, id); the nearest few apart, as what Python walks quickly."""

    vectors: NDArray[np.float64]  # (n, d) integers, so that their products are exact
    squares: NDArray[np.int64]  # (n,)
    ids: NDArray[np.int32]  # (n, k)
    near: list[list[tuple[int, int]]]  # (id, distance) for the first of each row of `ids`

    def distances(self, at: int, to: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the exact distances from one vector to others."""
        products = (self.vectors[to] @ self.vectors[at]).astype(np.int64)
        distances: NDArray[np.int64] = self.squares[at] + self.squares[to] - 2 * products
        return distances


def search(
    vectors: NDArray[np.int16], report: Report, near: int = 32, listed: int = 1024
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the order and the steps of the shortest greedy path; there are at least two vectors."""
    lists = neighbour_lists(vectors, near, listed, report)
    best: tuple[int, list[int], list[int]] | None = None
    for start in range(len(vectors)):
        report(start, len(vectors))
        order, steps = walk(start, lists)
        total = sum(steps)
        # Starts rise, so that of equal totals the smaller start stays.
        if best is None or total < best[0]:
            best = total, order, steps
    assert best is not None
    report(len(vectors), len(vectors))
    return np.array(best[1]), np.array(best[2])


def neighbour_lists(vectors: NDArray[np.int16], near: int, listed: int, report: Report) -> Lists:
    """Return the `listed` nearest neighbours of each vector."""
    n = len(vectors)
    k = min(listed, n - 1)
    exact = vectors.astype(np.float64)
    squares = squared_lengths(vectors)
    ids = np.empty((n, k), dtype=np.int32)
    pairs: list[list[tuple[int, int]]] = []
    for first in range(0, n, 128):
        report(0, n)
        rows = np.arange(first, min(first + 128, n))
        distances = squares[rows, None] + squares - 2 * (exact[rows] @ exact.T).astype(np.int64)
        # The distance and then the id, in one integer. Oneself comes after all others.
        keys = (distances << 32) | np.arange(n)
        keys[np.arange(len(rows)), rows] = np.iinfo(np.int64).max
        keys = np.sort(np.partition(keys, k, axis=1)[:, :k], axis=1)
        ids[rows] = keys & 0xFFFFFFFF
        for row in keys[:, :near].tolist():
            pairs.append([(key & 0xFFFFFFFF, key >> 32) for key in row])
    return Lists(exact, squares, ids, pairs)


def walk(start: int, lists: Lists) -> tuple[list[int], list[int]]:
    """Return the greedy path from `start` and its steps."""
    seen = bytearray(len(lists.ids))
    seen_array = np.frombuffer(seen, dtype=np.uint8)
    order, steps = [start], []
    seen[start] = 1
    at = start
    for _ in range(len(seen) - 1):
        for step in lists.near[at]:
            if not seen[step[0]]:
                break
        else:
            step = beyond(at, seen_array, lists)
        at = step[0]
        seen[at] = 1
        order.append(at)
        steps.append(step[1])
    return order, steps


def beyond(at: int, seen: NDArray[np.uint8], lists: Lists) -> tuple[int, int]:
    """Return the nearest vector not seen yet and its distance, when the nearest few have been seen."""
    unseen = lists.ids[at]
    unseen = unseen[seen[unseen].argmin() :][:1]
    if seen[unseen[0]]:
        unseen = np.flatnonzero(seen == 0)
    distances = lists.distances(at, unseen)
    nearest = distances.argmin()  # the first of equals, so the smaller id
    return int(unseen[nearest]), int(distances[nearest])
