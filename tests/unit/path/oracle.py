"""The rule in its simplest form: from every start, take the smallest entry left in a full distance matrix."""

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.int16]


def distance_matrix(vectors: Vectors) -> NDArray[np.int64]:
    wide = vectors.astype(np.int64)
    rows = [((wide - row) ** 2).sum(axis=1) for row in wide]
    return np.array(rows, dtype=np.int64).reshape(len(wide), len(wide))


def greedy_path(distances: NDArray[np.int64], start: int) -> tuple[list[int], list[int]]:
    left = distances.copy()
    order, steps = [start], []
    for _ in range(len(distances) - 1):
        left[:, order[-1]] = np.iinfo(np.int64).max
        order.append(int(left[order[-1]].argmin()))  # argmin takes the first of equal distances
        steps.append(int(distances[order[-2], order[-1]]))
    return order, steps


def paths_from(vectors: Vectors, starts: Iterable[int]) -> list[tuple[list[int], list[int]]]:
    distances = distance_matrix(vectors)
    return [greedy_path(distances, start) for start in starts]


def best_path(vectors: Vectors) -> tuple[list[int], list[int]]:
    paths = paths_from(vectors, range(len(vectors)))
    return min(paths, key=lambda path: sum(path[1]))  # min takes the first of equal totals
