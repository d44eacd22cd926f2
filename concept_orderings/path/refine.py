"""Local search: a path made shorter by exchanging a few of its steps at a time.

The first round makes 2-opt, Or-opt and other 3-opt moves over neighbour lists, with don't-look bits, until none helps
(Bentley 1992; Johnson and McGeoch 1997, "The Traveling Salesman Problem: A Case Study in Local Optimization"). Each
further round is iterated local search: as many small random changes as there are vectors, each mended by such moves
and undone unless the path has become shorter (Martin, Otto and Felten 1991).
"""

from dataclasses import dataclass
from time import monotonic
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from concept_orderings.machine import ANY_MACHINE, Machine
from concept_orderings.path.crew import Crew, TimeIsUp
from concept_orderings.path.distances import squared_lengths
from concept_orderings.progress import Report, silent

NEIGHBOURS = 16
"""Of each vector. Of 10 to 32, 16 gave the shortest paths in the same time: with 10 the first round ends 0.4 % higher."""

LONGEST_SEGMENT = 3
"""Of a kick, in vectors. Segments of 10 or 30 shorten the path as much in the same time, but need more of it per kick."""

LOG = 4096
"""Reversals that can be undone; one kick and what mends it take some twenty."""

SEED = 2463534242
"""The one of Marsaglia's article. The result depends on it, so it is never to be changed by itself."""


@dataclass(frozen=True)
class RefinedPath:
    """A path through all vectors that was made shorter.

    Attributes
    ----------
    order : array of int64, shape (n,)
        A permutation of ``range(n)``.
    total : int
        Sum of `steps`, exact; at most that of the path given.
    steps : array of int64, shape (n - 1,)
        Squared Euclidean distance of each step; see `distance_as_cosine`.
    rounds : int
        Rounds finished.
    complete : bool
        Whether those are all; False if the deadline came first.
    """

    order: NDArray[np.int64]
    total: int
    steps: NDArray[np.int64]
    rounds: int
    complete: bool


class _Tour(Protocol):
    """What is read of `refine_kernels.Tour`, which is not imported here: it may load the compiler."""

    @property
    def order(self) -> NDArray[np.int32]: ...

    @property
    def state(self) -> NDArray[np.int64]: ...


def refine_path(
    vectors: NDArray[np.int16],
    order: NDArray[np.int64],
    *,
    rounds: int,
    deadline: float | None = None,
    machine: Machine = ANY_MACHINE,
    report: Report = silent,
) -> RefinedPath:
    """Shorten a path by local search.
    """
