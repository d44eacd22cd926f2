"""Exports of versions: each is rendered once, kept in the store, and served from there."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from cachetools import LRUCache

from app.single_flight import SingleFlight
from concept_orderings.canonical import sha256_hex
from concept_orderings.exporters import Exporter
from concept_orderings.published import PublishedVersion, VersionDocuments
from concept_orderings.stream import Document
from store.exports import KeptExport, KeptExports
from store.versions import VersionRecord, Versions

_MOST_RENDERING = 2
_CACHED_RECORDS = 10_000


class _Key(NamedTuple):
    """The key of a rendering in the store."""

    version_digest: str
    exporter: str
    exporter_version: int


class Exports:
    """The exports of a service.

    Rendering a version of a million concepts takes seconds and hundreds of megabytes. It runs off the event loop, for
    at most `_MOST_RENDERING` versions at once, and once for all clients that request the same export.
    """

    def __init__(self, versions: Versions, kept: KeptExports) -> None:
        self._versions = versions
        self._kept = kept
        self._records: LRUCache[_Key, KeptExport] = LRUCache(_CACHED_RECORDS)
        self._searches: SingleFlight[_Key, KeptExport | None] = SingleFlight()
        self._threads = ThreadPoolExecutor(_MOST_RENDERING, thread_name_prefix="export")
        self._slots = asyncio.Semaphore(_MOST_RENDERING)

    async def close(self) -> None:
        """Stop; a rendering that has not ended is not kept."""
        await self._searches.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def get(self, record: VersionRecord, exporter: Exporter, exporter_version: int) -> KeptExport | None:
        """Return the rendering of a version by an exporter at one of its versions.

        If none is kept, and `exporter_version` is the exporter's present version, it is rendered and kept. For any
        other version, the result is then None.

        Raises
        ------
        InvalidInput
            If the format cannot express the version.
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        key = _Key(record.digest, exporter.name, exporter_version)
        known: KeptExport | None = self._records.get(key)
        if known is not None:
            return known
        kept = await self._searches.run(key, partial(self._find_or_render, record, exporter, exporter_version))
        if kept is not None:
            self._records[key] = kept
        return kept

    async def _find_or_render(
        self, record: VersionRecord, exporter: Exporter, exporter_version: int
    ) -> KeptExport | None:
        kept = await self._kept.find(record, exporter, exporter_version)
        if kept is not None or exporter_version != exporter.version:
            return kept
        async with self._slots:
            documents = await self._versions.documents(record)
            loop = asyncio.get_running_loop()
            rendering = await loop.run_in_executor(self._threads, _render, exporter, documents)
        return await self._kept.keep(record, exporter, rendering)


def _render(exporter: Exporter, documents: VersionDocuments) -> Document:
    data = exporter.render(PublishedVersion.from_documents(documents))
    return Document(data, sha256_hex(data))
