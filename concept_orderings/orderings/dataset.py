"""Order by dataset: one dataset after the other, in random order."""

from dataclasses import dataclass
from typing import ClassVar

from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, SeededOrdering, order_of
from concept_orderings.progress import Report


@dataclass(frozen=True, kw_only=True)
class Dataset(SeededOrdering):
    """Datasets in random order, each kept together, its concepts in random order (arXiv 2408.14471, "dataset")."""

    kind: ClassVar[str] = "dataset"
    summary: ClassVar[str] = "One dataset after the other, in random order."

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        dataset_keys = [self.key(each.name) for each in concepts.datasets]
        groups = [dataset_keys[i] for i in concepts.dataset_index]
        return Arrangement(order_of(list(zip(groups, self.keys(concepts), strict=True))), {})
