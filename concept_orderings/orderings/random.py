"""Order at random."""

from dataclasses import dataclass
from typing import ClassVar

from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, SeededOrdering, order_of
from concept_orderings.progress import Report


@dataclass(frozen=True, kw_only=True)
class Random(SeededOrdering):
    """All concepts shuffled (arXiv 2408.14471, "random")."""

    kind: ClassVar[str] = "random"
    summary: ClassVar[str] = "All concepts shuffled."

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        return Arrangement(order_of(self.keys(concepts)), {})
