"""The first verb: gather all evidence that a request needs."""

import asyncio
from collections.abc import Mapping

import numpy as np

from concept_orderings.evidence import Need, Provenance, evidence_digest
from concept_orderings.given import Gathered, given_evidence
from concept_orderings.orderings.frequency import Frequency
from concept_orderings.orderings.similarity import Similarity
from concept_orderings.path import tuned
from concept_orderings.request import StreamRequest
from store.embeddings import EmbeddingCache
from store.jobs import Phase
from worker.evidence.concept_embeddings import embed_concepts
from worker.evidence.encoders import load_encoder
from worker.evidence.local_index import LocalIndex
from worker.machine import this_machine
from worker.monitor import Monitor
from worker.settings import WorkerSettings
from worker.threads import in_thread

_EXAMPLES = 10


async def gather(
    request: StreamRequest, *, settings: WorkerSettings, cache: EmbeddingCache, monitor: Monitor
) -> dict[Need, Gathered]:
    """Return the evidence for a request.

    Raises
    ------
    SourceError, EncoderError
        If a source or encoder cannot give what is needed.
    NotEnoughMemory
        If there is too little for what is to be done with it.
    Cancelled
        If the job is to stop.
    """
    found = given_evidence(request)
    ordering = request.ordering
    if isinstance(ordering, Frequency) and Need.COUNTS not in found:
        found[Need.COUNTS] = await count(request, ordering.source, settings=settings, monitor=monitor)
    if isinstance(ordering, Similarity):
        found[Need.EMBEDDINGS] = await embed_captions(
            request, ordering, settings=settings, cache=cache, monitor=monitor
        )
    return found


async def count(request: StreamRequest, source: str, *, settings: WorkerSettings, monitor: Monitor) -> Gathered:
    """Return for each concept the documents of a local index that contain its class name."""
    index = await asyncio.to_thread(LocalIndex.open, settings.index_dir(source))
    names = sorted(set(request.concepts.class_names))
    await monitor.enter(Phase.COUNTING, len(names))
    counts = await in_thread(lambda report: index.count(names, report=report), monitor.report)
    by_name = dict(zip(names, counts, strict=True))
    values = np.array([by_name[name] for name in request.concepts.class_names], dtype=np.int64)
    return Gathered(
        values,
        Provenance(
            source=source,
            digest=evidence_digest(values),
            details={"unit": "documents", "documents": index.documents, "index": index.fingerprint},
            warnings=_zero_counts(by_name, index),
        ),
    )


def _zero_counts(counts: Mapping[str, int], index: LocalIndex) -> tuple[str, ...]:
    """Warn of names that are in no document: they come first, in random order, whatever they are."""
    zero = [name for name, found in counts.items() if found == 0]
    if not zero:
        return ()
    examples = ", ".join(repr(name) for name in zero[:_EXAMPLES])
    return (
        f"{len(zero)} of {len(counts)} class names are in none of the {index.documents} documents of {index.name}, "
        f"such as {examples}: their order among themselves is random.",
    )


async def embed_captions(
    request: StreamRequest,
    ordering: Similarity,
    *,
    settings: WorkerSettings,
    cache: EmbeddingCache,
    monitor: Monitor,
) -> Gathered:
    """Return the embedding of each concept: of its caption, or the mean of its captions'."""
    # Before the encoder is loaded: that takes seconds, and whoever watches should see what the job is at.
    await monitor.enter(Phase.EMBEDDING, len(request.concepts))
    encoder = await asyncio.to_thread(
        load_encoder, ordering.encoder, settings, dtype=ordering.dtype, pinned=ordering.weights
    )
    # Now that the encoder has its memory, and not after minutes of embedding.
    machine = await asyncio.to_thread(this_machine, settings)
    tuned((len(request.concepts), encoder.dimensions), machine.memory)
    found = await embed_concepts(request, encoder, cache, report=monitor.report)
    return Gathered(
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
