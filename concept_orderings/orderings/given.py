"""Keep the order in which the request lists the concepts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from concept_orderings.canonical import Json
from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence
from concept_orderings.listed_orders import canonical_order, differences
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, Ordering
from concept_orderings.parameters import POINTER, Contradiction, parameter
from concept_orderings.progress import Report


@dataclass(frozen=True, kw_only=True)
class Given(Ordering):
    """Exactly the order in which the request lists the concepts; no other ordering depends on that order.

    For `datasets` it is the order of the datasets and, in each, the order of its classes. The class lists of a
    canonical request are sorted, so there the parameter `order` holds the listing.
    """

    kind: ClassVar[str] = "given"
    summary: ClassVar[str] = "Exactly the order in which the request lists the concepts."

    order: tuple[str, ...] | None = parameter(
        None,
        "All concepts in order, each written DATASET+++class name. The default is the order in which the request lists "
        "them. Canonical requests always have it, because their class lists are sorted.",
        type="array of strings",
        pattern=r".+\+\+\+.+",
    )

    def contradictions(self, concepts: Concepts | None) -> Iterator[Contradiction]:
        """See `Parameters.contradictions`: the order lists each concept once, and nothing else."""
        if self.order is not None and concepts is not None:
            error = differences(
                canonical_order(self.order),
                concepts,
                f"{POINTER}/order",
                "The order",
                instead="add them, or leave the order out to use that of the request's lists",
            )
            if error is not None:
                yield Contradiction(("order",), error)
        yield from super().contradictions(concepts)

    def canonical_for(self, concepts: Concepts, listed: Callable[[], Sequence[str]]) -> Self:
        """See `Parameters.canonical_for`: without an order, the order is that of the request's lists."""
        return replace(self, order=tuple(listed()) if self.order is None else canonical_order(self.order))

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        if self.order is None:
            raise ValueError("the listing is missing: canonical_for() sets it")
        place = {concept: i for i, concept in enumerate(concepts.ids)}
        return Arrangement(np.array([place[each] for each in self.order], dtype=np.int64), {})

    def for_group(self, concepts: Concepts) -> Self:
        """See `Ordering.for_group`: the order, cut to the group."""
        wanted = frozenset(concepts.ids)
        return replace(self, order=tuple(each for each in self.order or () if each in wanted))

    def as_brief_json(self) -> dict[str, Json]:
        """See `Ordering.as_brief_json`: leaves out `order`, which may have a million concepts."""
        return {name: value for name, value in self.as_json().items() if name != "order"}
