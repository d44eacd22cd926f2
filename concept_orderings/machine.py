"""The threads, memory and devices that a computation may use. None of them changes a result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Proposer(Protocol):
    """Proposes near neighbours of vectors, for example on a GPU; the exact distances are computed afterwards."""

    def __call__(self, rows: NDArray[np.int64], k: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Propose neighbours.

        Parameters
        ----------
        rows : ndarray of int64, shape (m,)
            The vectors whose neighbours are wanted.
        k : int
            The number of neighbours that are wanted for each.

        Returns
        -------
        ids : ndarray of int32, shape (m, c)
            Distinct vectors for each row. c may exceed k, so that errors of the proposer do not shorten the lists.
        bounds : ndarray of int64, shape (m,)
            Lower bound of the squared distance of the row to every vector that is not among its `ids`.
        """
        ...


@dataclass(frozen=True)
class Machine:
    """What one computation may use.

    Attributes
    ----------
    threads : int
        0 for one per core that the process may use.
    memory : int or None
        Bytes that may be allocated; None if it is not known, in which case nothing is refused.
    make_proposer : callable, optional
        Makes a `Proposer` for quantised vectors, (n, d) int16. Without it, or if it returns None, matrix products on
        the processor choose the candidates.
    """

    threads: int = 0
    memory: int | None = None
    make_proposer: Callable[[NDArray[np.int16]], Proposer | None] | None = None


ANY_MACHINE = Machine()
"""All cores, memory that is not checked, and no device."""
