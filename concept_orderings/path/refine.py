"""Shorten a path by local search: a few of its steps are exchanged at a time."""

from dataclasses import dataclass, replace
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from concept_orderings.machine import ANY_MACHINE, Machine
from concept_orderings.path.crew import Crew
from concept_orderings.path.distances import check_vectors
from concept_orderings.progress import Report, silent

_ROWS = 4096  # steps measured at a time


@dataclass(frozen=True)
class RefinedPath:
    """A path through all vectors, at most as long as the path it was made from.

    Attributes
    ----------
    order : array of int64, shape (n,)
        A permutation of ``range(n)``.
    total : int
        Sum of `steps`, exact; at most that of the original path.
    steps : array of int64, shape (n - 1,)
        Squared Euclidean distance of each step; see `distance_as_cosine`.
    rounds : int
        Number of rounds finished.
    complete : bool
        Whether all requested rounds are finished; False if the deadline passed first.
    """

    order: NDArray[np.int64]
    total: int
    steps: NDArray[np.int64]
    rounds: int
    complete: bool


def refine_path(
    vectors: NDArray[np.int16],
    order: NDArray[np.int64],
    *,
    rounds: int,
    deadline: float | None = None,
    machine: Machine = ANY_MACHINE,
    report: Report = silent,
) -> RefinedPath:
    """Shorten a path by local search; both of its ends are free to change.

    The first round exchanges two or three steps at a time, including 2-opt and Or-opt moves, until no such move helps.
    Each further round tries as many small random changes as there are vectors. Each change is followed by such moves,
    and all of them are undone unless the path has become shorter.

    A deadline only reduces the number of rounds. The result depends on nothing else: not on the machine or its number
    of cores. Where no move helps, as among equal vectors, the path stays as it is. The first vector of the original
    path still comes before its last.

    With numba, 18,381 vectors of 384 numbers take two seconds for their neighbours, less than one for the first round,
    and two for each further round. Without numba a round takes about 20 milliseconds per vector.

    Parameters
    ----------
    vectors : array of int16, shape (n, d)
        From `quantise`. The distance is the exact squared Euclidean distance, which is not a metric.
    order : array of int64, shape (n,)
        The path to shorten, a permutation of ``range(n)``.
    rounds : int
        At least 0; 0 leaves the path as it is.
    deadline : float, optional
        The `time.monotonic` after which the path of the last finished round is returned. Passing that number of rounds
        gives the same path again.
    machine : Machine
        Threads, memory and devices that may be used; never changes the path.
    report : Report
        Called on this thread, several times a second, with how much is done: ``n`` for the neighbours and ``n`` for
        each round. If it raises, the search ends its threads and passes the exception on.

    Returns
    -------
    RefinedPath

    Raises
    ------
    ValueError
        If the vectors are not as `quantise` makes them, the order is not a permutation, or `rounds` is negative.
    """
    n = len(vectors)
    _check(vectors, order, rounds)
    given = _measured(vectors, np.asarray(order, dtype=np.int64))
    if rounds == 0 or n < 3:
        report((1 + rounds) * n, (1 + rounds) * n)
        return replace(given, rounds=rounds, complete=True)
    if deadline is not None and monotonic() >= deadline:
        return given
    # Imported here because it may load numba, which takes half a second.
    from concept_orderings.path import local_search  # noqa: PLC0415

    with Crew(machine.threads, report, (1 + rounds) * n) as crew:
        crew.deadline = deadline
        found, finished = local_search.search(
            np.ascontiguousarray(vectors), given.order, given.steps, rounds, crew, machine
        )
        if finished == rounds:
            crew.report_done(crew.total)
    return replace(_measured(vectors, found), rounds=finished, complete=finished == rounds)


def _check(vectors: NDArray[np.int16], order: NDArray[np.int64], rounds: int) -> None:
    """Refuse vectors, an order or a number of rounds that are not valid."""
    check_vectors(vectors)
    if not np.array_equal(np.sort(order), np.arange(len(vectors))):
        raise ValueError(f"the order must be a permutation of the {len(vectors)} vectors")
    if rounds < 0:
        raise ValueError(f"rounds must be at least 0, not {rounds}")


def _measured(vectors: NDArray[np.int16], order: NDArray[np.int64]) -> RefinedPath:
    """Return a path with its measured steps, and 0 rounds finished."""
    steps = np.empty(max(len(order) - 1, 0), dtype=np.int64)
    for first in range(0, len(steps), _ROWS):
        rows = vectors[order[first : first + _ROWS + 1]].astype(np.int64)
        steps[first : first + _ROWS] = np.square(np.diff(rows, axis=0)).sum(axis=1)
    return RefinedPath(order, int(steps.sum()), steps, rounds=0, complete=False)
