"""The rule as one would say it: a full matrix of distances, and the first smallest entry left, from every start."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def distance_matrix(vectors: NDArray[np.int16]) -> NDArray[np.int64]:
    wide = vectors.astype(np.int64)
    return np.stack([((wide - row) ** 2).sum(axis=1) for row in wide])


def greedy_path(distances: NDArray[np.int64], start: int) -> tuple[list[int], list[int]]:
    left = distances.copy()
    order, steps = [start], []
    for _ in range(len(distances) - 1):
        left[:, order[-1]] = np.iinfo(np.int64).max
        order.append(int(left[order[-1]].argmin()))  # the first of equals
        steps.append(int(distances[order[-2], order[-1]]))
    return order, steps


def paths_from(vectors: NDArray[np.int16], starts: Iterable[int]) -> list[tuple[list[int], list[int]]]:
    distances = distance_matrix(vectors)
    return [greedy_path(distances, start) for start in starts]


def best_path(vectors: NDArray[np.int16]) -> tuple[list[int], list[int]]:
    paths = paths_from(vectors, range(len(vectors)))
    return min(paths, key=lambda path: sum(path[1]))  # the first of equals
