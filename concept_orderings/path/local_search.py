"""The rounds of the local search that shortens a path.

The first round makes 3-opt moves over neighbour lists, including 2-opt and Or-opt moves, with don't-look bits, until no
move helps (Bentley 1992; Johnson and McGeoch 1997, "The Traveling Salesman Problem: A Case Study in Local
Optimization"). Each further round is iterated local search: a small random change (a kick) is followed by such moves,
and both are undone unless the path has become shorter (Martin, Otto and Felten 1991).
"""

from collections.abc import Callable
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from concept_orderings.machine import ANY_MACHINE, Machine
from concept_orderings.path import plain
from concept_orderings.path import refine_kernels as kernels
from concept_orderings.path.crew import Crew, TimeIsUp
from concept_orderings.path.distances import squared_lengths
from concept_orderings.path.refine_kernels import KICKS_TRIED, RANDOM, SEARCHES, STATE_SIZE, TOTAL, Tour

NEIGHBOURS = 16
"""Neighbours listed for each vector. With 10 the first round's path is 0.4 % longer, with 32 it is 0.2 % shorter but
rounds take longer."""

LONGEST_SEGMENT = 3
"""The longest segment that a kick moves, in vectors. With up to 10 or 30, a round takes longer and
gains no more per second."""

LOG = 4096
"""Reversals that can be undone. A kick and the moves after it make about thirty."""

SEED = 2463534242
"""Start of the random numbers: the one in Marsaglia's article."""


def search(
    vectors: NDArray[np.int16],
    order: NDArray[np.int64],
    steps: NDArray[np.int64],
    rounds: int,
    crew: Crew,
    machine: Machine = ANY_MACHINE,
    neighbours: int = NEIGHBOURS,
) -> tuple[NDArray[np.int64], int]:
    """Improve a path by `rounds` rounds.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
        At least three.
    order : ndarray of int64, shape (n,)
        The path.
    steps : ndarray of int64, shape (n - 1,)
        Its squared distances.
    rounds : int
        At least 1.
    crew, machine
        What may be used; neither changes the result.
    neighbours : int
        How many neighbours to list for each vector; changes the result.

    Returns
    -------
    order : ndarray of int64, shape (n,)
        The path after the last finished round.
    finished : int
        Rounds finished before the crew's deadline.
    """
    try:
        near = nearest(vectors, min(neighbours, len(vectors) - 1), crew, machine)
    except TimeIsUp:
        return order, 0
    return Search(new_tour(vectors, order, steps, near), crew).run(order, rounds)


class Search:
    """The local search of one tour; its kernels run on one thread of the crew."""

    def __init__(self, tour: Tour, crew: Crew) -> None:
        self.tour = tour
        self._n = len(tour.vectors)
        self._crew = crew

    def run(self, order: NDArray[np.int64], rounds: int) -> tuple[NDArray[np.int64], int]:
        """Return the path after the last round finished before the deadline, and the number of rounds finished.

        The gain of an unfinished round is dropped, because no request could produce the same path again.
        """
        path = order
        for finished in range(rounds):
            # A round may be shorter than the interval at which the crew checks the deadline.
            if self._crew.deadline is not None and monotonic() >= self._crew.deadline:
                return path, finished
            try:
                self._kick(finished * self._n)
                self._descend()
            except TimeIsUp:
                return path, finished
            path = path_of(self.tour, order)
        return path, rounds

    def _kick(self, kicks: int) -> None:
        """Try kicks until `kicks` have been tried over all rounds."""

        def work(first: int, last: int) -> None:
            kernels.perturb(self.tour, kicks, LONGEST_SEGMENT, self._crew.stop)

        self._run_kernel(work)

    def _descend(self) -> None:
        """Make moves until none is found from any vertex.

        Don't-look bits skip a few vertices that have a move although none of their edges has changed. So all vertices
        are queued again until a pass finds no move.
        """

        def work(first: int, last: int) -> None:
            kernels.queue_all(self.tour)
            kernels.descend(self.tour, self._crew.stop)

        before = -1
        while before != self.tour.state[TOTAL]:
            before = self.tour.state[TOTAL]
            self._run_kernel(work)

    def _run_kernel(self, work: Callable[[int, int], None]) -> None:
        """Run a kernel on one thread of the crew; this thread reports progress meanwhile."""
        self._crew.run_chunks(work, 1, 1, lambda _: self._done())

    def _done(self) -> int:
        """Return how much is done: n for the neighbours, up to n for the first round, and 1 for each kick."""
        state = self.tour.state
        return self._n + min(self._n, int(state[SEARCHES])) + int(state[KICKS_TRIED])


