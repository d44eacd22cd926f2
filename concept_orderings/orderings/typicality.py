"""Order by typicality: from the periphery of the embeddings to their centre."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence
from concept_orderings.evidence.captions import NeedsEmbeddings, quantised_embeddings
from concept_orderings.evidence.equal_vectors import may_have_equal_vectors, vector_columns, vector_warnings
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, SeededOrdering, order_of
from concept_orderings.progress import Report
from concept_orderings.stream_warnings import StreamWarning

_ROWS = 4096  # measured at a time


@dataclass(frozen=True, kw_only=True)
class Typicality(NeedsEmbeddings, SeededOrdering):
    """From the least to the most typical concept, by the distance of its embedding to the mean of all.

    Li and Hiratani (ICML 2025, PMLR 267:34578) argue for tasks from the periphery inwards. Ties are ordered by key.
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

    def evidence_warnings(self, concepts: Concepts, evidence: Evidence) -> tuple[StreamWarning, ...]:
        """See `Ordering.evidence_warnings`."""
        return vector_warnings(concepts, quantised_embeddings(evidence))

    def seed_may_matter(self, concepts: Concepts) -> bool:
        """See `Ordering.seed_may_matter`: for equal distances to the mean, which equal vectors have."""
        return may_have_equal_vectors(concepts)

    def columns(self, concepts: Concepts, evidence: Evidence, order: NDArray[np.int64]) -> dict[str, Sequence[Json]]:
        """See `Ordering.columns`: the captions."""
        del order
        return vector_columns(concepts, quantised_embeddings(evidence))


def distances_from(vectors: NDArray[np.int16], total: NDArray[np.int64], n: int) -> list[int]:
    """Return n times the squared distances of vectors to the mean of all n vectors, exactly, up to a constant.

    With the sum S of all vectors, the result for x is n·|x|² - 2·x·S. Both products are below 2^63 for up to 1,000,000
    vectors of 4,096 numbers. Their difference may not be, so it is computed with Python's integers.

    Parameters
    ----------
    vectors : ndarray of int16, shape (m, d)
        Some of the n vectors, from `concept_orderings.path.quantise`.
    total : ndarray of int64, shape (d,)
        The sum of all n vectors.
    n : int
        Number of all vectors.

    Returns
    -------
    list of int, (m,)
    """
    rows = vectors.astype(np.int64)
    squares, products = n * np.einsum("ij,ij->i", rows, rows), rows @ total
    return [square - 2 * product for square, product in zip(squares.tolist(), products.tolist(), strict=True)]
