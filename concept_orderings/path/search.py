"""The shortest of the greedy nearest-neighbour paths from many starts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concept_orderings.machine import ANY_MACHINE, Machine
from concept_orderings.path import plain
from concept_orderings.path.distances import check_vectors
from concept_orderings.path.plain import Found
from concept_orderings.path.tuning import tuned
from concept_orderings.progress import Report, silent


@dataclass(frozen=True)
class GreedyPath:
    """A path through all vectors; each step leads to the nearest vector not visited yet.

    Attributes
    ----------
    order : array of int64, shape (n,)
        A permutation of ``range(n)``.
    total : int
        Sum of `steps`, exact.
    start : int
        ``order[0]``; -1 if there are no vectors.
    steps : array of int64, shape (n - 1,)
        Squared Euclidean distance of each step; see `distance_as_cosine`.
    totals : array of int64, shape (tried,)
        Total distance of the path from each start that was tried: all starts, or the first ones if time was up.
    """

    order: NDArray[np.int64]
    total: int
    start: int
    steps: NDArray[np.int64]
    totals: NDArray[np.int64]


def shortest_greedy_path(
    vectors: NDArray[np.int16],
    *,
    starts: NDArray[np.int64] | None = None,
    deadline: float | None = None,
    machine: Machine = ANY_MACHINE,
    report: Report = silent,
) -> GreedyPath:
    """Walk greedily from every start and return the path with the smallest total.

    The distance is the exact squared Euclidean distance of the integer vectors; for unit vectors it is proportional
    to the cosine distance. Of equally near vectors, the one with the smaller index comes first. Of equal totals, the
    earlier start wins. So the path is the same on every machine and with any `machine`. 20,000 vectors take seconds
    with numba and minutes without it.

    Parameters
    ----------
    vectors : array of int16, shape (n, d)
        From `quantise`. ``d`` is at most `MAX_DIMENSIONS`.
    starts : array of int64, shape (s,), optional
        The vectors to start from, in the order in which they are tried; by default all of them.
    deadline : float, optional
        The `time.monotonic` after which no further start is tried. All vectors are compared and one start is tried in
        any case. The path is then the best one from ``starts[:len(totals)]``: passing those starts gives it again.
    machine : Machine
        Threads, memory and devices that may be used; never changes the path.
    report : Report
        Called on this thread, several times a second, with the number of vectors compared plus starts tried, of
        ``n + s``. If it raises, the search ends its threads and passes the exception on.

    Returns
    -------
    GreedyPath

    Raises
    ------
    ValueError
        If the vectors have another dtype or shape, or are longer than `quantise` makes them; if there is no start, or a
        start is not the index of a vector.
    NotEnoughMemory
        ``not_enough_memory``: the search needs more memory than `machine` allows. Nothing was computed.
    """
    check_vectors(vectors)
    n = len(vectors)
    if n == 0:
        return GreedyPath(np.arange(0), 0, -1, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    chosen = np.arange(n) if starts is None else np.asarray(starts, dtype=np.int64)
    if chosen.size == 0 or chosen.min() < 0 or chosen.max() >= n:
        raise ValueError(f"starts must be some of the {n} vectors")
    if n == 1:
        report(2, 2)
        return GreedyPath(np.arange(1), 0, 0, np.empty(0, dtype=np.int64), np.zeros(1, dtype=np.int64))
    found = _search(np.ascontiguousarray(vectors), chosen, deadline, machine, report)
    return GreedyPath(found.order, int(found.steps.sum()), int(found.order[0]), found.steps, found.totals)


def is_compiled() -> bool:
    """Tell whether the search is compiled, which takes seconds for 20,000 vectors instead of minutes: with numba."""
    try:
        from concept_orderings.path import fast  # noqa: F401, PLC0415  # late, as below
    except ImportError:
        return False
    return True


def _search(
    vectors: NDArray[np.int16], starts: NDArray[np.int64], deadline: float | None, machine: Machine, report: Report
) -> Found:
    """Run the compiled search where numba is installed, else the one with numpy alone."""
    n, d = vectors.shape
    tuning = tuned((n, d), machine.memory)
    try:
        # Imported here because numba takes half a second to load and may not be installed.
        from concept_orderings.path import fast  # noqa: PLC0415
    except ImportError:
        return plain.search(vectors, starts, deadline, report)
    return fast.search(vectors, starts, deadline, machine, report, tuning)
