"""Embeddings of concepts: that of their caption or, where a dataset has several templates, the mean of their captions'.

Captions come round by round, so that the embeddings of one round at a time are in memory, however many templates there
are. They are added up in float64 in the order of the templates, and the sums are made unit by operations that IEEE 754
rounds correctly, in one fixed order: the same embeddings of captions give the same bits anywhere.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from concept_orderings.errors import EncoderError
from concept_orderings.evidence import Gathered, Provenance, evidence_digest
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.captions import NeedsEmbeddings, caption_rounds
from concept_orderings.progress import Report, silent
from concept_orderings.request import StreamRequest
from concept_orderings.text import first_of, shown
from store.embedding_cache import EmbeddingCache
from store.runs import Phase
from worker.evidence.embed_captions import embed_captions, shifted
from worker.evidence.encoders import load_encoder
from worker.evidence.encoders.base import Encoder
from worker.evidence.gathering import Gathering, about
from worker.machine import this_machine
from worker.threads import in_thread
from worker.watched import watched

FloatArray: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int64]

CANCELLED = 1e-6
"""A mean of unit vectors that is shorter is nothing but their rounding."""

_ROWS = 1024  # made unit at once
_NAMED = 50


@dataclass(frozen=True)
class ConceptEmbeddings:
    """The embeddings of a request's n concepts.

    Attributes
    ----------
    rows : ndarray of float32, shape (n, d)
        Unit rows, in canonical order.
    warnings : tuple of str
        Which captions the encoder did not read to their end.
    """

    rows: FloatArray
    warnings: tuple[str, ...]


async def gather_embeddings(gathering: Gathering) -> Gathered:
    """Return the embedding of each concept, by the encoder that the ordering names; see `embed_concepts`.

    Raises
    ------
    EncoderError
        As `load_encoder` and `embed_concepts` raise it, with a pointer to the parameter.
    NotEnoughMemory
        If the ordering cannot arrange so many embeddings; they are not made then.
    Cancelled
        If the job is to stop.
    """
    request, settings, monitor = gathering.request, gathering.settings, gathering.monitor
    parameters = parameters_of(request.ordering, NeedsEmbeddings)
    # Before the encoder is loaded: that takes seconds, in which a client should see what the job is doing.
    total = len(request.concepts)
    await monitor.enter(Phase.EMBEDDING, total)
    with about("/ordering/encoder"):
        # If the job is cancelled meanwhile, the encoder is loaded all the same, for the next one.
        loading = asyncio.to_thread(
            load_encoder, parameters.encoder, settings, dtype=parameters.dtype, pinned=parameters.weights
        )
        encoder = await watched(loading, lambda: monitor.report(0, total))
    # Now that the encoder has its memory, and not after minutes of embedding.
    gathering.machine = await asyncio.to_thread(this_machine, settings)
    request.ordering.check_memory((total, encoder.dimensions), gathering.machine)
    with about("/ordering/encoder"):
        found = await embed_concepts(request, encoder, gathering.stores.embeddings, report=monitor.report)
    return await asyncio.to_thread(as_gathered, found, encoder)


async def embed_concepts(
    request: StreamRequest, encoder: Encoder, cache: EmbeddingCache | None, *, report: Report = silent
) -> ConceptEmbeddings:
    """Embed the concepts of a request, encoding only captions that are not in the cache.

    Nothing blocks the event loop; a cancelled task stops as `embed_captions` does.

    Parameters
    ----------
    request : StreamRequest
        n concepts.
    encoder, cache
        As `embed_captions` takes them.
    report : Report
        Told how many of all rounds' distinct captions are done; always called on another thread than the event loop's.

    Raises
    ------
    EncoderError
        ``encoder_failed``, from the encoder, or because the captions of a concept cancel each other out.
    Cancelled
        As raised by `report`; what was cached stays.
    """
    names = request.concepts.ids
    total = await in_thread(lambda told: _count_captions(request, told), report)
    means, cut, done = Means(names), np.zeros(len(names), dtype=np.int64), 0
    rounds = caption_rounds(request.concepts)
    while (found := await asyncio.to_thread(next, rounds, None)) is not None:
        positions, captions = found
        overlong = await in_thread(_looking(encoder, captions), _standing(report, done, total))
        cut[positions[overlong]] += 1
        rows = await embed_captions(captions, encoder, cache, report=shifted(report, done, total))
        await asyncio.to_thread(means.add, positions, rows)
        done += len(set(captions))
    return ConceptEmbeddings(await asyncio.to_thread(means.unit_rows), cut_warnings(cut, encoder, names))


def as_gathered(found: ConceptEmbeddings, encoder: Encoder) -> Gathered:
    """Return embeddings with what the manifest says of them; takes a moment for the digest of a million."""
    provenance = Provenance(
        source=encoder.name,
        digest=evidence_digest(found.rows),
        details={
            "encoder": encoder.fingerprint,
            "weights": encoder.weights_sha256,
            "dtype": encoder.dtype,
            "dimensions": encoder.dimensions,
        },
        warnings=found.warnings,
    )
    return Gathered(found.rows, provenance)


def _count_captions(request: StreamRequest, report: Report) -> int:
    """Count the distinct captions of all rounds; one that stands in two rounds counts in both."""
    total = 0
    for _, captions in caption_rounds(request.concepts):
        report(0, total)
        total += len(set(captions))
    return total


def _looking(encoder: Encoder, captions: Sequence[str]) -> Callable[[Report], list[int]]:
    return lambda told: encoder.overlong(captions, report=told)


def _standing(report: Report, done: int, total: int) -> Report:
    """Report the same whatever is done: for work that can be stopped, and is too short to be counted."""
    return lambda _done, _total: report(done, total)


class Means:
    """Unit means of the captions of n concepts, added up round by round.

    Parameters
    ----------
    names : sequence of str
        The concepts, for errors.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._captions = np.zeros(len(names), dtype=np.int64)
        self._first: FloatArray | None = None
        self._sums: NDArray[np.float64] | None = None

    def add(self, positions: IntArray, rows: FloatArray) -> None:
        """Add the embeddings of one caption each of some concepts; of all concepts in the first round.

        Parameters
        ----------
        positions : ndarray of int64, shape (m,)
            The concepts, each once.
        rows : ndarray of float32, shape (m, d)
            Unit rows. Those of the first round are kept, not copied.
        """
        self._captions[positions] += 1
        if self._first is None:
            self._first = rows
            return
        if self._sums is None:
            self._sums = self._first.astype(np.float64)
        self._sums[positions] += rows

    def unit_rows(self) -> FloatArray:
        """Return the unit means, (n, d); of a concept with one caption the very row that was added.

        Raises
        ------
        EncoderError
            ``encoder_failed``: captions that cancel each other out.
        """
        if self._first is None:
            raise ValueError("no round was added")
        if self._sums is None:
            return self._first
        several = np.flatnonzero(self._captions > 1)
        for start in range(0, len(several), _ROWS):
            part = several[start : start + _ROWS]
            self._first[part] = self._unit(part, self._sums[part])
        return self._first

    def _unit(self, concepts: IntArray, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        squares = np.zeros(len(sums))
        # Column by column: `numpy.sum` would follow the width of the processor's vectors.
        for column in sums.T:
            squares += column * column
        lengths = np.sqrt(squares)
        cancelled = concepts[lengths < CANCELLED * self._captions[concepts]]
        if cancelled.size:
            raise EncoderError(
                "encoder_failed",
                f"The captions of {shown(self._names[cancelled[0]])} cancel each other out: the mean of their "
                f"{self._captions[cancelled[0]]} embeddings is zero, so that it is similar to nothing. "
                "Change its dataset's templates.",
            )
        unit: NDArray[np.float64] = sums / lengths[:, None]
        return unit


def cut_warnings(cut: IntArray, encoder: Encoder, names: Sequence[str]) -> tuple[str, ...]:
    """Say which concepts have captions that the encoder did not read to their end.

    Parameters
    ----------
    cut : ndarray of int64, shape (n,)
        How many captions of each concept were cut.
    encoder : Encoder
        For its name and its limit.
    names : sequence of str
        The n concepts.
    """
    concepts = np.flatnonzero(cut)
    if not concepts.size:
        return ()
    named = first_of([shown(names[i]) for i in concepts.tolist()], _NAMED)
    return (
        f"The encoder {encoder.name} reads {encoder.context_length} tokens, and cut off the ends of "
        f"{_counted(int(cut.sum()), 'longer caption')}, those of {_counted(concepts.size, 'concept')}: {named}.",
    )


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