def nearest(
    vectors: NDArray[np.int16], k: int, crew: Crew, machine: Machine
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the ids and distances, both (n, k), of the k nearest neighbours of each vector, by (distance, id).

    Raises
    ------
    TimeIsUp
        When the crew's deadline has passed.
    """
    n = len(vectors)

    def progress(part: float) -> int:
        # The crew checks the deadline only while it waits for threads; a chunk here is shorter than that.
        if crew.deadline is not None and monotonic() >= crew.deadline:
            raise TimeIsUp
        return int(part * n)

    try:
        from concept_orderings.path.neighbours import Neighbours  # noqa: PLC0415
    except ImportError:
        lists = plain.neighbour_lists(vectors, k, k, lambda done: crew.report_done(progress(done / n)))
        return lists.ids, np.array([[distance for _, distance in row] for row in lists.near], dtype=np.int32)
    ids, distances, _ = Neighbours(vectors, crew, make_proposer=machine.make_proposer).of(
        np.arange(n), k, progress=progress
    )
    return ids.astype(np.int32), distances


def new_tour(
    vectors: NDArray[np.int16],
    order: NDArray[np.int64],
    steps: NDArray[np.int64],
    near: tuple[NDArray[np.int32], NDArray[np.int32]],
) -> Tour:
    """Return the tour along the path `order` and back through the gap; `near` is the result of `nearest`."""
    n = len(vectors)
    size = n + 1
    ids, distances = near
    along = np.append(order, n).astype(np.int32)
    edges = np.concatenate([steps, [0, 0]]).astype(np.int32)  # to the next vertex; those of the gap are 0
    position = np.empty(size, dtype=np.int32)
    position[along] = np.arange(size)
    links = np.empty((size, 2), dtype=np.int32)
    lengths = np.empty((size, 2), dtype=np.int32)
    links[along] = np.stack([np.roll(along, 1), np.roll(along, -1)], axis=1)
    lengths[along] = np.stack([np.roll(edges, 1), edges], axis=1)
    state = np.zeros(STATE_SIZE, dtype=np.int64)
    state[RANDOM] = SEED
    state[TOTAL] = steps.sum()
    return Tour(
        vectors=vectors,
        squares=squared_lengths(vectors).astype(np.int32),
        near=_with_gap(ids, n),
        distances=_with_gap(distances, 0),
        order=along,
        position=position,
        links=links,
        lengths=lengths,
        queue=np.zeros(size, dtype=np.int32),
        queued=np.zeros(size, dtype=np.uint8),
        stamps=np.zeros(size, dtype=np.int64),
        closing_lengths=np.zeros(size, dtype=np.int64),
        log=np.zeros((LOG, 4), dtype=np.int32),
        state=state,
    )


def _with_gap(table: NDArray[np.int32], value: int) -> NDArray[np.int32]:
    """Return a table, (n, k), with a row for the gap and a first column for the gap, both filled with `value`."""
    padded: NDArray[np.int32] = np.pad(table, ((0, 1), (1, 0)), constant_values=value)
    return padded


def path_of(tour: Tour, original: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the path from the gap around to it; the ends of `original` keep their relative order."""
    n = len(tour.vectors)
    path = np.roll(tour.order, -1 - int(tour.position[n]))[:n].astype(np.int64)
    first, last = (path == original[0]).argmax(), (path == original[-1]).argmax()
    return path if first < last else path[::-1].copy()
