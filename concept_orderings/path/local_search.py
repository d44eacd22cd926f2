"""The rounds of the local search that shortens a path.

The first round descends: 3-opt moves over neighbour lists, 2-opt and Or-opt among them, with don't-look bits, until
none helps (Bentley 1992; Johnson and McGeoch 1997, "The Traveling Salesman Problem: A Case Study in Local
Optimization"). Each further one is iterated local search: small random changes, each mended by such moves, and both
undone unless the path has become shorter (Martin, Otto and Felten 1991).
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
from concept_orderings.path.refine_kernels import KICKS, LOOK, RANDOM, STATE, TOTAL, Tour

NEIGHBOURS = 16
"""Of each vector. With 10 the first round ends 0.4 % higher, with 32 it is 0.2 % lower and rounds take longer."""

LONGEST_SEGMENT = 3
"""Of a kick, in vectors. Segments of up to 10 or 30 gain no more in the same time, and take longer over a round."""

LOG = 4096
"""Reversals that can be undone; a kick and what mends it take some thirty."""

SEED = 2463534242
"""The one of Marsaglia's article."""


def search(
    vectors: NDArray[np.int16],
    order: NDArray[np.int64],
    steps: NDArray[np.int64],
    rounds: int,
    crew: Crew,
    machine: Machine = ANY_MACHINE,
    neighbours: int = NEIGHBOURS,
) -> tuple[NDArray[np.int64], int]:
    """Return the order that `rounds` rounds make of `order`, and how many of them the crew's deadline let finish.

    There are at least three vectors. Of crew, machine and neighbours, only the number of neighbours changes the result.
    """
    try:
        near = nearest(vectors, min(neighbours, len(vectors) - 1), crew, machine)
    except TimeIsUp:
        return order, 0
    return Search(new_tour(vectors, order, steps, near), crew).run(order, rounds)


class Search:
    """A search that works on `tour`, on a thread of the crew."""

    def __init__(self, tour: Tour, crew: Crew) -> None:
        self.tour = tour
        self._n = len(tour.vectors)
        self._crew = crew

    def run(self, order: NDArray[np.int64], rounds: int) -> tuple[NDArray[np.int64], int]:
        """Return the path after the last round that the deadline lets finish, and how many are finished.

        What a part of a round has gained is given up: nobody could ask for it again.
        """
        path = order
        for finished in range(rounds):
            # Rounds may be shorter than the time after which the crew looks at the clock.
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
        """Try kicks until there have been so many over all rounds."""

        def work(first: int, last: int) -> None:
            kernels.perturb(self.tour, kicks, LONGEST_SEGMENT, self._crew.stop)

        self._share(work)

    def _descend(self) -> None:
        """Make moves until there is none.

        Don't-look bits pass over the few vertices that come to have a move though no edge of theirs has changed, so
        all are looked at until no move is found.
        """

        def work(first: int, last: int) -> None:
            kernels.descend(self.tour, self._crew.stop)

        before = -1
        while before != self.tour.state[TOTAL]:
            before = self.tour.state[TOTAL]
            kernels.look_at_all(self.tour)
            self._share(work)

    def _share(self, work: Callable[[int, int], None]) -> None:
        """Run a kernel beside this thread, which reports; the vertices are moved by one thread alone."""
        self._crew.share(work, 1, 1, lambda _: self._done())

    def _done(self) -> int:
        """Return how much is done: n for the neighbours, up to n for the first round, 1 for each kick."""
        state = self.tour.state
        return self._n + min(self._n, int(state[LOOK])) + int(state[KICKS])


def nearest(
    vectors: NDArray[np.int16], k: int, crew: Crew, machine: Machine
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the ids and the distances, both (n, k), of the nearest neighbours of each vector, by (distance, id).

    Raises
    ------
    TimeIsUp
        When the crew's deadline has passed.
    """
    n = len(vectors)

    def reach(part: float) -> int:
        # The crew itself looks at the clock only where threads work for longer than they do here.
        if crew.deadline is not None and monotonic() >= crew.deadline:
            raise TimeIsUp
        return int(part * n)

    try:
        from concept_orderings.path.neighbours import Neighbours  # noqa: PLC0415
    except ImportError:
        lists = plain.neighbour_lists(vectors, k, k, lambda done: crew.reached(reach(done / n)))
        return lists.ids, np.array([[distance for _, distance in row] for row in lists.near], dtype=np.int32)
    ids, distances, _ = Neighbours(vectors, crew, propose=machine.propose).of(np.arange(n), k, reach=reach)
    return ids.astype(np.int32), distances


def new_tour(
    vectors: NDArray[np.int16],
    order: NDArray[np.int64],
    steps: NDArray[np.int64],
    near: tuple[NDArray[np.int32], NDArray[np.int32]],
) -> Tour:
    """Return the tour along `order` and back through the gap; `near` is what `nearest` returns."""
    n = len(vectors)
    size = n + 1
    ids, distances = near
    along = np.append(order, n).astype(np.int32)
    edges = np.concatenate([steps, [0, 0]]).astype(np.int32)  # to the next: the gap is near all
    position = np.empty(size, dtype=np.int32)
    position[along] = np.arange(size)
    links = np.empty((size, 2), dtype=np.int32)
    lengths = np.empty((size, 2), dtype=np.int32)
    links[along] = np.stack([np.roll(along, 1), np.roll(along, -1)], axis=1)
    lengths[along] = np.stack([np.roll(edges, 1), edges], axis=1)
    state = np.zeros(STATE, dtype=np.int64)
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
        looked=np.zeros(size, dtype=np.int64),
        closing=np.zeros(size, dtype=np.int64),
        log=np.zeros((LOG, 4), dtype=np.int32),
        state=state,
    )


def _with_gap(table: NDArray[np.int32], value: int) -> NDArray[np.int32]:
    """Return a row for each vertex, the gap with them, and in each the gap first, for which `value` stands."""
    padded: NDArray[np.int32] = np.pad(table, ((0, 1), (1, 0)), constant_values=value)
    return padded


def path_of(tour: Tour, given: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the path that begins behind the gap, in the direction of the one given."""
    n = len(tour.vectors)
    path = np.roll(tour.order, -1 - int(tour.position[n]))[:n].astype(np.int64)
    first, last = (path == given[0]).argmax(), (path == given[-1]).argmax()
    return path if first < last else path[::-1].copy()
