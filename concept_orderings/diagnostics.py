"""Describe a path through concepts for the manifest: its steps, its largest jumps, the similarity inside tasks.

Quantised vectors are integers, and so are the sums of their squared distances. Each figure is divided and rounded once,
at the end, so it is the same on every machine. The squared distances of all pairs of m vectors add up to
``m * sum(|v|²) - |sum(v)|²``, so time and memory grow with n and not with n².
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.path.distances import SCALE
from concept_orderings.progress import Report, silent

MOST_JUMPS = 20
"""The number of largest steps that a manifest lists."""

# The squared distance of vectors of length SCALE whose cosine distance is 1.
_COSINE_UNIT = 2 * SCALE * SCALE

# Numbers processed at a time: 8 MB as int64, which fits into a processor's cache.
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Pairs:
    """The number of some pairs of concepts, and the sum of their distances.

    Attributes
    ----------
    count : int
    distance : int
        Sum of their squared distances, exact; for a million concepts it exceeds 64 bits.
    """

    count: int = 0
    distance: int = 0

    def __add__(self, other: "Pairs") -> "Pairs":
        return Pairs(self.count + other.count, self.distance + other.distance)

    def __sub__(self, other: "Pairs") -> "Pairs":
        return Pairs(self.count - other.count, self.distance - other.distance)

    def similarity(self) -> float | None:
        """Return the mean cosine similarity (1 minus the mean cosine distance); None if there are no pairs."""
        whole = self.count * _COSINE_UNIT
        return (whole - self.distance) / whole if whole else None


@dataclass(frozen=True)
class VectorSums:
    """Sums over some vectors, from which the distances of all their pairs follow.

    Attributes
    ----------
    count : int
        Number of vectors.
    squares : int
        Sum of their squared lengths.
    vector : ndarray of int64, shape (d,)
        Their sum.
    """

    count: int
    squares: int
    vector: NDArray[np.int64]

    def __add__(self, other: "VectorSums") -> "VectorSums":
        return VectorSums(self.count + other.count, self.squares + other.squares, self.vector + other.vector)

    def pairs(self) -> Pairs:
        """Return the pairs of these vectors."""
        # In Python's integers, because the square of a sum of 185,000 vectors may exceed 64 bits.
        square = sum(component * component for component in self.vector.tolist())
        return Pairs(self.count * (self.count - 1) // 2, self.count * self.squares - square)


def diagnose_path(
    vectors: NDArray[np.int16],
    order: NDArray[np.int64],
    sizes: Sequence[int],
    names: Sequence[str],
    *,
    report: Report = silent,
) -> dict[str, Json]:
    """Describe a path that is cut into tasks.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
        From `concept_orderings.path.quantise`; n is at least 1.
    order : ndarray of int64, shape (n,)
        The path: a permutation of range(n).
    sizes : sequence of int
        Concepts in each task, adding up to n.
    names : sequence of str
        The name of each vector, (n,).
    report : Report
        Called every few thousand concepts, so that the work can be cancelled; always with n of n, because the path is
        already found.

    Returns
    -------
    dict
        ``total_distance``, ``mean_step``, ``largest_step``, ``zero_steps``,
        ``share_of_zero_steps``, ``largest_jumps``, ``expected_random_total``,
        ``share_of_random_total``, ``similarity_inside_tasks``, ``similarity_across_tasks`` and
        ``similarity_of_each_task``. Distances are cosine distances, similarities are cosines. A figure is None
        where there are no values to average, or where it would be divided by 0.
    """
    steps = step_distances(vectors, order, report=report)
    tasks, everything = pairs_of_tasks(vectors, order, sizes, report=report)
    return {**_steps_as_json(steps, order, sizes, names), **_pairs_as_json(tasks, everything, steps)}


def step_distances(
    vectors: NDArray[np.int16], order: NDArray[np.int64], *, report: Report = silent
) -> NDArray[np.int64]:
    """Return the squared distance of each step of a path, (n - 1,) int64."""
    steps = np.empty(len(order) - 1, dtype=np.int64)
    rows = _rows_at_once(vectors)
    for first in range(0, len(steps), rows):
        report(len(order), len(order))
        # One vector more than steps, because the last step leads to the next block.
        block = vectors[order[first : first + rows + 1]].astype(np.int64)
        between = block[1:] - block[:-1]
        steps[first : first + rows] = np.einsum("ij,ij->i", between, between)
    return steps


def pairs_of_tasks(
    vectors: NDArray[np.int16], order: NDArray[np.int64], sizes: Sequence[int], *, report: Report = silent
) -> tuple[list[Pairs], Pairs]:
    """Return the pairs within each task, and all pairs of concepts."""
    rows = _rows_at_once(vectors)
    everything = nothing = VectorSums(0, 0, np.zeros(vectors.shape[1], dtype=np.int64))
    tasks, first = [], 0
    for size in sizes:
        members, sums = order[first : first + size], nothing
        for start in range(0, size, rows):
            report(len(order), len(order))
            sums += _sums(vectors[members[start : start + rows]].astype(np.int64))
        tasks.append(sums.pairs())
        # Added here, because keeping the sums of all tasks could take more memory than the vectors.
        everything += sums
        first += size
    return tasks, everything.pairs()


def largest_jumps(steps: NDArray[np.int64], most: int = MOST_JUMPS) -> list[int]:
    """Return the positions to which the largest steps lead, by falling size; of equal steps the earlier comes first."""
    found: list[int] = (np.argsort(-steps, kind="stable")[:most] + 1).tolist()
    return found


def _steps_as_json(
    steps: NDArray[np.int64], order: NDArray[np.int64], sizes: Sequence[int], names: Sequence[str]
) -> dict[str, Json]:
    total, zeros = int(steps.sum()), int((steps == 0).sum())
    ends = list(accumulate(sizes))
    jumps = [(position, bisect_right(ends, position)) for position in largest_jumps(steps)]
    return {
        "total_distance": total / _COSINE_UNIT,
        "mean_step": total / (len(steps) * _COSINE_UNIT) if len(steps) else None,
        "largest_step": int(steps.max()) / _COSINE_UNIT if len(steps) else None,
        "zero_steps": zeros,
        "share_of_zero_steps": zeros / len(steps) if len(steps) else None,
        "largest_jumps": [
            {
                "position": position,
                "from": names[order[position - 1]],
                "to": names[order[position]],
                "distance": int(steps[position - 1]) / _COSINE_UNIT,
                "task": task,
                "new_task": position == ends[task] - sizes[task],
            }
            for position, task in jumps
        ],
    }


def _pairs_as_json(tasks: Sequence[Pairs], everything: Pairs, steps: NDArray[np.int64]) -> dict[str, Json]:
    inside = sum(tasks, Pairs())
    # A random order has n - 1 steps, whose expected length is the mean over all n (n - 1) / 2 pairs.
    n, total = len(steps) + 1, int(steps.sum())
    return {
        "expected_random_total": 2 * everything.distance / (n * _COSINE_UNIT),
        "share_of_random_total": total * n / (2 * everything.distance) if everything.distance else None,
        "similarity_inside_tasks": inside.similarity(),
        "similarity_across_tasks": (everything - inside).similarity(),
        "similarity_of_each_task": [each.similarity() for each in tasks],
    }


def _sums(block: NDArray[np.int64]) -> VectorSums:
    return VectorSums(len(block), int(np.einsum("ij,ij->", block, block)), block.sum(axis=0))


def _rows_at_once(vectors: NDArray[np.int16]) -> int:
    dimensions: int = vectors.shape[1]
    return max(1, _BLOCK // dimensions)
