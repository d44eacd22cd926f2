"""Exports of versions: each is rendered once, kept in the store, and served from there."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from app.results import Results
from app.unkept import kept_if_there_is_room
from concept_orderings.canonical import sha256_hex
from concept_orderings.exporters import Exporter
from concept_orderings.labels import Labels
from concept_orderings.published import PublishedVersion, VersionDocuments
from concept_orderings.stream import Document
from store.exports import KeptExport, KeptExports
from store.labels import StoredLabels
from store.versions import VersionRecord, Versions

_MOST_RENDERING = 2
_CACHED_RECORDS = 10_000


class UnknownLabels(Exception):
    """There are no labels of a digest, which is the exception's argument."""


class _Key(NamedTuple):
    """The key of a rendering in the store."""

    version_digest: str
    exporter: str
    exporter_version: int
    labels: str | None


class Exports:
    """The exports of a service.

    Rendering a version of a million concepts takes seconds and hundreds of megabytes. It runs off the event loop, for
    at most `_MOST_RENDERING` versions at once, and once for all clients that request the same export.
    """

    def __init__(self, versions: Versions, kept: KeptExports, labels: StoredLabels, *, public_url: str) -> None:
        self._versions = versions
        self._kept = kept
        self._labels = labels
        self._public_url = public_url
        self._records: Results[_Key, KeptExport | None] = Results(_CACHED_RECORDS)
        self._threads = ThreadPoolExecutor(_MOST_RENDERING, thread_name_prefix="export")
        self._slots = asyncio.Semaphore(_MOST_RENDERING)

    async def close(self) -> None:
        """Stop; a rendering that has not ended is not kept."""
        await self._records.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def get(
        self, record: VersionRecord, exporter: Exporter, exporter_version: int, labels: str | None
    ) -> KeptExport | None:
        """Return the rendering of a version by an exporter at one of its versions, with the labels of a digest.

        Without a digest, the labels of a format that has any are the catalogue's. These are stored too, so that clients
        can fetch what the rendering names.

        If none is kept, and `exporter_version` is the exporter's present version, it is rendered and kept. For any
        other version, the result is then None.

        Raises
        ------
        InvalidInput
            If the format cannot express the version, or the labels do not fit it.
        UnknownLabels
            If there are no labels of this digest.
        StoreError
            ``version_damaged``, ``labels_damaged`` or ``store_unavailable``.
        Unkept
            If the store is full.
        """
        key = _Key(record.digest, exporter.name, exporter_version, labels)
        return await self._records.get(key, partial(self._find_or_render, record, exporter, key))

    async def _find_or_render(self, record: VersionRecord, exporter: Exporter, key: _Key) -> KeptExport | None:
        kept = await self._kept.find(record, exporter, key.exporter_version, key.labels)
        if kept is not None or key.exporter_version != exporter.version:
            return kept
        labels = None if key.labels is None else await self._labels.find(key.labels)
        if labels is None and key.labels is not None:
            raise UnknownLabels(key.labels)
        async with self._slots:
            documents = await self._versions.documents(record)
            day = record.created_at[: len("2026-01-31")]
            evidence = await self._evidence(record) if exporter.has_evidence else {}
            given = _Given(documents, labels, evidence, published_on=day, public_url=self._public_url)
            rendering, used = await asyncio.get_running_loop().run_in_executor(self._threads, _render, exporter, given)
        if used is not None:
            await kept_if_there_is_room(rendering, self._labels.keep(used))
        return await kept_if_there_is_room(rendering, self._kept.keep(record, exporter, rendering, key.labels))

    async def _evidence(self, record: VersionRecord) -> Mapping[str, bytes]:
        """Return the files of evidence that the manifest of a version lists, by kind."""
        listed = [each for each in record.evidence.files if each.in_manifest] if record.evidence is not None else []
        return {each.kind: await self._versions.evidence(each.digest) for each in listed}


class _Given(NamedTuple):
    """What a rendering is made from, and the labels that a client gave."""

    documents: VersionDocuments
    labels: Labels | None
    evidence: Mapping[str, bytes]
    published_on: str
    public_url: str


def _render(exporter: Exporter, given: _Given) -> tuple[Document, Labels | None]:
    """Return the rendering, and its labels if it has any."""
    version = replace(
        PublishedVersion.from_documents(given.documents),
        labels=given.labels,
        evidence=lambda: given.evidence,
        published_on=given.published_on,
        public_url=given.public_url,
    )
    data = exporter.render(version)
    used = version.labelled.labels if exporter.has_labels else None
    return Document(data, sha256_hex(data)), used
