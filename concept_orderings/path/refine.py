"""A path made shorter by local search: a few of its steps are exchanged at a time."""

from dataclasses import dataclass, replace
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from concept_orderings.machine import ANY_MACHINE, Machine
from concept_orderings.path.crew import Crew
from concept_orderings.path.distances import check_vectors
from concept_orderings.progress import Report, silent

_ROWS = 4096  # of steps, measured at once


@dataclass(frozen=True)
class RefinedPath:
    """A path through all vectors, no longer than the one it was made of.

    Attributes
    ----------
    order : array of int64, shape (n,)
        A permutation of ``range(n)``.
    total : int
        Sum of `steps`, exact; at most that of the path given.
    steps : array of int64, shape (n - 1,)
        Squared Euclidean distance of each step; see `distance_as_cosine`.
    rounds : int
        Rounds finished.
    complete : bool
        Whether those are all that were asked for; False if the deadline came first.
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

    The first round exchanges two or three steps at a time, 2-opt and Or-opt moves among them, until no such move
    helps. Each further round tries as many small random changes as there are vectors, mends each by such moves, and
    undoes what has not made the path shorter.

    Rounds that the deadline lets finish are the first of those that would be done without one. Nothing else changes the
    result: not the machine, nor the number of its cores. Where nothing helps, as among equal vectors, the path stays
    as it is. The vector that came first still comes before the one that came last.

    With numba installed, 18,381 vectors of 384 numbers take two seconds for their neighbours, less than one for the
    first round, and two for each further one. Without it a round takes some 20 milliseconds for each vector.

    Parameters
    ----------
    vectors : array of int16, shape (n, d)
        From `quantise`. The distance is the squared Euclidean distance, exact; it need not be a metric.
    order : array of int64, shape (n,)
        The path to shorten, a permutation of ``range(n)``.
    rounds : int
        At least 0, which leaves the path as it is.
    deadline : float, optional
        The `time.monotonic` after which the path of the last finished round is returned: the one that asking for so
        many rounds gives again.
    machine : Machine
        What may be used; never changes the path.
    report : Report
        Called on this thread, several times a second, with how much is done, of ``n`` for the neighbours and ``n``
        for each round; if it raises, the search ends its threads and lets the exception pass.

    Returns
    -------
    RefinedPath

    Raises
    ------
    ValueError
        If the vectors are not as `quantise` makes them, the order is no permutation, or the rounds are negative.
    """
    n = len(vectors)
    _check(vectors, order, rounds)
    given = _measured(vectors, np.asarray(order, dtype=np.int64))
    if rounds == 0 or n < 3:
        report((1 + rounds) * n, (1 + rounds) * n)
        return replace(given, rounds=rounds, complete=True)
    if deadline is not None and monotonic() >= deadline:
        return given
    # Here, not above: it may load the compiler, which takes half a second.
    from concept_orderings.path import local_search  # noqa: PLC0415

    with Crew(machine.threads, report, (1 + rounds) * n) as crew:
        crew.deadline = deadline
        found, finished = local_search.search(
            np.ascontiguousarray(vectors), given.order, given.steps, rounds, crew, machine
        )
        if finished == rounds:
            crew.reached(crew.total)
    return replace(_measured(vectors, found), rounds=finished, complete=finished == rounds)


def _check(vectors: NDArray[np.int16], order: NDArray[np.int64], rounds: int) -> None:
    """Refuse what is no path."""
    check_vectors(vectors)
    if not np.array_equal(np.sort(order), np.arange(len(vectors))):
        raise ValueError(f"the order must be a permutation of the {len(vectors)} vectors")
    if rounds < 0:
        raise ValueError(f"rounds must be at least 0, not {rounds}")


def _measured(vectors: NDArray[np.int16], order: NDArray[np.int64]) -> RefinedPath:
    """Return a path with its steps, no round of which is finished."""
    steps = np.empty(max(len(order) - 1, 0), dtype=np.int64)
    for first in range(0, len(steps), _ROWS):
        rows = vectors[order[first : first + _ROWS + 1]].astype(np.int64)
        steps[first : first + _ROWS] = np.square(np.diff(rows, axis=0)).sum(axis=1)
    return RefinedPath(order, int(steps.sum()), steps, rounds=0, complete=False)
