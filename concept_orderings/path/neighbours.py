"""The exact nearest neighbours of vectors: fast lower bounds choose candidates, exact integers decide.

There are n² pairs. For most of them a lower bound of the distance is enough, which the product of a few leading
coordinates gives (see `projection`). The products are computed tile by tile. Each row keeps the few candidates that it
finds in a tile, so memory grows with n and not with n².
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import zip_longest
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from concept_orderings.machine import Proposer
from concept_orderings.path import kernels
from concept_orderings.path.blas import on_one_thread
from concept_orderings.path.crew import Crew
from concept_orderings.path.distances import squared_lengths
from concept_orderings.path.kernels import Candidates, Ids, Space
from concept_orderings.path.projection import Projector
from concept_orderings.path.tuning import DEFAULT, Tuning, sample_size

FEW_ROWS = 64
"""With fewer rows for each thread, several chunks would cost more than waiting for the last one."""

Proposals: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int64]]
"""What a `Proposer` returns."""


class Neighbours:
    """Find the nearest neighbours of vectors.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
        From `quantise`.
    crew : Crew
        The threads to use.
    tuning : Tuning
        The sizes of tiles and lists.
    make_proposer : callable, optional
        Makes a `Proposer` for the vectors, such as one that uses a GPU. Without one, the processor computes lower
        bounds of all distances.
    """

    def __init__(
        self,
        vectors: NDArray[np.int16],
        crew: Crew,
        tuning: Tuning = DEFAULT,
        make_proposer: Callable[[NDArray[np.int16]], Proposer | None] | None = None,
    ) -> None:
        self.vectors = vectors
        self.squares = squared_lengths(vectors).astype(np.int32)
        self._space = Space(vectors, self.squares, self.squares.astype(np.float32))
        self._projector = Projector(vectors, self.squares, lambda: crew.report_done(0))
        self.for_scans = self._projector.for_scans()
        self._crew = crew
        self._proposer = make_proposer(vectors) if make_proposer else None
        self._tuning = tuning
        self._id_type = np.dtype(np.uint16 if len(vectors) <= tuning.short_ids else np.int32)

    @cached_property
    def _bounds(self) -> "Bounds":
        """Bounds of all distances, made at the first search; a good proposer may leave nothing to search for."""
        return Bounds(self.vectors, self.squares, self._projector, min(self._tuning.listed, len(self.vectors)))

    def of(
        self,
        rows: NDArray[np.int64],
        k: int,
        measured: int | None = None,
        progress: Callable[[float], int] = lambda _: 0,
    ) -> tuple[Ids, NDArray[np.int32], NDArray[np.int32]]:
        """Find the k nearest neighbours of some vectors, sorted by (distance, id).

        Parameters
        ----------
        rows : ndarray of int64, shape (m,)
            The vectors whose neighbours are wanted.
        k : int
            At most n - 1.
        measured : int, optional
            How many distances of each row to return; by default k.
        progress : callable
            Converts the finished share of the rows, 0 to 1, to the number that is reported as done.

        Returns
        -------
        ids : ndarray of uint16 or int32, shape (m, k)
        distances : ndarray of int32, shape (m, measured)
        lengths : ndarray of int32, shape (m,)
            How many of a row's ids are certain to be its nearest neighbours; the rest is filled with the row's own id.
            It is k unless a `Proposer` left some uncertain.
        """
        ids = np.empty((len(rows), k), dtype=self._id_type)
        distances = np.zeros((len(rows), k if measured is None else measured), dtype=np.int32)
        lengths = np.full(len(rows), k, dtype=np.int32)
        if self._proposer is None:
            height = max(1, min(self._tuning.rows, self._tuning.tile_candidates // room_for(k)))
            self._search(rows, ids, distances, height, progress)
            return ids, distances, lengths
        for block, proposals in self._proposed(rows, k):
            self._verify(rows[block], proposals, ids[block], distances[block], lengths[block])
            self._crew.report_done(progress(min(block.stop, len(rows)) / len(rows)))
        return ids, distances, lengths

    def _proposed(self, rows: NDArray[np.int64], k: int) -> Iterator[tuple[slice, Proposals]]:
        """Yield blocks of rows with their proposals; those of the next block are made meanwhile."""
        assert self._proposer is not None
        height = self._tuning.proposed_rows
        blocks = [slice(first, first + height) for first in range(0, len(rows), height)]
        with ThreadPoolExecutor(1, thread_name_prefix="proposer") as thread:
            coming = deque(thread.submit(self._proposer, rows[block], k) for block in blocks[:1])
            for block, following in zip_longest(blocks, blocks[1:]):
                proposals = coming.popleft().result()
                if following is not None:
                    coming.append(thread.submit(self._proposer, rows[following], k))
                yield block, proposals

    def _search(
        self,
        rows: NDArray[np.int64],
        ids: Ids,
        distances: NDArray[np.int32],
        height: int,
        progress: Callable[[float], int],
    ) -> None:
        """Fill `ids` and `distances`, `height` rows at a time on each thread."""
        bounds = self._bounds

        def work(first: int, last: int) -> None:
            self._search_block(bounds, rows[first:last], ids[first:last], distances[first:last])

        height = min(height, height_of(len(rows), self._crew.threads))
        with on_one_thread():
            self._crew.run_chunks(work, len(rows), height, progress)

    def _search_block(self, bounds: "Bounds", rows: NDArray[np.int64], ids: Ids, distances: NDArray[np.int32]) -> None:
        """Fill `ids` and `distances` for a block of rows, on the calling thread."""
        k = ids.shape[1]
        candidates = empty_candidates(rows, room_for(k))
        candidates.limits[:] = bounds.typical.limits(rows, k)
        self._offer_all(bounds, candidates, k)
        # All vectors nearer than a row's limit were candidates. With fewer than k of them the estimated limit was too
        # low: search those rows again without a limit.
        short = np.flatnonzero(candidates.sizes < k)
        if short.size:
            again = empty_candidates(rows[short], room_for(k))
            self._offer_all(bounds, again, k)
            candidates.sizes[short] = again.sizes
            candidates.ids[short] = again.ids
            candidates.distances[short] = again.distances
        if not self._crew.stop[0]:
            kernels.write_nearest(candidates, ids, distances)

    def _offer_all(self, bounds: "Bounds", candidates: Candidates, k: int) -> None:
        n = len(self.vectors)
        left = bounds.rows[candidates.rows]
        # Few rows get wide tiles: starting a kernel takes as long as some thousand bounds.
        width = max(self._tuning.columns, self._tuning.rows * self._tuning.columns // len(left))
        products = np.empty((len(left), min(width, n)), dtype=np.float32)
        for begin in range(0, n, width):
            if self._crew.stop[0]:
                return
            columns = bounds.rows[begin : begin + width]
            product = np.matmul(left, columns.T, out=products[:, : len(columns)])
            kernels.offer(product, begin, k, self._space, bounds.error, candidates)

    def _verify(
        self,
        rows: NDArray[np.int64],
        proposals: Proposals,
        ids: Ids,
        distances: NDArray[np.int32],
        lengths: NDArray[np.int32],
    ) -> None:
        """Fill in the proposed neighbours that are certain, for a block of rows; search for rows that have too few."""
        proposed, limits = proposals
        candidates = empty_candidates(rows, proposed.shape[1])
        candidates.ids[:] = proposed
        candidates.limits[:] = limits
        candidates.sizes[:] = proposed.shape[1]

        def work(first: int, last: int) -> None:
            kernels.verify(first, last, self._space, candidates, ids, distances, lengths)

        self._crew.run_chunks(work, len(rows), -(-len(rows) // (4 * self._crew.threads)), lambda _: 0)
        uncertain = np.flatnonzero(lengths < distances.shape[1])
        if uncertain.size:
            found_ids, found_distances = np.empty_like(ids[uncertain]), np.empty_like(distances[uncertain])
            self._search(rows[uncertain], found_ids, found_distances, len(uncertain), lambda _: 0)
            ids[uncertain], distances[uncertain], lengths[uncertain] = found_ids, found_distances, ids.shape[1]


class Bounds:
    """Lower bounds of all distances of some vectors.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
    squares : ndarray of int32, shape (n,)
        Their squared lengths.
    projector : Projector
        Of these vectors.
    k : int
        The usual number of neighbours per row that searches look for.

    Attributes
    ----------
    rows : ndarray of float32, shape (n, width)
    error : int
        How far the bounds may be too high; see `Projection`.
    typical : Typical
    """

    def __init__(self, vectors: NDArray[np.int16], squares: NDArray[np.int32], projector: Projector, k: int) -> None:
        projection = projector.for_products(k)
        self.rows, self.error = projection.rows, projection.error
        self.typical = Typical(vectors, squares)


class Typical:
    """A sample of the vectors, from which the distance of a row to its k-th nearest neighbour is estimated.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
    squares : ndarray of int32, shape (n,)
        Their squared lengths.
    """

    def __init__(self, vectors: NDArray[np.int16], squares: NDArray[np.int32]) -> None:
        self._vectors, self._squares = vectors, squares
        step = max(1, len(vectors) // sample_size(len(vectors)))
        self._sample = vectors[::step].astype(np.float32)
        self._sample_squares = squares[::step].astype(np.float32)

    def limits(self, rows: NDArray[np.int64], k: int) -> NDArray[np.int64]:
        """Estimate for each row, (m,), a squared distance below which it most likely has more than k neighbours."""
        size, n = len(self._sample), len(self._vectors)
        expected = k * size / n
        # On average, `expected` vectors of the sample are nearer than the k-th nearest; add two standard deviations.
        rank = int(expected + 2 * np.sqrt(expected) + 2)
        if 2 * rank >= size:
            return np.full(len(rows), kernels.INFINITE_DISTANCE, dtype=np.int64)
        distances = self._vectors[rows].astype(np.float32) @ self._sample.T
        distances *= -2
        distances += self._sample_squares
        limits = np.partition(distances, rank, axis=1)[:, rank] + self._squares[rows]
        return np.clip(limits, 1, kernels.INFINITE_DISTANCE).astype(np.int64)


def height_of(rows: int, threads: int) -> int:
    """Return how many of some rows a thread searches for at a time: about four chunks each, or one if they are few."""
    chunks = 4 if rows >= FEW_ROWS * threads else 1
    return -(-rows // (chunks * threads))


def room_for(k: int) -> int:
    """Return how many candidates a row may hold during a search for its k nearest neighbours."""
    return 2 * k + 2 * kernels.FLAGS_PER_WORD


def empty_candidates(rows: NDArray[np.int64], room: int) -> Candidates:
    """Return a block of rows without candidates, each with room for `room` of them."""
    return Candidates(
        rows=rows,
        sizes=np.zeros(len(rows), dtype=np.int64),
        limits=np.full(len(rows), kernels.INFINITE_DISTANCE, dtype=np.int64),
        ids=np.empty((len(rows), room), dtype=np.int32),
        distances=np.empty((len(rows), room), dtype=np.int32),
    )
