"""Embeddings of captions for a job: from the cache where they are, from the encoder where not."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from concept_orderings.progress import Report, silent
from store.embedding_cache import EmbeddingCache
from worker.evidence.encoders.base import Encoder
from worker.threads import in_thread

FloatArray: TypeAlias = NDArray[np.float32]
Found: TypeAlias = NDArray[np.bool_]

CHUNK = 256
"""Captions encoded before they are cached: the most that a killed job computes again."""


async def embed_captions(
    captions: Sequence[str],
    encoder: Encoder,
    cache: EmbeddingCache | None,
    *,
    report: Report = silent,
) -> FloatArray:
    """Embed captions, encoding each distinct one once, ever, and caching it as soon as it is done.

    Nothing blocks the event loop. When the task is cancelled, the thread that encodes is stopped at its next report
    and waited for. An entry that cannot be cached is tried again with the next ones; a cache that stays away costs
    only the time of computing again.

    Parameters
    ----------
    captions : sequence of str
        n captions, in any order; the same one may stand there twice.
    encoder : Encoder
        From ``await asyncio.to_thread(load_encoder, name, settings)``.
    cache : EmbeddingCache or None
        Where finished embeddings are kept; None if nowhere.
    report : Report
        Told how many of the distinct captions are done; always called on another thread than the event loop's.

    Returns
    -------
    ndarray of float32, shape (n, encoder.dimensions)
        Unit rows, in the order given.

    Raises
    ------
    EncoderError
        ``encoder_failed``, from the encoder; nothing of what failed is cached.
    Cancelled
        As raised by `report`; what was cached stays.
    """
    place = await asyncio.to_thread(_places, captions)
    distinct = list(place)
    found, rows = await _look_up(distinct, encoder, cache)
    missing = await asyncio.to_thread(_missing, distinct, found, encoder)
    done = len(distinct) - len(missing)
    await in_thread(lambda told: told(done, len(distinct)), report)
    waiting: list[int] = []
    for start in range(0, len(missing), CHUNK):
        chunk = missing[start : start + CHUNK]
        told = shifted(report, done + start, len(distinct))
        rows[chunk] = await in_thread(_encoding(encoder, [distinct[i] for i in chunk]), told)
        if cache is None:
            continue
        # Of what waits, all is tried only once the newest could be stored: else it would be tried with each chunk.
        if not await _store(cache, encoder, distinct, chunk, rows):
            waiting += chunk
        elif waiting and await _store(cache, encoder, distinct, waiting, rows):
            waiting.clear()
    if len(distinct) == len(captions):
        return rows
    return await asyncio.to_thread(lambda: rows[[place[caption] for caption in captions]])


def shifted(report: Report, before: int, total: int) -> Report:
    """Report a part of some work: so much was done before it, of so much in all."""
    return lambda done, _: report(before + done, total)


def _places(captions: Sequence[str]) -> dict[str, int]:
    """Number the distinct captions in the order of their first appearance."""
    return {caption: i for i, caption in enumerate(dict.fromkeys(captions))}


async def _look_up(captions: Sequence[str], encoder: Encoder, cache: EmbeddingCache | None) -> tuple[Found, FloatArray]:
    """Return which captions are in the cache, (n,), and their rows, (n, d)."""
    if cache is None:
        return np.zeros(len(captions), dtype=np.bool_), np.zeros((len(captions), encoder.dimensions), dtype=np.float32)
    return await cache.get_many(encoder.fingerprint, captions, encoder.dimensions)


async def _store(
    cache: EmbeddingCache, encoder: Encoder, captions: Sequence[str], which: Sequence[int], rows: FloatArray
) -> bool:
    return await cache.put_many(encoder.fingerprint, [captions[i] for i in which], rows[which])


def _missing(captions: Sequence[str], found: Found, encoder: Encoder) -> list[int]:
    """Return the positions of what is not found, in the order in which it is best encoded."""
    return sorted(np.flatnonzero(~found).tolist(), key=lambda i: encoder.sort_key(captions[i]))


def _encoding(encoder: Encoder, captions: Sequence[str]) -> Callable[[Report], FloatArray]:
    return lambda report: encoder.encode(captions, report=report)
