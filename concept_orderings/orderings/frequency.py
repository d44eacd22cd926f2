"""Rare to frequent, by how often the pretraining corpus has the class names."""

from dataclasses import dataclass
from typing import ClassVar

from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence, Need
from concept_orderings.machine import Machine
from concept_orderings.names import NAME
from concept_orderings.orderings.base import Arrangement, Ordering, order_of, parameter
from concept_orderings.progress import Report

IN_REQUEST = "request"
"""The source that means: the counts stand in the request itself."""


@dataclass(frozen=True, kw_only=True)
class Frequency(Ordering):
    """Lowest count first; equal counts in random order (arXiv 2408.14471, "concept frequency")."""

    kind: ClassVar[str] = "frequency"
    summary: ClassVar[str] = (
        "Rare to frequent: the concepts whose names are rarest in the pretraining corpus come first."
    )
    needs: ClassVar[frozenset[Need]] = frozenset({Need.COUNTS})

    source: str = parameter(
        IN_REQUEST,
        'Where counts come from: "request" for those given with the classes, '
        "else the name of a local index of C4 shards.",
        pattern=NAME.pattern,
    )

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        counts = evidence.of(Need.COUNTS).tolist()
        return Arrangement(order_of(list(zip(counts, self.keys(concepts), strict=True))), {})
