"""Evidence as Parquet: each file is rendered once, kept in the store, and served from there."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from app.results import Results
from app.unkept import kept_if_there_is_room
from concept_orderings.canonical import sha256_hex
from concept_orderings.evidence.parquet import evidence_as_parquet
from concept_orderings.evidence.tables import read_table
from concept_orderings.stream import Document
from store.evidence_renderings import EvidenceRenderings

_CACHED_DIGESTS = 10_000


class ParquetEvidence:
    """The evidence of a service as Parquet.

    Rendering a million vectors takes seconds and gigabytes. It runs off the event loop, one file at a time, and once
    for all clients that request the same file.

    Parameters
    ----------
    kept
        The renderings that are kept.
    read
        Returns a file of evidence by its SHA-256.
    """

    def __init__(self, kept: EvidenceRenderings, read: Callable[[str], Awaitable[bytes]]) -> None:
        self._kept = kept
        self._read = read
        self._digests: Results[str, str] = Results(_CACHED_DIGESTS)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="evidence")

    async def close(self) -> None:
        """Stop; a rendering that has not ended is not kept."""
        await self._digests.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def digest(self, evidence: str) -> str:
        """Return the SHA-256 of the document that has a file of evidence as Parquet; render it if none is kept.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        Unkept
            If the store is full.
        """
        return await self._digests.get(evidence, partial(self._find_or_render, evidence))

    async def _find_or_render(self, evidence: str) -> str:
        kept = await self._kept.find(evidence)
        if kept is None:
            data = await self._read(evidence)
            document = await asyncio.get_running_loop().run_in_executor(self._thread, _render, data)
            kept = await kept_if_there_is_room(document, self._kept.keep(evidence, document))
        return kept.digest


def _render(data: bytes) -> Document:
    rendered = evidence_as_parquet(read_table(data))
    return Document(rendered, sha256_hex(rendered))
