"""Order from rare to frequent, by how often the class names occur in the pretraining corpus."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence, Need
from concept_orderings.evidence.count_warnings import equal_counts, equal_ranks, zero_counts
from concept_orderings.evidence.counts import NeedsCounts
from concept_orderings.evidence.ranks import RANKS
from concept_orderings.evidence.tie_orders import BreaksTies, among
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, SeededOrdering, order_of, tie_keys
from concept_orderings.progress import Report
from concept_orderings.stream_warnings import StreamWarning


@dataclass(frozen=True, kw_only=True)
class Frequency(BreaksTies, NeedsCounts, SeededOrdering):
    """Lowest count first, equal counts at random or in the order of `ties` (arXiv 2408.14471, "concept frequency")."""

    kind: ClassVar[str] = "frequency"
    summary: ClassVar[str] = (
        "Rare to frequent: the concepts whose names are rarest in the pretraining corpus come first."
    )

    def evidence_warnings(self, concepts: Concepts, evidence: Evidence) -> tuple[StreamWarning, ...]:
        """See `Ordering.evidence_warnings`."""
        counts = np.asarray(evidence.of(Need.COUNTS), dtype=np.int64)
        if self.source == RANKS:
            return equal_ranks(counts, concepts, among=among(self))
        return (*zero_counts(counts, concepts, among=among(self)), *equal_counts(counts, concepts, among=among(self)))

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        counts = evidence.of(Need.COUNTS).tolist()
        return Arrangement(order_of(list(zip(counts, tie_keys(self, concepts, evidence), strict=True))), {})
