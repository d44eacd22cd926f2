"""The compiled search: all starts, in far less than n times the work of one.

Walks that stand at the same vector and have seen the same set take the same steps from there on, so only the one
with the smallest total so far needs to go on: no other can end below it. All walks are therefore advanced to a
common length, compared, and advanced to the next. Nothing is guessed: sets are compared, not their hashes.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Lock
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from concept_orderings.path import kernels
from concept_orderings.path.distances import MAX_SQUARED_LENGTH, squared_lengths
from concept_orderings.path.kernels import Ids, Lists, Walks
from concept_orderings.progress import Report


@dataclass(frozen=True)
class Tuning:
    """Lengths that decide the speed and never the result; measured on the captions of FoMo-in-Flux."""

    near: int = 32  # head of a list that is kept apart: of its steps, 19 of 20 end there
    listed: int = 512  # 128 doubles the time of the walks, 1,024 no longer shortens it
    deep: int = 4096  # of the lists of those vectors, about one in ten, whose list ran out
    deep_bytes: int = 64 << 20
    few: int = 64  # as in `Lists`
    checkpoints: tuple[int, ...] = (16, 64, 256, 1024, 4096, 16384)  # lengths at which walks are compared
    first_batch: int = 16  # walks after which the first longer lists are made
    rows: int = 256  # of the product of all pairs, at a time
    short_ids: int = 1 << 16  # up to so many vectors, ids of 16 bits


NO_TRAIL = np.empty((2, 0), dtype=np.int64)


class Crew:
    """Threads for the kernels, and the caller's thread, which reports while they work."""

    def __init__(self, threads: int, report: Report, total: int) -> None:
        self.threads = threads or available_cores()
        self.stop = np.zeros(1, dtype=np.uint8)
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="path")
        self._report = report
        self._total = total
        self._done = 0
        self._last = -1.0

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop[0] = 1
        self._pool.shutdown(wait=True, cancel_futures=True)

    def reached(self, done: int) -> None:
        """Report that `done` starts are done, unless the last report is very recent."""
        self._done = max(self._done, done)
        if monotonic() - self._last >= 0.2 or done == self._total:
            self._last = monotonic()
            self._report(self._done, self._total)

    def share(self, work: Callable[[int, int], None], size: int, chunk: int, reach: Callable[[float], int]) -> None:
        """Call ``work(first, last)`` for chunks of ``range(size)`` on the threads; pass on what any raises.

        `reach` tells how many starts are done once that part, 0 to 1, of the chunks is.
        """
        lock = Lock()
        bounds = iter([(first, min(first + chunk, size)) for first in range(0, size, chunk)])
        finished = 0

        def drain() -> None:
            nonlocal finished
            while not self.stop[0]:
                with lock:
                    bound = next(bounds, None)
                if bound is None:
                    return
                work(*bound)
                with lock:
                    finished += bound[1] - bound[0]

        waiting = {self._pool.submit(drain) for _ in range(self.threads)}
        while waiting:
            done, waiting = wait(waiting, timeout=0.2)
            for future in done:
                future.result()
            self.reached(reach(finished / size))


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Neighbours:
    """Finds the nearest neighbours of rows: a float32 product proposes, exact integers decide."""

    def __init__(self, vectors: NDArray[np.int16], crew: Crew, tuning: Tuning) -> None:
        self.vectors = vectors
        self.squares = squared_lengths(vectors).astype(np.int32)
        self._floats = vectors.astype(np.float32)
        self._crew = crew
        self._rows = tuning.rows
        self._id_type = np.dtype(np.uint16 if len(vectors) <= tuning.short_ids else np.int32)
        # The bound on the error of a dot product of d terms, summed in any order (Higham, Accuracy and
        # Stability of Numerical Algorithms, 2nd ed., section 3.1), and 1 for making an integer of it.
        rounding = vectors.shape[1] * 2.0**-24
        product_error = rounding / (1 - rounding) * MAX_SQUARED_LENGTH + 1
        self._slack = int(np.ceil(2 * 2 * product_error))

    def of(self, rows: NDArray[np.int64], k: int) -> tuple[Ids, NDArray[np.int32]]:
        """Return ids and distances, both (len(rows), k), of the k nearest of each row, by (distance, id)."""
        ids = np.empty((len(rows), k), dtype=self._id_type)
        distances = np.empty((len(rows), k), dtype=np.int32)
        for first in range(0, len(rows), self._rows):
            block = slice(first, first + self._rows)
            self._fill(rows[block], ids[block], distances[block])
        return ids, distances

    def _fill(self, rows: NDArray[np.int64], ids: Ids, distances: NDArray[np.int32]) -> None:
        """Fill `ids` and `distances` for a block of rows; the product and the choice take turns on the cores."""
        products = self._floats[rows] @ self._floats.T

        def work(first: int, last: int) -> None:
            part = slice(first, last)
            kernels.nearest(
                products[part], rows[part], self.vectors, self.squares, self._slack, ids[part], distances[part]
            )

        self._crew.share(work, len(rows), max(1, self._rows // 16), lambda _: 0)


class Search:
    """The walks of one search, from all starts at once."""

    def __init__(self, vectors: NDArray[np.int16], crew: Crew, tuning: Tuning) -> None:
        n = len(vectors)
        self._n = n
        self._crew = crew
        self._tuning = tuning
        self._neighbours = Neighbours(vectors, crew, tuning)
        ids, distances = self._neighbours.of(np.arange(n), min(tuning.listed, n - 1))
        self.lists = Lists(
            vectors=vectors,
            squares=self._neighbours.squares,
            near=np.ascontiguousarray(ids[:, : tuning.near]),
            ids=ids,
            distances=distances,
            slots=np.full(n, -1, dtype=np.int32),
            deep=np.empty((0, min(tuning.deep, n - 1)), dtype=ids.dtype),
            wanted=np.zeros(n, dtype=np.uint8),
            few=tuning.few,
        )

    def best_start(self) -> int:
        """Return the start with the smallest total, the smallest such."""
        walks = self.walks_at(np.arange(self._n))
        length = 0
        for checkpoint in (*(c for c in self._tuning.checkpoints if c < self._n - 1), self._n - 1):
            self._advance(walks, length, checkpoint)
            walks = merged(walks)
            length = checkpoint
        self._crew.reached(self._n)
        return int(walks.starts[np.argmin(walks.totals)])

    def path(self, start: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the order and the steps of the walk from `start`."""
        trail = np.empty((2, self._n - 1), dtype=np.int64)
        kernels.advance(0, 1, self.walks_at(np.array([start])), self.lists, self._n - 1, trail, self._crew.stop)
        return np.concatenate([[start], trail[0]]), trail[1]

    def walks_at(self, starts: NDArray[np.int64]) -> Walks:
        """Return walks that have taken no step."""
        seen = np.zeros((len(starts), (self._n + 63) >> 6), dtype=np.uint64)
        seen[np.arange(len(starts)), starts >> 6] = np.uint64(1) << (starts & 63).astype(np.uint64)
        return Walks(starts, starts.copy(), np.zeros(len(starts), dtype=np.int64), seen)

    def _advance(self, walks: Walks, length: int, to: int) -> None:
        """Advance all walks from `length` steps to `to`, in batches, with longer lists for each next batch."""
        size = len(walks.starts)
        before = self._n - size

        for first, last in batches(size, self._tuning.first_batch):
            lists = self.lists

            def work(a: int, b: int, first: int = first, lists: Lists = lists) -> None:
                kernels.advance(first + a, first + b, walks, lists, to - length, NO_TRAIL, self._crew.stop)

            def reach(part: float, first: int = first, last: int = last) -> int:
                steps = size * length + (first + (last - first) * part) * (to - length)
                return before + int(steps / (self._n - 1))

            self._crew.share(work, last - first, 4, reach)
            self._deepen()

    def _deepen(self) -> None:
        """Make longer lists for the vectors whose list ran out, while there is room for them."""
        lists = self.lists
        room = self._tuning.deep_bytes // (lists.deep.shape[1] * lists.deep.itemsize) - len(lists.deep)
        rows = np.flatnonzero(lists.wanted & (lists.slots < 0))[: max(room, 0)]
        if rows.size and lists.deep.shape[1] > lists.ids.shape[1]:
            slots = lists.slots.copy()
            slots[rows] = len(lists.deep) + np.arange(rows.size)
            deep = np.concatenate([lists.deep, self._neighbours.of(rows, lists.deep.shape[1])[0]])
            self.lists = lists._replace(slots=slots, deep=deep)


def batches(size: int, first: int) -> Iterator[tuple[int, int]]:
    """Cut ``range(size)`` into runs, each four times as long as the one before."""
    begin = 0
    while begin < size:
        end = min(size, begin + first)
        yield begin, end
        begin, first = end, first * 4


def merged(walks: Walks) -> Walks:
    """Of the walks at the same vector that have seen the same set, keep the one to win: least total, first start."""
    kept: dict[bytes, int] = {}
    for w, total in enumerate(walks.totals.tolist()):
        state = walks.at[w].tobytes() + walks.seen[w].tobytes()
        # Starts rise, so that of equal totals the smaller start stays.
        if total < walks.totals[kept.setdefault(state, w)]:
            kept[state] = w
    chosen = np.sort(np.fromiter(kept.values(), dtype=np.int64, count=len(kept)))
    return Walks(walks.starts[chosen], walks.at[chosen], walks.totals[chosen], walks.seen[chosen])


def search(
    vectors: NDArray[np.int16], threads: int, report: Report, tuning: Tuning = Tuning()
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the order and the steps of the shortest greedy path; there are at least two vectors."""
    with Crew(threads, report, len(vectors)) as crew:
        found = Search(np.ascontiguousarray(vectors), crew, tuning)
        return found.path(found.best_start())
