"""The compiled search: many starts, in far less than their number times the work of one.

Walks that stand at the same vector and have seen the same set take the same steps from there on. All walks of a block
are therefore advanced to a common length and compared there, and of those that meet only one goes on; what its
remaining steps add up to holds for all, and for walks of later blocks that come to where one has been. Memory is that
of one block, and some bytes for each place where walks were compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from concept_orderings.machine import ANY_MACHINE, Machine
from concept_orderings.path import kernels
from concept_orderings.path.crew import Crew, TimeIsUp
from concept_orderings.path.kernels import Lists, Walks
from concept_orderings.path.neighbours import Neighbours
from concept_orderings.path.plain import Found
from concept_orderings.path.tuning import DEFAULT, Tuning
from concept_orderings.progress import Report, silent

Totals = NDArray[np.int64]


@dataclass
class Meeting:
    """Where the walks of all blocks have been at one length."""

    places: dict[bytes, int] = field(default_factory=dict)
    rest: list[int] = field(default_factory=list)  # of each place, what the steps after it add up to


@dataclass(frozen=True)
class Stage:
    """How the walks of one block came from one meeting to the next."""

    costs: NDArray[np.int64]  # (w,)
    places: NDArray[np.int64]  # (w,) where each walk ended, as numbered by the meeting
    new: NDArray[np.int64]  # those of the walks that go on, no walk having been there


NO_TRAIL = np.empty((2, 0), dtype=np.int64)


class Search:
    """The walks of one search."""

    def __init__(self, vectors: NDArray[np.int16], crew: Crew, tuning: Tuning, machine: Machine = ANY_MACHINE) -> None:
        n = len(vectors)
        self._n = n
        self._crew = crew
        self._tuning = tuning
        # Names of the vectors, drawn once and for all: sets are told apart by the exclusive or of their names, of 128
        # bits. That two of the million or so that are compared meet by accident has a chance of 2^-88.
        self._names = np.random.Generator(np.random.Philox(0)).integers(0, 2**64, size=(n, 2), dtype=np.uint64)
        self._neighbours = Neighbours(vectors, crew, tuning, machine.propose)
        ids, distances, lengths = self._neighbours.of(
            np.arange(n), min(tuning.listed, n - 1), min(tuning.near, n - 1), self._reach_of_lists
        )
        self.lists = Lists(
            vectors=vectors,
            squares=self._neighbours.squares,
            short=self._neighbours.looking.rows,
            error=self._neighbours.looking.error,
            near=np.ascontiguousarray(ids[:, : tuning.near]),
            distances=distances,
            ids=ids,
            lengths=lengths,
            slots=np.full(n, -1, dtype=np.int32),
            deep=np.empty((0, min(tuning.deep, n - 1)), dtype=ids.dtype),
            wanted=np.zeros(n, dtype=np.uint8),
            names=self._names,
            few=tuning.few,
        )
        self._checkpoints = [each for each in tuning.checkpoints if each < n - 1]
        self._meetings = [Meeting() for _ in self._checkpoints]

    def totals(self, starts: NDArray[np.int64], deadline: float | None = None) -> Totals:
        """Walk from `starts`, (s,), and return the totals, (s,); of fewer, but one at least, if the deadline comes."""
        found: list[Totals] = []
        for first, last in blocks(len(starts), self._block_size(), deadline):
            # The first start is walked to its end whatever the time.
            self._crew.deadline = deadline if found else None
            try:
                found.append(self._walk_block(starts, first, last))
            except TimeIsUp:
                break
        self._crew.deadline = None
        return np.concatenate(found)

    def path(self, start: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the order and the steps of the walk from `start`."""
        trail = np.empty((2, self._n - 1), dtype=np.int64)
        walks = self.walks_at(np.array([start]))

        def work(first: int, last: int) -> None:
            kernels.advance(first, last, walks, self.lists, self._n - 1, trail, self._crew.stop)

        self._crew.share(work, 1, 1, lambda _: 0)
        return np.concatenate([[start], trail[0]]), trail[1]

    def walks_at(self, starts: NDArray[np.int64]) -> Walks:
        """Return walks that have taken no step."""
        seen = np.zeros((len(starts), (self._n + 63) >> 6), dtype=np.uint64)
        seen[np.arange(len(starts)), starts >> 6] = np.uint64(1) << (starts & 63).astype(np.uint64)
        return Walks(starts.copy(), self._names[starts], np.zeros(len(starts), dtype=np.int64), seen)

    def _block_size(self) -> int:
        return max(1, self._tuning.seen_bytes // (8 * ((self._n + 63) >> 6)))

    def _walk_block(self, starts: NDArray[np.int64], first: int, last: int) -> Totals:
        """Return the totals of the walks from the starts `first` to `last`."""
        walks = self.walks_at(starts[first:last])
        stages = []
        length = 0
        for checkpoint, meeting in zip(self._checkpoints, self._meetings, strict=True):
            self._advance(walks, length, checkpoint, last, len(starts))
            stages.append(met(walks, meeting))
            walks = going_on(walks, stages[-1].new)
            length = checkpoint
        self._advance(walks, length, self._n - 1, last, len(starts))
        rest = walks.totals
        for stage, meeting in zip(reversed(stages), reversed(self._meetings), strict=True):
            # New places were numbered on from those known, in the order of the walks that found them.
            meeting.rest.extend(rest.tolist())
            rest = stage.costs + np.array(meeting.rest, dtype=np.int64)[stage.places]
        return rest

    def _advance(self, walks: Walks, length: int, to: int, last: int, starts: int) -> None:
        """Advance the walks of a block from `length` steps to `to`, in batches, with longer lists for each next one.

        The block ends with the start before `last`, of so many.
        """
        size = len(walks.at)
        before = last - size  # walks that met others count as done

        for begin, end in batches(size, self._tuning.first_batch):
            lists = self.lists

            def work(a: int, b: int, begin: int = begin, lists: Lists = lists) -> None:
                a, b = begin + a, begin + b
                kernels.advance(a, b, walks, lists, to - length, NO_TRAIL, self._crew.stop)

            def reach(part: float, begin: int = begin, end: int = end) -> int:
                steps = size * length + (begin + (end - begin) * part) * (to - length)
                return self._n + before + int(steps / (self._n - 1))

            self._crew.share(work, end - begin, 4, reach)
            if before + end < starts:  # else nobody is left to walk here
                self._deepen()

    def _reach_of_lists(self, part: float) -> int:
        return int(part * self._n)

    def _deepen(self) -> None:
        """Make longer lists for the vectors whose list ran out, while there is room for them."""
        lists = self.lists
        room = self._tuning.deep_bytes // (lists.deep.shape[1] * lists.deep.itemsize) - len(lists.deep)
        rows = np.flatnonzero(lists.wanted & (lists.slots < 0))[: max(room, 0)]
        if rows.size and lists.deep.shape[1] > lists.ids.shape[1]:
            slots = lists.slots.copy()
            slots[rows] = len(lists.deep) + np.arange(rows.size)
            found, _, _ = self._neighbours.of(rows, lists.deep.shape[1], 0, lambda _: 0)
            self.lists = lists._replace(slots=slots, deep=np.concatenate([lists.deep, found]))


def met(walks: Walks, meeting: Meeting) -> Stage:
    """Tell which walks of a block are where none has been before, and where each is."""
    marks = np.column_stack([walks.at.view(np.uint64), walks.marks])
    known = len(meeting.places)
    found_at = [meeting.places.setdefault(each.tobytes(), len(meeting.places)) for each in marks]
    places = np.array(found_at, dtype=np.int64)
    found, new = np.unique(places, return_index=True)
    return Stage(walks.totals.copy(), places, new[found >= known])


def going_on(walks: Walks, which: NDArray[np.int64]) -> Walks:
    """Return some of the walks, counting from here."""
    return Walks(walks.at[which], walks.marks[which], np.zeros(len(which), dtype=np.int64), walks.seen[which])


def blocks(size: int, most: int, deadline: float | None) -> Iterator[tuple[int, int]]:
    """Cut ``range(size)`` into blocks of up to `most`.

    With a deadline they are small at first, and never longer than what time is left for at the speed of the last one.
    """
    first, length = 0, most if deadline is None else 1
    while first < size:
        begun = monotonic()
        last = min(size, first + length)
        yield first, last
        if deadline is not None:
            each = (monotonic() - begun) / (last - first)
            left = deadline - monotonic()
            if left <= 0:
                return
            length = max(1, int(min(most, 4 * length, left / each)))
        first = last


def batches(size: int, first: int) -> Iterator[tuple[int, int]]:
    """Cut ``range(size)`` into runs, each four times as long as the one before."""
    begin = 0
    while begin < size:
        end = min(size, begin + first)
        yield begin, end
        begin, first = end, first * 4


def search(
    vectors: NDArray[np.int16],
    starts: NDArray[np.int64],
    deadline: float | None = None,
    machine: Machine = ANY_MACHINE,
    report: Report = silent,
    tuning: Tuning = DEFAULT,
) -> Found:
    """Return the shortest greedy path from `starts`; there are at least two vectors, and one start."""
    with Crew(machine.threads, report, len(vectors) + len(starts)) as crew:
        found = Search(np.ascontiguousarray(vectors), crew, tuning, machine)
        totals = found.totals(starts, deadline)
        order, steps = found.path(int(starts[np.argmin(totals)]))
        crew.reached(len(vectors) + len(starts))
        return Found(order, steps, totals)
