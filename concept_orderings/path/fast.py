"""The compiled search: walks that reach the same state are walked on only once.

The state of a walk is the vector at which it stands and the set of vectors it has seen. Walks in the same state take
the same steps from there on. The walks of a block are therefore compared after a fixed number of steps (a checkpoint),
and of those in the same state only one continues. The sum of its remaining steps holds for the others, and for walks of
later blocks that reach the same state. The memory needed is that of one block, and some bytes for each state.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from concept_orderings.machine import ANY_MACHINE, Machine
from concept_orderings.path import kernels
from concept_orderings.path.crew import Crew, TimeIsUp
from concept_orderings.path.kernels import NeighbourLists, Walks
from concept_orderings.path.neighbours import Neighbours
from concept_orderings.path.plain import Found
from concept_orderings.path.tuning import DEFAULT, Tuning
from concept_orderings.progress import Report, silent

Totals = NDArray[np.int64]


@dataclass
class VisitedStates:
    """The states that the walks of all blocks so far have had at one checkpoint."""

    states: dict[bytes, int] = field(default_factory=dict)  # each state's number, counted from 0
    remaining: list[int] = field(default_factory=list)  # by number: the sum of the distances of all steps after it


@dataclass(frozen=True)
class Stage:
    """The walks of one block between two checkpoints."""

    costs: NDArray[np.int64]  # (w,) sum of the distances of each walk's steps since the checkpoint before
    states: NDArray[np.int64]  # (w,) number of the state that each walk has reached
    new: NDArray[np.int64]  # indices of the walks that continue: the first ones to reach their state


NO_TRAIL = np.empty((2, 0), dtype=np.int64)


class Search:
    """The walks of one search."""

    def __init__(self, vectors: NDArray[np.int16], crew: Crew, tuning: Tuning, machine: Machine = ANY_MACHINE) -> None:
        n = len(vectors)
        self._n = n
        self._crew = crew
        self._tuning = tuning
        # Keys of a Zobrist hash: the hash of a set is the exclusive or of its vectors' 128-bit keys. For the million or
        # so of sets that are compared, the probability of any collision is 2^-88.
        self._hash_keys = np.random.Generator(np.random.Philox(0)).integers(0, 2**64, size=(n, 2), dtype=np.uint64)
        self._neighbours = Neighbours(vectors, crew, tuning, machine.make_proposer)
        ids, distances, lengths = self._neighbours.of(
            np.arange(n), min(tuning.listed, n - 1), min(tuning.near, n - 1), self._progress_of_lists
        )
        self.lists = NeighbourLists(
            vectors=vectors,
            squares=self._neighbours.squares,
            projections=self._neighbours.for_scans.rows,
            error=self._neighbours.for_scans.error,
            near=np.ascontiguousarray(ids[:, : tuning.near]),
            distances=distances,
            ids=ids,
            lengths=lengths,
            deep_row=np.full(n, -1, dtype=np.int32),
            deep=np.empty((0, min(tuning.deep, n - 1)), dtype=ids.dtype),
            wants_deep=np.zeros(n, dtype=np.uint8),
            hash_keys=self._hash_keys,
            scan_below=tuning.scan_below,
        )
        self._checkpoints = [each for each in tuning.checkpoints if each < n - 1]
        self._visited = [VisitedStates() for _ in self._checkpoints]

    def totals(self, starts: NDArray[np.int64], deadline: float | None = None) -> Totals:
        """Walk from each of `starts`, (s,), and return the total distances, (s,).

        If the deadline passes first, return those of the first starts, of at least one.
        """
        found: list[Totals] = []
        for first, last in blocks(len(starts), self._block_size(), deadline):
            # The first block, of one start, has no deadline: there is always a path to return.
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

        self._crew.run_chunks(work, 1, 1, lambda _: 0)
        return np.concatenate([[start], trail[0]]), trail[1]

    def walks_at(self, starts: NDArray[np.int64]) -> Walks:
        """Return walks that stand at `starts`, (s,), and have taken no step."""
        seen = np.zeros((len(starts), (self._n + 63) >> 6), dtype=np.uint64)
        seen[np.arange(len(starts)), starts >> 6] = np.uint64(1) << (starts & 63).astype(np.uint64)
        return Walks(starts.copy(), self._hash_keys[starts], np.zeros(len(starts), dtype=np.int64), seen)

    def _block_size(self) -> int:
        return max(1, self._tuning.seen_bytes // (8 * ((self._n + 63) >> 6)))

    def _walk_block(self, starts: NDArray[np.int64], first: int, last: int) -> Totals:
        """Return the totals of the walks from the starts `first` to `last`."""
        walks = self.walks_at(starts[first:last])
        stages = []
        length = 0
        for checkpoint, visited in zip(self._checkpoints, self._visited, strict=True):
            self._advance(walks, length, checkpoint, last, len(starts))
            stages.append(merge(walks, visited))
            walks = continued(walks, stages[-1].new)
            length = checkpoint
        self._advance(walks, length, self._n - 1, last, len(starts))
        remaining = walks.totals
        for stage, visited in zip(reversed(stages), reversed(self._visited), strict=True):
            # `merge` has numbered the new states in the order of the walks that reached them first.
            visited.remaining.extend(remaining.tolist())
            remaining = stage.costs + np.array(visited.remaining, dtype=np.int64)[stage.states]
        return remaining

    def _advance(self, walks: Walks, length: int, to: int, last: int, starts: int) -> None:
        """Advance the walks of a block from `length` steps to `to`, batch by batch, and make longer lists in between.

        Parameters
        ----------
        walks
            Those of the block's walks that continue.
        length, to
            Numbers of steps.
        last
            Index of the block's last start, plus one.
        starts
            Number of starts in all blocks.
        """
        size = len(walks.at)
        before = last - size  # walks that were merged count as done

        for begin, end in batches(size, self._tuning.first_batch):
            lists = self.lists

            def work(a: int, b: int, begin: int = begin, lists: NeighbourLists = lists) -> None:
                a, b = begin + a, begin + b
                kernels.advance(a, b, walks, lists, to - length, NO_TRAIL, self._crew.stop)

            def progress(part: float, begin: int = begin, end: int = end) -> int:
                steps = size * length + (begin + (end - begin) * part) * (to - length)
                return self._n + before + int(steps / (self._n - 1))

            self._crew.run_chunks(work, end - begin, chunk_of(end - begin, self._crew.threads), progress)
            if before + end < starts:  # else no walk is left that longer lists would speed up
                self._make_longer_lists()

    def _progress_of_lists(self, part: float) -> int:
        return int(part * self._n)

    def _make_longer_lists(self) -> None:
        """Make longer lists for the vectors whose list ran out, as far as `Tuning.deep_bytes` allows."""
        lists = self.lists
        room = self._tuning.deep_bytes // (lists.deep.shape[1] * lists.deep.itemsize) - len(lists.deep)
        rows = np.flatnonzero(lists.wants_deep & (lists.deep_row < 0))[: max(room, 0)]
        if rows.size and lists.deep.shape[1] > lists.ids.shape[1]:
            deep_row = lists.deep_row.copy()
            deep_row[rows] = len(lists.deep) + np.arange(rows.size)
            found, _, _ = self._neighbours.of(rows, lists.deep.shape[1], 0, lambda _: 0)
            self.lists = lists._replace(deep_row=deep_row, deep=np.concatenate([lists.deep, found]))


def merge(walks: Walks, visited: VisitedStates) -> Stage:
    """Number the states of a block's walks, and find the first walk to reach each state that is new."""
    hashes = np.column_stack([walks.at.view(np.uint64), walks.hashes])
    known = len(visited.states)
    numbers = [visited.states.setdefault(each.tobytes(), len(visited.states)) for each in hashes]
    states = np.array(numbers, dtype=np.int64)
    found, new = np.unique(states, return_index=True)
    return Stage(walks.totals.copy(), states, new[found >= known])


