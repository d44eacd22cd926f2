"""Order by the year of the dataset, oldest first."""

from dataclasses import dataclass
from typing import ClassVar

from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence, Need
from concept_orderings.evidence.years import NeedsYears
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, SeededOrdering, order_of
from concept_orderings.parameters import parameter
from concept_orderings.progress import Report


@dataclass(frozen=True, kw_only=True)
class Time(NeedsYears, SeededOrdering):
    """Oldest year first; within a year, concepts or whole datasets in random order (arXiv 2408.14471, "time")."""

    kind: ClassVar[str] = "time"
    summary: ClassVar[str] = "By the year of the dataset, oldest first."

    within_year: str = parameter(
        "shuffle",
        "shuffle: the concepts of a year are mixed, as in the paper. "
        "dataset: the datasets of a year are kept together, in random order.",
        choices=("shuffle", "dataset"),
    )

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        years = evidence.of(Need.YEARS).tolist()
        if self.within_year == "shuffle":
            groups = [b""] * len(concepts)
        else:
            dataset_keys = [self.key(each.name) for each in concepts.datasets]
            groups = [dataset_keys[i] for i in concepts.dataset_index]
        return Arrangement(order_of(list(zip(years, groups, self.keys(concepts), strict=True))), {})
