"""The search with numpy alone: it walks from each start to the end, one start after the other.

It runs where numba is not installed, and tests compare the compiled search with it. The path is the same, but 18,381
vectors take minutes instead of seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_orderings.path.distances import squared_lengths
from concept_orderings.progress import Report


@dataclass(frozen=True)
class PlainLists:
    """The neighbours of each vector, by (distance, id); the nearest ones also as Python lists, which are faster."""

    vectors: NDArray[np.float64]  # (n, d) integers, so their products are exact
    squares: NDArray[np.int64]  # (n,)
    ids: NDArray[np.int32]  # (n, k)
    near: list[list[tuple[int, int]]]  # (id, distance) of the first neighbours in each row of `ids`

    def distances(self, at: int, to: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the exact squared distances from one vector to others, (m,)."""
        products = (self.vectors[to] @ self.vectors[at]).astype(np.int64)
        distances: NDArray[np.int64] = self.squares[at] + self.squares[to] - 2 * products
        return distances


class Found(NamedTuple):
    """The result of a search."""

    order: NDArray[np.int64]  # (n,) the best path
    steps: NDArray[np.int64]  # (n - 1,) its squared distances
    totals: NDArray[np.int64]  # (tried,) total distance of the path from each start that was tried


def search(
    vectors: NDArray[np.int16],
    starts: NDArray[np.int64],
    deadline: float | None,
    report: Report,
    near: int = 32,
    listed: int = 1024,
) -> Found:
    """Return the shortest of the greedy paths from `starts`, at least one, through at least two vectors."""
    n = len(vectors)
    lists = neighbour_lists(vectors, near, listed, lambda done: report(done, n + len(starts)))
    best: tuple[int, list[int], list[int]] | None = None
    totals: list[int] = []
    for start in starts.tolist():
        if totals and deadline is not None and monotonic() >= deadline:
            break
        report(n + len(totals), n + len(starts))
        order, steps = walk(start, lists)
        totals.append(sum(steps))
        # The earlier start wins a tie.
        if best is None or totals[-1] < best[0]:
            best = totals[-1], order, steps
    assert best is not None
    report(n + len(starts), n + len(starts))
    return Found(np.array(best[1]), np.array(best[2]), np.array(totals))


def neighbour_lists(vectors: NDArray[np.int16], near: int, listed: int, report: Callable[[int], None]) -> PlainLists:
    """Return the `listed` nearest neighbours of each vector."""
    n = len(vectors)
    k = min(listed, n - 1)
    exact = vectors.astype(np.float64)
    squares = squared_lengths(vectors)
    ids = np.empty((n, k), dtype=np.int32)
    pairs: list[list[tuple[int, int]]] = []
    for first in range(0, n, 128):
        report(first)
        rows = np.arange(first, min(first + 128, n))
        distances = squares[rows, None] + squares - 2 * (exact[rows] @ exact.T).astype(np.int64)
        # Distance and id in one integer, which sorts by (distance, id). Each vector comes last in its own list.
        keys = (distances << 32) | np.arange(n)
        keys[np.arange(len(rows)), rows] = np.iinfo(np.int64).max
        keys = np.sort(np.partition(keys, k, axis=1)[:, :k], axis=1)
        ids[rows] = keys & 0xFFFFFFFF
        for row in keys[:, :near].tolist():
            pairs.append([(key & 0xFFFFFFFF, key >> 32) for key in row])
    return PlainLists(exact, squares, ids, pairs)


def walk(start: int, lists: PlainLists) -> tuple[list[int], list[int]]:
    """Return the greedy path from `start`, n vectors, and the squared distances of its n - 1 steps."""
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
            step = nearest_beyond_list(at, seen_array, lists)
        at = step[0]
        seen[at] = 1
        order.append(at)
        steps.append(step[1])
    return order, steps


def nearest_beyond_list(at: int, seen: NDArray[np.uint8], lists: PlainLists) -> tuple[int, int]:
    """Return the nearest unseen vector and its distance, once all vectors in `PlainLists.near` have been seen."""
    unseen = lists.ids[at]
    unseen = unseen[seen[unseen].argmin() :][:1]
    if seen[unseen[0]]:
        unseen = np.flatnonzero(seen == 0)
    distances = lists.distances(at, unseen)
    nearest = distances.argmin()  # argmin takes the first of equal distances, so the smaller id
    return int(unseen[nearest]), int(distances[nearest])
