"""Embeddings of captions for a job: from the cache where they are, from the encoder where not."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from concept_orderings.progress import Report, silent
from store.embeddings import EmbeddingCache
from worker.evidence.encoders.base import Encoder
from worker.threads import in_thread

CHUNK = 256
"""Captions encoded before they are cached: the most that a killed job computes again."""


async def embed(
    captions: Sequence[str],
    encoder: Encoder,
    cache: EmbeddingCache,
    *,
    report: Report = silent,
) -> NDArray[np.float32]:
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
    cache : EmbeddingCache
        Where finished embeddings are kept.
    report : Report
        Told how many of the distinct captions are done; always called on another thread than the event loop's.

    Returns
    -------
    ndarray of float32, shape (n, encoder.dimensions)
        Unit rows, in the order given.

    Raises
    ------
    EncoderError
        ``encoder_failed``, from the encoder.
    Cancelled
        As raised by `report`; what was cached stays.
    """
    place = {caption: i for i, caption in enumerate(dict.fromkeys(captions))}
    distinct = list(place)
    found, rows = await cache.get_many(encoder.fingerprint, distinct, encoder.dimensions)
    missing = sorted(np.flatnonzero(~found).tolist(), key=lambda i: encoder.sort_key(distinct[i]))
    await in_thread(lambda told: told(len(distinct) - len(missing), len(distinct)), report)
    waiting: list[int] = []
    for start in range(0, len(missing), CHUNK):
        chunk = missing[start : start + CHUNK]
        shifted = _shifted(report, len(distinct) - len(missing) + start, len(distinct))
        rows[chunk] = await in_thread(_encoding(encoder, [distinct[i] for i in chunk]), shifted)
        waiting.extend(chunk)
        if await cache.put_many(encoder.fingerprint, [distinct[i] for i in waiting], rows[waiting]):
            waiting.clear()
    return rows[[place[caption] for caption in captions]]


def _shifted(report: Report, before: int, total: int) -> Report:
    return lambda done, _: report(before + done, total)


def _encoding(encoder: Encoder, captions: Sequence[str]) -> Callable[[Report], NDArray[np.float32]]:
    return lambda report: encoder.encode(captions, report=report)