def continued(walks: Walks, which: NDArray[np.int64]) -> Walks:
    """Return some of the walks, with totals that start again at 0."""
    return Walks(walks.at[which], walks.hashes[which], np.zeros(len(which), dtype=np.int64), walks.seen[which])


def blocks(size: int, most: int, deadline: float | None) -> Iterator[tuple[int, int]]:
    """Cut ``range(size)`` into blocks of up to `most`.

    With a deadline the first block has one item. Each further block is at most four times as long as the one before,
    and no longer than the time left allows at the speed of the one before.
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
    """Cut ``range(size)`` into batches of `first` items, 4 · `first`, 16 · `first`, and so on."""
    begin = 0
    while begin < size:
        end = min(size, begin + first)
        yield begin, end
        begin, first = end, first * 4


def chunk_of(walks: int, threads: int) -> int:
    """Return how many walks a thread takes at a time: at most four, and fewer where threads would have none."""
    return min(4, -(-walks // threads))


def search(
    vectors: NDArray[np.int16],
    starts: NDArray[np.int64],
    deadline: float | None = None,
    machine: Machine = ANY_MACHINE,
    report: Report = silent,
    tuning: Tuning = DEFAULT,
) -> Found:
    """Return the shortest of the greedy paths from `starts`, at least one, through at least two vectors."""
    with Crew(machine.threads, report, len(vectors) + len(starts)) as crew:
        found = Search(np.ascontiguousarray(vectors), crew, tuning, machine)
        totals = found.totals(starts, deadline)
        order, steps = found.path(int(starts[np.argmin(totals)]))
        crew.report_done(len(vectors) + len(starts))
        return Found(order, steps, totals)
