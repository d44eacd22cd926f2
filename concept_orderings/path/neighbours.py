"""The nearest neighbours of vectors, exact: something fast proposes, integers decide.

All pairs are looked at, n² of them, but of most a lower bound of the distance is enough, which a product of a few
leading coordinates gives (see `projection`). The products are made tile by tile, and each row keeps the few candidates
that a tile has for it, so that memory grows with n alone.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from concept_orderings.machine import Proposer
from concept_orderings.path import kernels
from concept_orderings.path.blas import on_one_thread
from concept_orderings.path.crew import Crew
from concept_orderings.path.distances import squared_lengths
from concept_orderings.path.kernels import Ids, Kept, Space
from concept_orderings.path.projection import Projector
from concept_orderings.path.tuning import DEFAULT, Tuning, sampled


class Neighbours:
    """Finds the nearest neighbours of rows of `vectors`, (n, d) int16.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
        From `quantise`.
    crew : Crew
        Threads.
    tuning : Tuning
        The size of a tile.
    propose : callable, optional
        Makes a `Proposer`, such as one that uses a GPU. Without one, this machine's processor bounds all distances.
    """

    def __init__(
        self,
        vectors: NDArray[np.int16],
        crew: Crew,
        tuning: Tuning = DEFAULT,
        propose: Callable[[NDArray[np.int16]], Proposer | None] | None = None,
    ) -> None:
        self.vectors = vectors
        self.squares = squared_lengths(vectors).astype(np.int32)
        self._space = Space(vectors, self.squares, self.squares.astype(np.float32))
        self._projector = Projector(vectors, self.squares, lambda: crew.reached(0))
        self.looking = self._projector.for_looking()
        self._crew = crew
        self._proposer = propose(vectors) if propose else None
        self._tuning = tuning
        self._id_type = np.dtype(np.uint16 if len(vectors) <= tuning.short_ids else np.int32)

    @cached_property
    def _bounds(self) -> "Bounds":
        """Made when something is searched for: with a good proposer, nothing may be."""
        return Bounds(self.vectors, self.squares, self._projector, min(self._tuning.listed, len(self.vectors)))

    def of(
        self,
        rows: NDArray[np.int64],
        k: int,
        measured: int | None = None,
        reach: Callable[[float], int] = lambda _: 0,
    ) -> tuple[Ids, NDArray[np.int32], NDArray[np.int32]]:
        """Find the k nearest of each row; those equally near by rising id.

        Parameters
        ----------
        rows : ndarray of int64, shape (m,)
            Of which vectors.
        k : int
            At most n - 1.
        measured : int, optional
            So many distances are returned; all k if it is left out.
        reach : callable
            Given the part of the rows that is done; returns what to report of it.

        Returns
        -------
        ids : ndarray of uint16 or int32, shape (m, k)
        distances : ndarray of int32, shape (m, measured)
        lengths : ndarray of int32, shape (m,)
            So many of the row's ids are neighbours for certain; the row's own id stands in place of the others. It is
            k unless a `Proposer` could not tell.
        """
        ids = np.empty((len(rows), k), dtype=self._id_type)
        distances = np.zeros((len(rows), k if measured is None else measured), dtype=np.int32)
        lengths = np.full(len(rows), k, dtype=np.int32)
        height = max(1, min(self._tuning.rows, self._tuning.candidates // room_for(k)))
        if self._proposer is None:
            self._search(rows, ids, distances, height, reach)
            return ids, distances, lengths
        for first in range(0, len(rows), height):
            block = slice(first, first + height)
            self._verify(rows[block], ids[block], distances[block], lengths[block])
            self._crew.reached(reach(min(first + height, len(rows)) / len(rows)))
        return ids, distances, lengths

    def _search(
        self,
        rows: NDArray[np.int64],
        ids: Ids,
        distances: NDArray[np.int32],
        height: int,
        reach: Callable[[float], int],
    ) -> None:
        """Fill `ids` and `distances`, `height` rows at a time on each thread."""
        bounds = self._bounds

        def work(first: int, last: int) -> None:
            self._search_block(bounds, rows[first:last], ids[first:last], distances[first:last])

        # Not so many at once that some threads have nothing to do.
        height = min(height, -(-len(rows) // (4 * self._crew.threads)))
        with on_one_thread():
            self._crew.share(work, len(rows), height, reach)

    def _search_block(self, bounds: "Bounds", rows: NDArray[np.int64], ids: Ids, distances: NDArray[np.int32]) -> None:
        """Fill in a block of rows, on the thread that calls."""
        k = ids.shape[1]
        kept = empty_kept(rows, room_for(k))
        kept.limits[:] = bounds.typical.limits(rows, k)
        self._offer_all(bounds, kept, k)
        # Whatever is nearer than a row's limit was offered to it, so k of those are the nearest. If there are fewer,
        # the limit was guessed too low.
        few = np.flatnonzero(kept.sizes < k)
        if few.size:
            again = empty_kept(rows[few], room_for(k))
            self._offer_all(bounds, again, k)
            for whole, part in ((kept.sizes, again.sizes), (kept.ids, again.ids), (kept.distances, again.distances)):
                whole[few] = part
        if not self._crew.stop[0]:
            kernels.settle(kept, ids, distances)

    def _offer_all(self, bounds: "Bounds", kept: Kept, k: int) -> None:
        n, width = len(self.vectors), self._tuning.columns
        left = bounds.rows[kept.rows]
        products = np.empty((len(left), min(width, n)), dtype=np.float32)
        for begin in range(0, n, width):
            if self._crew.stop[0]:
                return
            columns = bounds.rows[begin : begin + width]
            product = np.matmul(left, columns.T, out=products[:, : len(columns)])
            kernels.offer(product, begin, k, self._space, bounds.error, kept)

    def _verify(
        self, rows: NDArray[np.int64], ids: Ids, distances: NDArray[np.int32], lengths: NDArray[np.int32]
    ) -> None:
        """Fill in what is certain of the neighbours proposed for a block of rows, and search where that is little."""
        assert self._proposer is not None
        proposed, limits = self._proposer(rows, ids.shape[1])
        kept = empty_kept(rows, proposed.shape[1])
        kept.ids[:] = proposed
        kept.limits[:] = limits
        kept.sizes[:] = proposed.shape[1]

        def work(first: int, last: int) -> None:
            kernels.verify(first, last, self._space, kept, ids, distances, lengths)

        self._crew.share(work, len(rows), -(-len(rows) // (4 * self._crew.threads)), lambda _: 0)
        poor = np.flatnonzero(lengths < distances.shape[1])
        if poor.size:
            found_ids, found_distances = np.empty_like(ids[poor]), np.empty_like(distances[poor])
            self._search(rows[poor], found_ids, found_distances, len(poor), lambda _: 0)
            ids[poor], distances[poor], lengths[poor] = found_ids, found_distances, ids.shape[1]


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
        So many neighbours of each are mostly looked for.

    Attributes
    ----------
    rows : ndarray of float32, shape (n, width)
    error : int
        Products of the rows bound distances, as `Projection` says.
    typical : Typical
    """

    def __init__(self, vectors: NDArray[np.int16], squares: NDArray[np.int32], projector: Projector, k: int) -> None:
        projection = projector.for_products(k)
        self.rows, self.error = projection.rows, projection.error
        self.typical = Typical(vectors, squares)


