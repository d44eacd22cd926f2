"""The nearest neighbours of vectors, exact: something fast proposes, integers decide.

All pairs are needed, n² d multiplications. They are made tile by tile, and each row keeps the few candidates that a
tile has for it, so that memory grows with n alone.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from concept_orderings.machine import Proposer
from concept_orderings.path import kernels
from concept_orderings.path.crew import Crew
from concept_orderings.path.distances import MAX_SQUARED_LENGTH, squared_lengths
from concept_orderings.path.kernels import Ids, Kept, Space
from concept_orderings.path.tuning import DEFAULT, Tuning


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
        Makes a `Proposer`, such as one that uses a GPU. Without one, a float32 product on this machine's processor
        chooses candidates.
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
        self._floats = vectors.astype(np.float32)
        self._crew = crew
        self._proposer = propose(vectors) if propose else None
        self._rows = tuning.rows
        # So narrow that the product of a tile takes tenths of a second at most, whatever the dimensions.
        self._columns = min(tuning.columns, max(256, (4 << 20) // vectors.shape[1]))
        self._candidates = tuning.candidates
        self._id_type = np.dtype(np.uint16 if len(vectors) <= tuning.short_ids else np.int32)
        self._space = Space(
            vectors, self.squares, self.squares.astype(np.float32), int(2 * np.ceil(guess_error(vectors.shape[1])))
        )

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
        height = max(1, min(self._rows, self._candidates // room_for(k)))
        for first in range(0, len(rows), height):
            block = slice(first, first + height)
            done = first / len(rows)
            share = min(height, len(rows) - first) / len(rows)

            def reached(part: float, done: float = done, share: float = share) -> int:
                return reach(done + part * share)

            if self._proposer is None:
                self._search(rows[block], ids[block], distances[block], reached)
            else:
                self._verify(rows[block], ids[block], distances[block], lengths[block], reached)
        return ids, distances, lengths

    def _search(
        self, rows: NDArray[np.int64], ids: Ids, distances: NDArray[np.int32], reach: Callable[[float], int]
    ) -> None:
        """Fill `ids` and `distances` for a block of rows; the product and the choice take turns on the cores."""
        n, m, k = len(self.vectors), len(rows), ids.shape[1]
        kept = empty_kept(rows, room_for(k))
        chunk = -(-m // (4 * self._crew.threads))
        products = np.empty((m, min(self._columns, n)), dtype=np.float32)
        left = self._floats[rows]
        for begin in range(0, n, self._columns):
            columns = self._floats[begin : begin + self._columns]
            product = np.matmul(left, columns.T, out=products[:, : len(columns)])

            def work(first: int, last: int, product: NDArray[np.float32] = product, begin: int = begin) -> None:
                kernels.offer(product, begin, first, last, k, self._space, kept)

            def reached(part: float, begin: int = begin) -> int:
                return reach((begin + part * self._columns) / (n + self._columns))

            self._crew.share(work, m, chunk, reached)

        def finish(first: int, last: int) -> None:
            kernels.settle(first, last, self._space, kept, ids, distances)

        self._crew.share(finish, m, chunk, lambda _: reach(n / (n + self._columns)))

    def _verify(
        self,
        rows: NDArray[np.int64],
        ids: Ids,
        distances: NDArray[np.int32],
        lengths: NDArray[np.int32],
        reach: Callable[[float], int],
    ) -> None:
        """Fill in what is certain of the neighbours proposed for a block of rows, and search where that is little."""
        assert self._proposer is not None
        proposed, bounds = self._proposer(rows, ids.shape[1])
        kept = empty_kept(rows, proposed.shape[1])
        kept.ids[:] = proposed
        kept.limits[:] = bounds
        kept.sizes[:] = proposed.shape[1]

        def work(first: int, last: int) -> None:
            kernels.verify(first, last, self._space, kept, ids, distances, lengths)

        self._crew.share(work, len(rows), -(-len(rows) // (4 * self._crew.threads)), reach)
        poor = np.flatnonzero(lengths < distances.shape[1])
        if poor.size:
            found_ids, found_distances = np.empty_like(ids[poor]), np.empty_like(distances[poor])
            self._search(rows[poor], found_ids, found_distances, reach)
            ids[poor], distances[poor], lengths[poor] = found_ids, found_distances, ids.shape[1]


def room_for(k: int) -> int:
    """Return how many candidates a row may hold while it looks for k neighbours."""
    return 4 * k + 2 * kernels.LOOK


def empty_kept(rows: NDArray[np.int64], room: int) -> Kept:
    """Return a block of rows with room for so many candidates each, and none yet."""
    return Kept(
        rows=rows,
        sizes=np.zeros(len(rows), dtype=np.int64),
        limits=np.full(len(rows), kernels.MOST, dtype=np.int64),
        ids=np.empty((len(rows), room), dtype=np.int32),
        guesses=np.empty((len(rows), room), dtype=np.int32),
    )


def guess_error(dimensions: int) -> float:
    """Bound the error of a squared distance whose dot product was summed in float32, in any order.

    Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1; and 1 for making an integer of the
    product. Lengths of up to `MAX_SQUARED_LENGTH` are assumed.
    """
    rounding = dimensions * 2.0**-24
    return 2 * (rounding / (1 - rounding) * MAX_SQUARED_LENGTH + 1)
