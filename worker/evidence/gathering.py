"""The request, settings and stores that gatherers of evidence work with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from concept_orderings.errors import ConceptOrderingsError, JobError
from concept_orderings.machine import Machine
from concept_orderings.request import StreamRequest
from store.count_cache import CountCache
from store.embedding_cache import EmbeddingCache
from store.objects import Objects
from worker.monitor import Monitor
from worker.settings import WorkerSettings


@dataclass(frozen=True, kw_only=True)
class EvidenceStores:
    """Where evidence is kept for later jobs.

    Attributes
    ----------
    embeddings : EmbeddingCache
    counts : CountCache
    objects : Objects
        The object store, which has the counts files.
    """

    embeddings: EmbeddingCache
    counts: CountCache
    objects: Objects


@dataclass(kw_only=True)
class Gathering:
    """The gathering of all evidence for one request.

    Attributes
    ----------
    request : StreamRequest
    settings : WorkerSettings
    stores : EvidenceStores
    monitor : Monitor
        Gets each phase and its progress; its `report` raises `Cancelled` when the job is to stop.
    machine : Machine or None
        What arranging may use, if a gatherer measured it before it took memory for the evidence; else None.
    """

    request: StreamRequest
    settings: WorkerSettings
    stores: EvidenceStores
    monitor: Monitor
    machine: Machine | None = field(default=None, init=False)


@contextmanager
def about(pointer: str, errors: type[ConceptOrderingsError] = JobError) -> Iterator[None]:
    """Add a pointer to errors that have none: the JSON pointer of the field of the request that caused them."""
    try:
        yield
    except errors as error:
        error.pointers = error.pointers or (pointer,)
        raise
