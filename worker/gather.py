"""The first verb: gather all evidence that a request needs."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from concept_orderings.errors import BadParameter, ConceptOrderingsError, JobError
from concept_orderings.evidence import Need, Provenance, evidence_digest
from concept_orderings.given import Gathered, given_evidence
from concept_orderings.machine import Machine
from concept_orderings.orderings.frequency import Frequency
from concept_orderings.orderings.similarity import Similarity
from concept_orderings.path import tuned
from concept_orderings.request import StreamRequest
from store.counts import CountsCache
from store.embeddings import EmbeddingCache
from store.jobs import Phase
from store.objects import Objects
from worker.evidence.concept_counts import count_concepts
from worker.evidence.concept_embeddings import embed_concepts
from worker.evidence.counts import open_source
from worker.evidence.encoders import load_encoder
from worker.machine import this_machine
from worker.monitor import Monitor
from worker.settings import WorkerSettings
from worker.watched import watched


@dataclass(frozen=True, kw_only=True)
class EvidenceStores:
    """Where evidence is kept, for this job and the next ones.

    Attributes
    ----------
    embeddings : EmbeddingCache
    counts : CountsCache
    objects : Objects
        Where counts files are.
    """

    embeddings: EmbeddingCache
    counts: CountsCache
    objects: Objects


async def gather(
    request: StreamRequest, *, settings: WorkerSettings, stores: EvidenceStores, monitor: Monitor
) -> tuple[dict[Need, Gathered], Machine]:
    """Return the evidence for a request, and what arranging by it may use.

    The memory is what there is before embeddings are made, since what a path needs counts them, and after an encoder
    has taken its own.

    Raises
    ------
    SourceError, EncoderError
        If a source or encoder cannot give what is needed.
    SettingError
        If the sources of counts cannot be read.
    BadParameter
        If counts are asked for of a time to come.
    NotEnoughMemory
        If there is too little for what is to be done with it.
    Cancelled
        If the job is to stop.
    """
    found = given_evidence(request)
    ordering = request.ordering
    if isinstance(ordering, Frequency) and Need.COUNTS not in found:
        found[Need.COUNTS] = await count(request, ordering, settings=settings, stores=stores, monitor=monitor)
    if isinstance(ordering, Similarity):
        found[Need.EMBEDDINGS], machine = await embed_captions(
            request, ordering, settings=settings, cache=stores.embeddings, monitor=monitor
        )
        return found, machine
    return found, await asyncio.to_thread(this_machine, settings)


async def count(
    request: StreamRequest,
    ordering: Frequency,
    *,
    settings: WorkerSettings,
    stores: EvidenceStores,
    monitor: Monitor,
) -> Gathered:
    """Return the count of each concept in the ordering's source."""
    # Before the source is opened: an index's files are looked at, which takes a moment.
    total = len(request.concepts)
    await monitor.enter(Phase.COUNTING, total)
    with _about("/ordering/source"), _about("/ordering/counted_since", BadParameter):
        source = await watched(open_source(ordering.source, settings, stores.objects), lambda: monitor.report(0, total))
        try:
            return await count_concepts(
                request, source, stores.counts, counted_since=ordering.counted_since, report=monitor.report
            )
        finally:
            await source.aclose()


async def embed_captions(
    request: StreamRequest,
    ordering: Similarity,
    *,
    settings: WorkerSettings,
    cache: EmbeddingCache,
    monitor: Monitor,
) -> tuple[Gathered, Machine]:
    """Return the embedding of each concept, of its caption or the mean of its captions', and the machine before it."""
    # Before the encoder is loaded: that takes seconds, and whoever watches should see what the job is at.
    total = len(request.concepts)
    await monitor.enter(Phase.EMBEDDING, total)
    with _about("/ordering/encoder"):
        # Of a job that is cancelled meanwhile, the encoder is loaded all the same, for the next one.
        loading = asyncio.to_thread(
            load_encoder, ordering.encoder, settings, dtype=ordering.dtype, pinned=ordering.weights
        )
        encoder = await watched(loading, lambda: monitor.report(0, total))
    # Now that the encoder has its memory, and not after minutes of embedding.
    machine = await asyncio.to_thread(this_machine, settings)
    tuned((total, encoder.dimensions), machine.memory)
    with _about("/ordering/encoder"):
        found = await embed_concepts(request, encoder, cache, report=monitor.report)
    gathered = Gathered(
        found.rows,
        Provenance(
            source=encoder.name,
            digest=await asyncio.to_thread(evidence_digest, found.rows),
            details={
                "encoder": encoder.fingerprint,
                "weights": encoder.weights_sha256,
                "dtype": encoder.dtype,
                "dimensions": encoder.dimensions,
            },
            warnings=found.warnings,
        ),
    )
    return gathered, machine


@contextmanager
def _about(pointer: str, errors: type[ConceptOrderingsError] = JobError) -> Iterator[None]:
    """Say of such errors which field of the request they are about, unless they say so themselves."""
    try:
        yield
    except errors as error:
        error.pointers = error.pointers or (pointer,)
        raise
