"""What a computation may use of the machine it runs on. None of it changes a result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Proposer(Protocol):
    """Guesses which vectors are near, such as on a GPU; what it guesses is measured exactly before it counts."""

    def __call__(self, rows: NDArray[np.int64], k: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Propose neighbours.

        Parameters
        ----------
        rows : ndarray of int64, shape (m,)
            Which vectors to propose neighbours of.
        k : int
            How many are wanted of each.

        Returns
        -------
        ids : ndarray of int32, shape (m, c)
            Distinct vectors for each row; c may be more than k, so that errors of guessing do not shorten the lists.
        bounds : ndarray of int64, shape (m,)
            For certain, no vector that is not among `ids` is nearer to the row than this squared distance.
        """
        ...


@dataclass(frozen=True)
class Machine:
    """The means of one computation.

    Attributes
    ----------
    threads : int
        0 for as many as the process has cores.
    memory : int or None
        Bytes that may be allocated; None if nobody knows, and nothing is refused.
    propose : callable, optional
        Makes a `Proposer` for quantised vectors, (n, d) int16; without one, or if it returns None, a product on the
        processor chooses candidates.
    """

    threads: int = 0
    memory: int | None = None
    propose: Callable[[NDArray[np.int16]], Proposer | None] | None = None


ANY_MACHINE = Machine()
