"""The API or the worker with four more orderings, one for each kind of evidence, each as short as possible.

``python ten_line_orderings.py app|worker [ARGUMENTS]``
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import concept_orderings.orderings as registry
from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence, Need
from concept_orderings.evidence.captions import NeedsEmbeddings
from concept_orderings.evidence.counts import NeedsCounts
from concept_orderings.evidence.scores import NeedsScores
from concept_orderings.evidence.years import NeedsYears
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, Ordering, order_of
from concept_orderings.progress import Report


@dataclass(frozen=True, kw_only=True)
class Newest(NeedsYears, Ordering):
    """Newest first, then by name."""

    kind: ClassVar[str] = "newest"
    summary: ClassVar[str] = "Newest first."

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        return Arrangement(order_of([-year for year in evidence.of(Need.YEARS).tolist()]), {})


@dataclass(frozen=True, kw_only=True)
class Hardest(NeedsScores, Ordering):
    """Hardest first, then by name."""

    kind: ClassVar[str] = "hardest"
    summary: ClassVar[str] = "Hardest first."

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        return Arrangement(order_of(evidence.of(Need.SCORES).tolist()), {})


@dataclass(frozen=True, kw_only=True)
class Commonest(NeedsCounts, Ordering):
    """Most frequent first, then by name."""

    kind: ClassVar[str] = "commonest"
    summary: ClassVar[str] = "Most frequent first."

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        return Arrangement(order_of([-count for count in evidence.of(Need.COUNTS).tolist()]), {})


@dataclass(frozen=True, kw_only=True)
class Leftmost(NeedsEmbeddings, Ordering):
    """By the first number of the embedding."""

    kind: ClassVar[str] = "leftmost"
    summary: ClassVar[str] = "By the first number of the embedding."

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        return Arrangement(order_of([row[0] for row in evidence.of(Need.EMBEDDINGS).tolist()]), {})


NEW: Mapping[str, type[Ordering]] = {each.kind: each for each in (Newest, Hardest, Commonest, Leftmost)}

if __name__ == "__main__":
    # Before the import of the programs: the API's schema lists the orderings.
    registry.ORDERINGS = {**registry.ORDERINGS, **NEW}
    if sys.argv.pop(1) == "app":
        from app.__main__ import main

        sys.exit(main())
    from worker.worker_command import run

    sys.exit(run())
