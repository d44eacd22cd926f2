"""Order from easy to hard, by the zero-shot performance of the base model."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence, Need
from concept_orderings.evidence.score_warnings import score_warnings
from concept_orderings.evidence.scores import NeedsScores, names_of
from concept_orderings.evidence.tie_orders import BreaksTies, among
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, SeededOrdering, order_of, tie_keys
from concept_orderings.progress import Report
from concept_orderings.stream_warnings import StreamWarning


@dataclass(frozen=True, kw_only=True)
class Performance(BreaksTies, NeedsScores, SeededOrdering):
    """Highest zero-shot score first, equal scores at random or in the order of `ties` (arXiv 2408.14471)."""

    kind: ClassVar[str] = "performance"
    summary: ClassVar[str] = "Easy to hard: the concepts that the base model classifies best come first."

    def evidence_warnings(self, concepts: Concepts, evidence: Evidence) -> tuple[StreamWarning, ...]:
        """See `Ordering.evidence_warnings`."""
        if names_of(self):
            return ()  # they stand with the evidence, which knows the direction of the scores
        return score_warnings(np.asarray(evidence.of(Need.SCORES), dtype=np.float64), concepts, among=among(self))

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        scores = evidence.of(Need.SCORES).tolist()
        pairs = zip(scores, tie_keys(self, concepts, evidence), strict=True)
        return Arrangement(order_of([(-score, key) for score, key in pairs]), {})