class Typical:
    """A sample of the vectors, which tells about how far the k-th nearest of a row is.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
    squares : ndarray of int32, shape (n,)
        Their squared lengths.
    """

    def __init__(self, vectors: NDArray[np.int16], squares: NDArray[np.int32]) -> None:
        self._vectors, self._squares = vectors, squares
        step = max(1, len(vectors) // sampled(len(vectors)))
        self._sample = vectors[::step].astype(np.float32)
        self._sample_squares = squares[::step].astype(np.float32)

    def limits(self, rows: NDArray[np.int64], k: int) -> NDArray[np.int64]:
        """Return for each row, (m,), a distance that most likely more than its k nearest are below."""
        size, n = len(self._sample), len(self._vectors)
        expected = k * size / n
        # Of a sample, so many fall below the k-th nearest on average; rarely as many as two deviations more.
        rank = int(expected + 2 * np.sqrt(expected) + 2)
        if 2 * rank >= size:
            return np.full(len(rows), kernels.MOST, dtype=np.int64)
        distances = self._vectors[rows].astype(np.float32) @ self._sample.T
        distances *= -2
        distances += self._sample_squares
        limits = np.partition(distances, rank, axis=1)[:, rank] + self._squares[rows]
        return np.clip(limits, 1, kernels.MOST).astype(np.int64)


def room_for(k: int) -> int:
    """Return how many candidates a row may hold while it looks for k neighbours."""
    return 2 * k + 2 * kernels.LOOK


def empty_kept(rows: NDArray[np.int64], room: int) -> Kept:
    """Return a block of rows with room for so many candidates each, and none yet."""
    return Kept(
        rows=rows,
        sizes=np.zeros(len(rows), dtype=np.int64),
        limits=np.full(len(rows), kernels.MOST, dtype=np.int64),
        ids=np.empty((len(rows), room), dtype=np.int32),
        distances=np.empty((len(rows), room), dtype=np.int32),
    )
