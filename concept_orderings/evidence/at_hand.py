"""Evidence found in the request or the catalogue, without asking a source or an encoder."""

from collections.abc import Mapping

from concept_orderings.evidence import EVIDENCE, Evidence, Gathered, Need
from concept_orderings.request import StreamRequest


def evidence_at_hand(request: StreamRequest) -> dict[Need, Gathered]:
    """Return the evidence among what the request needs that is at hand already."""
    return {need: EVIDENCE[need].at_hand(request.concepts) for need in sorted(request.needs - request.outside)}


def assemble(gathered: Mapping[Need, Gathered]) -> Evidence:
    """Return gathered evidence as orderings take it."""
    return Evidence(**{str(need): each.values for need, each in gathered.items()})
