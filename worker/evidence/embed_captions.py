"""Embeddings of captions: from the cache, or by the encoder and then cached."""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from concept_orderings.progress import Report, silent
from store.embedding_cache import EmbeddingCache
from worker.evidence.encoders.base import Encoder, FloatArray, row_dtype
from worker.threads import in_thread

Found: TypeAlias = NDArray[np.bool_]

CHUNK = 256
"""Captions that are encoded and then cached together at first."""

LARGEST_CHUNK = 8192

CHUNK_SECONDS = 0.5
"""A chunk that takes less is followed by one of twice as many captions: what a job encodes again after it was killed
takes about a second, and a GPU is never waited for long."""


async def embed_captions(
    captions: Sequence[str],
    encoder: Encoder,
    cache: EmbeddingCache | None,
    *,
    report: Report = silent,
) -> FloatArray:
    """Embed captions; a distinct caption that is not in the cache is encoded once and then cached.

    All heavy work is done in threads. When the task is cancelled, the thread that encodes stops at its next report, and
    is waited for. An entry that cannot be cached is tried again with later ones. While Redis is away, captions are
    encoded again, and nothing else changes.

    Parameters
    ----------
    captions : sequence of str
        n captions, in any order; duplicates are allowed.
    encoder : Encoder
        From ``await asyncio.to_thread(load_encoder, name, settings)``.
    cache : EmbeddingCache or None
        The cache; with None every caption is encoded.
    report : Report
        Called with the distinct captions done and all distinct captions; never on the thread of the event loop.

    Returns
    -------
    ndarray of float64 or float32, shape (n, encoder.dimensions)
        Unit rows, in the order of the captions.

    Raises
    ------
    EncoderError
        ``encoder_failed``, from the encoder; embeddings of a call that failed are not cached.
    Cancelled
        As raised by `report`; what is cached stays cached.
    """
    position = await asyncio.to_thread(_positions, captions)
    distinct = list(position)
    found, rows = await _look_up(distinct, encoder, cache)
    missing = await asyncio.to_thread(_missing, distinct, found, encoder)
    done = len(distinct) - len(missing)
    await in_thread(lambda in_work: in_work(done, len(distinct)), report)
    not_cached: list[int] = []
    start, size = 0, CHUNK
    while start < len(missing):
        chunk = missing[start : start + size]
        began = monotonic()
        rows[chunk] = await in_thread(
            _encoding(encoder, [distinct[i] for i in chunk]), shifted(report, done + start, len(distinct))
        )
        start += len(chunk)
        if monotonic() - began < CHUNK_SECONDS:
            size = min(2 * size, LARGEST_CHUNK)
        if cache is None:
            continue
        # Earlier rows that could not be cached are tried again only after a chunk could be: not once for each chunk.
        if not await _store(cache, encoder, distinct, chunk, rows):
            not_cached += chunk
        elif not_cached and await _store(cache, encoder, distinct, not_cached, rows):
            not_cached.clear()
    if len(distinct) == len(captions):
        return rows
    return await asyncio.to_thread(lambda: rows[[position[caption] for caption in captions]])


def shifted(report: Report, before: int, total: int) -> Report:
    """Return a report for a part of some work, after `before` of `total` units are done."""
    return lambda done, _: report(before + done, total)


def _positions(captions: Sequence[str]) -> dict[str, int]:
    """Number the distinct captions in the order of their first appearance."""
    return {caption: i for i, caption in enumerate(dict.fromkeys(captions))}


async def _look_up(captions: Sequence[str], encoder: Encoder, cache: EmbeddingCache | None) -> tuple[Found, FloatArray]:
    """Return which captions are in the cache, (n,), and their rows, (n, d)."""
    dtype = row_dtype(encoder.dtype)
    if cache is None:
        return np.zeros(len(captions), dtype=np.bool_), np.zeros((len(captions), encoder.dimensions), dtype)
    return await cache.get_many(encoder.fingerprint, captions, encoder.dimensions, dtype)


async def _store(
    cache: EmbeddingCache, encoder: Encoder, captions: Sequence[str], which: Sequence[int], rows: FloatArray
) -> bool:
    return await cache.put_many(encoder.fingerprint, [captions[i] for i in which], rows[which])


def _missing(captions: Sequence[str], found: Found, encoder: Encoder) -> list[int]:
    """Return the positions of the captions that are not found, sorted by the encoder's `sort_key`."""
    return sorted(np.flatnonzero(~found).tolist(), key=lambda i: encoder.sort_key(captions[i]))


def _encoding(encoder: Encoder, captions: Sequence[str]) -> Callable[[Report], FloatArray]:
    return lambda report: encoder.encode(captions, report=report)
