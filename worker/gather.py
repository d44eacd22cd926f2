"""The first verb: gather all evidence that a request needs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from concept_orderings.evidence import Gathered, Need
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.machine import Machine
from concept_orderings.parameters import pointing_within
from worker.evidence.gather_counts import gather_counts
from worker.evidence.gather_embeddings import gather_embeddings
from worker.evidence.gather_scores import gather_scores
from worker.evidence.gather_ties import gather_ties
from worker.evidence.gathering import Gathering
from worker.machine import this_machine

GATHERERS: Mapping[Need, Callable[[Gathering], Awaitable[Gathered]]] = {
    Need.COUNTS: gather_counts,
    Need.EMBEDDINGS: gather_embeddings,
    Need.SCORES: gather_scores,
    Need.TIES: gather_ties,
}
"""The gatherer of each kind of evidence that may come from outside the request and the catalogue."""


async def gather(gathering: Gathering) -> tuple[dict[Need, Gathered], Machine]:
    """Return the evidence for a request, and the threads, memory and device that arranging may use.

    The memory is measured after an encoder is loaded and before embeddings are computed: the need of a path includes
    its embeddings.

    Raises
    ------
    SourceError, EncoderError
        If a source or an encoder fails.
    MissingEvidence
        If a scores file lacks concepts.
    SettingError
        If the sources of counts cannot be read.
    BadParameter
        If `counted_since` lies in the future.
    NotEnoughMemory
        If there is too little memory to arrange by the embeddings.
    Cancelled
        If the job is to stop.
    """
    found = evidence_at_hand(gathering.request)
    for need in sorted(gathering.request.outside):
        with pointing_within(gathering.request.ordering.path_to(need)):
            found[need] = await GATHERERS[need](gathering)
    machine = gathering.machine
    return found, machine if machine is not None else await asyncio.to_thread(this_machine, gathering.settings)
