"""Evidence: the data about concepts that orderings need. `EVIDENCE` is the registry of its kinds.

A kind defines its fields of a class list, how they are parsed and written in the canonical request, when evidence is
missing, which evidence the request or the catalogue has, and the parameters of orderings that need it. Requests, the
API's schema, tasks and the worker read the registry.
"""

from collections.abc import Mapping
from typing import Any

from concept_orderings.evidence.base import Evidence, EvidenceField, Gathered, Kind, Need, Provenance, evidence_digest
from concept_orderings.evidence.captions import Embeddings
from concept_orderings.evidence.counts import Counts
from concept_orderings.evidence.samples import Samples
from concept_orderings.evidence.scores import Scores
from concept_orderings.evidence.tie_orders import TieOrders
from concept_orderings.evidence.years import Years

__all__ = ["EVIDENCE", "Evidence", "Gathered", "Kind", "Need", "Provenance", "evidence_digest", "evidence_fields"]

EVIDENCE: Mapping[Need, Kind[Any]] = {
    each.need: each for each in (Years(), Embeddings(), Scores(), Counts(), TieOrders(), Samples())
}


def evidence_fields() -> tuple[EvidenceField[Any], ...]:
    """Return the fields of a class list that hold evidence, of all kinds."""
    return tuple(field for kind in EVIDENCE.values() for field in kind.fields)
