"""Gathering embeddings: one for each concept, of its caption or the mean over its captions.

A concept has one caption for each template of its dataset. Captions are embedded in rounds, one template a round, so
that the embeddings of only one round are in memory. They are added up in float64 in the order of the templates. The
sums are scaled to unit length by operations that IEEE 754 rounds correctly, in a fixed order: the same embeddings of
captions give the same bits on every machine.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from concept_orderings.errors import EncoderError
from concept_orderings.evidence import Gathered
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.captions import NeedsEmbeddings, caption_rounds
from concept_orderings.evidence.quantised import MARGIN, embeddings_as_evidence
from concept_orderings.progress import Phase, Report, silent
from concept_orderings.request import StreamRequest
from concept_orderings.stream_warnings import StreamWarning, WarningCode, chosen
from concept_orderings.text import first_of, shown
from store.embedding_cache import EmbeddingCache
from worker.evidence.embed_captions import embed_captions, shifted
from worker.evidence.encoders import load_encoder
from worker.evidence.encoders.base import Encoder, FloatArray
from worker.evidence.gathering import Gathering, about
from worker.machine import this_machine
from worker.threads import in_thread
from worker.watched import watched

IntArray: TypeAlias = NDArray[np.int64]

SHORTEST_MEAN = 1e-6
"""A mean of unit vectors that is shorter than this consists of rounding errors."""

_ROWS = 1024  # scaled to unit length at once
_MOST_NAMED = 50


@dataclass(frozen=True)
class ConceptEmbeddings:
    """The embeddings of a request's n concepts.

    Attributes
    ----------
    rows : ndarray of float64 or float32, shape (n, d)
        Unit rows, in canonical order.
    lengths : ndarray of float64, shape (n,)
        Length of each mean of unit vectors before it was scaled to length 1; 1 for a concept with one caption.
    warnings : tuple of StreamWarning
        Which captions the encoder cut off.
    """

    rows: FloatArray
    lengths: NDArray[np.float64]
    warnings: tuple[StreamWarning, ...]


async def gather_embeddings(gathering: Gathering) -> Gathered:
    """Return the embedding of each concept by the encoder that the ordering names; see `embed_concepts`.

    Raises
    ------
    EncoderError
        See `load_encoder` and `embed_concepts`; with a pointer to the parameter.
    NotEnoughMemory
        If there is too little memory to arrange by the embeddings; they are not computed then.
    Cancelled
        If the job is to stop.
    """
    request, settings, monitor = gathering.request, gathering.settings, gathering.monitor
    parameters = parameters_of(request.ordering, NeedsEmbeddings)
    total = len(request.concepts)
    await monitor.enter(Phase.LOADING, 0)
    with about("/ordering/encoder"):
        # If the job is cancelled meanwhile, the encoder is still loaded, for the next job.
        loading = asyncio.to_thread(
            load_encoder, parameters.encoder, settings, dtype=parameters.dtype, pinned=parameters.weights
        )
        encoder = await watched(loading, monitor.report.check)
    # After the encoder has taken its memory, and before minutes of embedding.
    gathering.machine = await asyncio.to_thread(this_machine, settings)
    request.ordering.check_memory(request.concepts, encoder.dimensions, gathering.machine)
    await monitor.enter(Phase.EMBEDDING, total)
    with about("/ordering/encoder"):
        found = await embed_concepts(request, encoder, gathering.stores.embeddings, report=monitor.report)
    return await asyncio.to_thread(as_gathered, found, encoder, request)


async def embed_concepts(
    request: StreamRequest, encoder: Encoder, cache: EmbeddingCache | None, *, report: Report = silent
) -> ConceptEmbeddings:
    """Embed the concepts of a request; only captions that are not in the cache are encoded.

    All heavy work is done in threads. A cancelled task stops as in `embed_captions`.

    Parameters
    ----------
    request : StreamRequest
        n concepts.
    encoder, cache
        See `embed_captions`.
    report : Report
        Called with the distinct captions done, counted in each round, and those of all rounds; never on the thread of
        the event loop.

    Raises
    ------
    EncoderError
        ``encoder_failed``, from the encoder, or because the embeddings of a concept's captions cancel each other out.
    Cancelled
        As raised by `report`; what is cached stays cached.
    """
    names = request.concepts.ids
    total = await in_thread(lambda in_work: _count_captions(request, in_work), report)
    means, cut, done = Means(names), np.zeros(len(names), dtype=np.int64), 0
    unknown = np.zeros(len(names), dtype=np.int64)
    rounds = caption_rounds(request.concepts)
    while (found := await asyncio.to_thread(next, rounds, None)) is not None:
        positions, captions = found
        overlong = await in_thread(_find_overlong(encoder, captions), _fixed(report, done, total))
        cut[positions[overlong]] += 1
        unread = await in_thread(_find_unknown(encoder, captions), _fixed(report, done, total))
        unknown[positions[unread]] += 1
        rows = await embed_captions(captions, encoder, cache, report=shifted(report, done, total))
        await asyncio.to_thread(means.add, positions, rows)
        done += len(set(captions))
    rows, lengths = await asyncio.to_thread(means.unit_rows)
    warnings = (*cut_warnings(cut, encoder, names), *unknown_warnings(unknown, encoder, names))
    return ConceptEmbeddings(rows, lengths, warnings)


def as_gathered(found: ConceptEmbeddings, encoder: Encoder, request: StreamRequest) -> Gathered:
    """Return embeddings as evidence, with what the manifest says of them; it takes seconds for a million concepts."""
    return embeddings_as_evidence(
        found.rows,
        parameters_of(request.ordering, NeedsEmbeddings),
        request.concepts.ids,
        source=encoder.name,
        facts={
            "encoder": encoder.fingerprint,
            "weights": encoder.weights_sha256,
            "dtype": encoder.dtype,
            "dimensions": encoder.dimensions,
        },
        warnings=found.warnings,
        # Scaling a mean to length 1 scales the differences of its captions' embeddings, too.
        margin=MARGIN / found.lengths,
    )


def _count_captions(request: StreamRequest, report: Report) -> int:
    """Count the distinct captions of all rounds; a caption that is in two rounds counts twice."""
    total = 0
    for _, captions in caption_rounds(request.concepts):
        report(0, total)
        total += len(set(captions))
    return total


def _find_overlong(encoder: Encoder, captions: Sequence[str]) -> Callable[[Report], list[int]]:
    return lambda report: encoder.overlong(captions, report=report)


def _find_unknown(encoder: Encoder, captions: Sequence[str]) -> Callable[[Report], list[int]]:
    return lambda report: encoder.unknown(captions, report=report)


def _fixed(report: Report, done: int, total: int) -> Report:
    """Return a report of fixed values, so that short work that is not counted can still be cancelled."""
    return lambda _done, _total: report(done, total)


class Means:
    """Computes the unit mean of the captions of each of n concepts, one round at a time.

    Parameters
    ----------
    names : sequence of str
        Names of the concepts, for errors.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._captions = np.zeros(len(names), dtype=np.int64)
        self._first: FloatArray | None = None
        self._sums: NDArray[np.float64] | None = None

    def add(self, positions: IntArray, rows: FloatArray) -> None:
        """Add one caption of each of some concepts; in the first round, of all concepts.

        Parameters
        ----------
        positions : ndarray of int64, shape (m,)
            The concepts, each once.
        rows : ndarray of float64 or float32, shape (m, d)
            Unit rows. Those of the first round are kept without a copy, and may be overwritten.
        """
        self._captions[positions] += 1
        if self._first is None:
            self._first = rows
            return
        if self._sums is None:
            self._sums = self._first.astype(np.float64, copy=False)
        self._sums[positions] += rows

    def unit_rows(self) -> tuple[FloatArray, NDArray[np.float64]]:
        """Return the unit means, and the lengths of the means.

        Returns
        -------
        rows : ndarray of float64 or float32, shape (n, d)
            As the rows that were added; for a concept with one caption the row itself, unchanged.
        lengths : ndarray of float64, shape (n,)
            Of the means of unit vectors; 1 for a concept with one caption.

        Raises
        ------
        EncoderError
            ``encoder_failed``: the embeddings of a concept's captions cancel each other out.
        """
        if self._first is None:
            raise ValueError("no round was added")
        means = np.ones(len(self._first))
        if self._sums is None:
            return self._first, means
        several = np.flatnonzero(self._captions > 1)
        for start in range(0, len(several), _ROWS):
            part = several[start : start + _ROWS]
            sums = self._sums[part]
            lengths = self._lengths(part, sums)
            self._first[part] = sums / lengths[:, None]
            means[part] = lengths / self._captions[part]
        return self._first, means

    def _lengths(self, concepts: IntArray, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the length of each sum, (m,), of the captions of `concepts`; refuse those that are almost zero."""
        squares = np.zeros(len(sums))
        # Column by column: the order of additions in `numpy.sum` depends on the processor.
        for column in sums.T:
            squares += column * column
        lengths: NDArray[np.float64] = np.sqrt(squares)
        cancelled = concepts[lengths < SHORTEST_MEAN * self._captions[concepts]]
        if cancelled.size:
            raise EncoderError(
                "encoder_failed",
                f"The captions of {shown(self._names[cancelled[0]])} cancel each other out: the mean of their "
                f"{self._captions[cancelled[0]]} embeddings is zero, which has no direction. "
                "Change the templates of its dataset.",
            )
        return lengths


def cut_warnings(cut: IntArray, encoder: Encoder, names: Sequence[str]) -> tuple[StreamWarning, ...]:
    """Return the warning for concepts with captions that the encoder cut off. It is published: never change its text.

    Parameters
    ----------
    cut : ndarray of int64, shape (n,)
        Number of captions of each concept that were cut off.
    encoder : Encoder
        Gives its name and its `context_length`.
    names : sequence of str
        The n concepts.
    """
    concepts = np.flatnonzero(cut)
    if not concepts.size:
        return ()
    named = first_of([shown(names[i]) for i in concepts.tolist()], _MOST_NAMED)
    sentence = (
        f"The encoder {encoder.name} reads {encoder.context_length} tokens, and cut off the ends of "
        f"{_number_of(int(cut.sum()), 'longer caption')}, those of {_number_of(concepts.size, 'concept')}: {named}."
    )
    cut_off = chosen(names, concepts.tolist())
    return (StreamWarning.of(WarningCode.CUT_CAPTIONS, sentence, count=concepts.size, concepts=cut_off),)


def unknown_warnings(unknown: IntArray, encoder: Encoder, names: Sequence[str]) -> tuple[StreamWarning, ...]:
    """Return the warning for captions with unknown tokens. It is published: never change its text.

    Parameters
    ----------
    unknown : ndarray of int64, shape (n,)
        Number of captions of each concept with a token that the encoder does not know.
    encoder : Encoder
        Gives its name.
    names : sequence of str
        The n concepts.
    """
    concepts = np.flatnonzero(unknown)
    if not concepts.size:
        return ()
    named = first_of([shown(names[i]) for i in concepts.tolist()], _MOST_NAMED)
    sentence = (
        f"The encoder {encoder.name} does not know all of the text of {_number_of(int(unknown.sum()), 'caption')}, "
        f"those of {_number_of(concepts.size, 'concept')}: {named}. It reads all unknown text as one token. Use "
        "another encoder, or give names in a language that the encoder knows."
    )
    concerned = chosen(names, concepts.tolist())
    return (StreamWarning.of(WarningCode.UNKNOWN_TOKENS, sentence, count=concepts.size, concepts=concerned),)


def _number_of(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
