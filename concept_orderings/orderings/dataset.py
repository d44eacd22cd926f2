"""Order by dataset: one dataset after the other, in random order or in that of the request."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, order_of
from concept_orderings.orderings.groups import Group, OrdersGroups
from concept_orderings.progress import Report


@dataclass(frozen=True, kw_only=True)
class Dataset(OrdersGroups):
    """Datasets in random order, each kept together, its concepts in random order (arXiv 2408.14471, "dataset")."""

    kind: ClassVar[str] = "dataset"
    summary: ClassVar[str] = "One dataset after the other, in random order."
    group: ClassVar[str] = "dataset"

    def canonical_for(self, concepts: Concepts, listed: Callable[[], Sequence[str]]) -> Self:
        """See `Parameters.canonical_for`: where datasets and concepts have other orders, the seed decides nothing."""
        others = super().canonical_for(concepts, listed)
        decided = others.within is not None and others.datasets_in_order is not None
        return replace(others, seed=0) if decided else others

    def groups(self, concepts: Concepts) -> list[Group]:
        """See `OrdersGroups.groups`."""
        places = self.dataset_places(concepts)
        return [Group(concepts.datasets[i].name, [i]) for i in order_of(places).tolist()]

    def seed_may_matter(self, concepts: Concepts) -> bool:
        """See `Ordering.seed_may_matter`."""
        drawn = self.datasets_in_order is None and len(concepts.datasets) > 1
        return drawn or super().seed_may_matter(concepts)

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        if self.within is not None:
            return self.arrange_groups(self.within, concepts, evidence, machine=machine, report=report)
        places = self.dataset_places(concepts)
        groups = [places[i] for i in concepts.dataset_index]
        return Arrangement(order_of(list(zip(groups, self.keys(concepts), strict=True))), {})
