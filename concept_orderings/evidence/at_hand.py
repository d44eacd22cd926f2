"""Evidence that the request or the library has, so that no source or encoder is needed for it."""

from collections.abc import Mapping

from concept_orderings.evidence import EVIDENCE, Evidence, Gathered, Need
from concept_orderings.request import StreamRequest


def evidence_at_hand(request: StreamRequest) -> dict[Need, Gathered]:
    """Return the needed evidence that the request or the library has, by kind."""
    needs = sorted(request.needs - request.outside)
    return {need: EVIDENCE[need].at_hand(request.concepts, request.ordering.part_for(need)) for need in needs}


def assemble(gathered: Mapping[Need, Gathered]) -> Evidence:
    """Return the values of gathered evidence, as orderings read them."""
    return Evidence(**{str(need): each.values for need, each in gathered.items()})
