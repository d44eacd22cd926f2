"""By typicality: from the periphery of the embeddings to their centre."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence
from concept_orderings.evidence.captions import NeedsEmbeddings, quantised_embeddings
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, SeededOrdering, order_of
from concept_orderings.progress import Report

_ROWS = 4096  # measured at once


@dataclass(frozen=True, kw_only=True)
class Typicality(NeedsEmbeddings, SeededOrdering):
    """From the least to the most typical concept, by the distance of its embedding to the mean of all.

    Li and Hiratani (ICML 2025, PMLR 267:34578) argue for tasks from the periphery inwards. Equal distances go by key.
    """

    kind: ClassVar[str] = "typicality"
    summary: ClassVar[str] = (
        "Least typical first: the concepts whose embeddings are furthest from the mean of all come first."
    )

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        n = len(concepts)
        vectors = quantised_embeddings(evidence, lambda: report(0, n))
        total = vectors.sum(axis=0, dtype=np.int64)
        distances: list[int] = []
        for first in range(0, n, _ROWS):
            report(first, n)
            distances += distances_from(vectors[first : first + _ROWS], total, n)
        report(n, n)
        pairs = zip(distances, self.keys(concepts), strict=True)
        return Arrangement(order_of([(-distance, key) for distance, key in pairs]), {})


def distances_from(vectors: NDArray[np.int16], total: NDArray[np.int64], n: int) -> list[int]:
    """Return n times the squared distance of vectors to the mean of all n, up to a constant, exactly.

    With the sum S of all vectors it is n·|x|² - 2·x·S. Both products are below 2^63 for 1,000,000 vectors of 4,096
    numbers, whatever the numbers are; their difference need not be, so it is made of Python's integers.

    Parameters
    ----------
    vectors : ndarray of int16, shape (m, d)
        Some of the n, from `concept_orderings.path.quantise`.
    total : ndarray of int64, shape (d,)
        The sum of all n.
    n : int
        How many there are.

    Returns
    -------
    list of int
        (m,).
    """
    rows = vectors.astype(np.int64)
    squares, products = n * np.einsum("ij,ij->i", rows, rows), rows @ total
    return [square - 2 * product for square, product in zip(squares.tolist(), products.tolist(), strict=True)]
