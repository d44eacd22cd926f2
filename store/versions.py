"""Stream versions: numbered from 1, written once, never changed.

Layout of the object store::

    streams/NAME/versions/00000001.json   the record of a version; it exists if and only if the version does
    streams/NAME/requests/DIGEST.json     which version a request got
    documents/AB/ABCD…                    manifests, tasks and FoMo-in-Flux exports, named by their SHA-256

Documents are written first, the record last and create-only: whoever creates the record of a number owns it. A worker
that dies before the record leaves documents that nothing refers to; one that dies after it is found by its request
when the job is tried again, so the same request never gets two versions.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from concept_orderings.canonical import Json, canonical_json
from concept_orderings.names import NAME
from concept_orderings.progress import Report, silent
from concept_orderings.published import VersionDocuments
from concept_orderings.stream import ArrangedStream
from store.documents import read_document, version_damaged, write_document
from store.objects import Objects
from store.sealed import seal, unseal

_RECORD_FORMAT = 1
_READ_AT_ONCE = 32
_RECORD_NAME = re.compile(r"[0-9]{8,}\.json")

_Entry = TypeVar("_Entry")


@dataclass(frozen=True)
class TaskEntry:
    """One task of a version.

    Attributes
    ----------
    concepts : int
        How many it has.
    digest : str
        SHA-256 of its document.
    """

    concepts: int
    digest: str


@dataclass(frozen=True, kw_only=True)
class VersionRecord:
    """What is known of a version without reading its documents.

    Attributes
    ----------
    stream, version
        Its name and number.
    request_digest : str
        SHA-256 of the canonical request that it answers.
    ordering : str
        The kind of ordering.
    concepts : int
    digest : str
        SHA-256 of the manifest: the digest of the version, since the manifest holds those of all other parts.
    export_digest : str
        SHA-256 of the FoMo-in-Flux export, the same for every version with this order.
    tasks : tuple of TaskEntry
    warnings : tuple of str
        The manifest's.
    created_at : str
        UTC, ISO 8601. Not part of the manifest, whose bytes depend on request and evidence alone.
    """

    stream: str
    version: int
    request_digest: str
    ordering: str
    concepts: int
    digest: str
    export_digest: str
    tasks: tuple[TaskEntry, ...]
    warnings: tuple[str, ...]
    created_at: str

    def to_bytes(self) -> bytes:
        """Return the record as it is stored, with a digest of its own."""
        body: dict[str, Json] = {
            "stream": self.stream,
            "version": self.version,
            "request_digest": self.request_digest,
            "ordering": self.ordering,
            "concepts": self.concepts,
            "digest": self.digest,
            "export_digest": self.export_digest,
            "tasks": [{"concepts": each.concepts, "digest": each.digest} for each in self.tasks],
            "warnings": self.warnings,
            "created_at": self.created_at,
        }
        return seal(body, record_format=_RECORD_FORMAT)

    @classmethod
    def from_bytes(cls, data: bytes) -> "VersionRecord":
        """Read a stored record.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is damaged or of another format.
        """
        fields = unseal(data, record_format=_RECORD_FORMAT)
        tasks = tuple(TaskEntry(**each) for each in fields.pop("tasks"))
        warnings = tuple(fields.pop("warnings"))
        return cls(**fields, tasks=tasks, warnings=warnings)


class Versions:
    """All stream versions of a service."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def streams(self) -> list[str]:
        """Return the names of all streams, sorted."""
        return [name for name in await self._objects.names("streams") if NAME.fullmatch(name)]

    async def numbers(self, stream: str) -> list[int]:
        """Return the version numbers of a stream, ascending; empty if there is no such stream."""
        names = await self._objects.names(f"streams/{stream}/versions")
        return [int(name.removesuffix(".json")) for name in names if _RECORD_NAME.fullmatch(name)]

    async def record(self, stream: str, version: int) -> VersionRecord | None:
        """Return the record of a version, or None if there is none.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        data = await self._objects.get(_record_key(stream, version))
        if data is None:
            return None
        try:
            record = VersionRecord.from_bytes(data)
        except (ValueError, KeyError, TypeError) as error:
            raise version_damaged(f"the record of {stream} version {version} cannot be read: {error}") from error
        if (record.stream, record.version) != (stream, version):
            raise version_damaged(
                f"the record of {stream} version {version} is that of {record.stream} {record.version}"
            )
        return record

    async def document(self, digest: str) -> bytes:
        """Return a document of a version, checked against its digest.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        return await read_document(self._objects, digest)

    async def documents(self, record: VersionRecord) -> VersionDocuments:
        """Return the manifest and the tasks of a version, each checked against its digest.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        tasks: list[bytes] = []
        for some in _chunks(record.tasks, _READ_AT_ONCE):
            tasks += await asyncio.gather(*(self.document(each.digest) for each in some))
        return VersionDocuments(await self.document(record.digest), tuple(tasks))

    async def find(self, stream: str, request_digest: str) -> VersionRecord | None:
        """Return the version that a request already has, or None.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        pointer = await self._objects.get(_request_key(stream, request_digest))
        if pointer is None:
            return None
        try:
            version = int(json.loads(pointer)["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise version_damaged(
                f"which version of {stream} answers {request_digest} cannot be read: {error}"
            ) from error
        record = await self.record(stream, version)
        if record is None or record.request_digest != request_digest:
            raise version_damaged(
                f"version {version} of {stream} is missing or not the one that answers {request_digest}"
            )
        return record

    async def publish(self, arranged: ArrangedStream, *, report: Report = silent) -> VersionRecord:
        """Store a stream as its next version, or return the version that its request already has.

        Safe to call for one request any number of times, at once and after a crash anywhere in between.

        Parameters
        ----------
        arranged
            The stream.
        report
            Called with the tasks written of all tasks; what it raises leaves documents that no version has.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        stream, request_digest = arranged.request.name, arranged.request.digest
        record = await self.find(stream, request_digest) or await self._find_unindexed_or_create(arranged, report)
        pointer = canonical_json({"version": record.version})
        await self._objects.create(_request_key(stream, request_digest), pointer)
        return record

    async def _find_unindexed_or_create(self, arranged: ArrangedStream, report: Report) -> VersionRecord:
        """Find a version whose writer died before it could say which request it answers, else create the next.

        The numbers are listed once: of what appears later, every version is in the way of the new one and is looked
        at then. With a second list, another publisher of the same request could slip in between.
        """
        stream, request_digest = arranged.request.name, arranged.request.digest
        numbers = await self.numbers(stream)
        for some in _chunks(numbers, _READ_AT_ONCE):
            for existing in await asyncio.gather(*(self.record(stream, version) for version in some)):
                if existing is not None and existing.request_digest == request_digest:
                    return existing
        version = max(numbers, default=0) + 1
        while True:
            record = await self._write_documents(arranged, version, report)
            if await self._objects.create(_record_key(stream, version), record.to_bytes()):
                return record
            taken = await self.record(stream, version)
            if taken is not None and taken.request_digest == request_digest:
                return taken
            version += 1

    async def _write_documents(self, arranged: ArrangedStream, version: int, report: Report) -> VersionRecord:
        # Seconds of work for a million concepts: not on the event loop.
        tasks, export, manifest = await asyncio.to_thread(arranged.documents, version)
        for done, task in enumerate(tasks):
            report(done, len(tasks))
            await write_document(self._objects, task)
        report(len(tasks), len(tasks))
        await write_document(self._objects, export)
        await write_document(self._objects, manifest)
        sizes = zip(arranged.sizes, tasks, strict=True)
        return VersionRecord(
            stream=arranged.request.name,
            version=version,
            request_digest=arranged.request.digest,
            ordering=arranged.request.ordering.kind,
            concepts=len(arranged.request.concepts),
            digest=manifest.digest,
            export_digest=export.digest,
            tasks=tuple(TaskEntry(size, task.digest) for size, task in sizes),
            warnings=tuple(arranged.warnings()),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def _chunks(entries: Sequence[_Entry], size: int) -> Iterator[Sequence[_Entry]]:
    return (entries[first : first + size] for first in range(0, len(entries), size))


def _record_key(stream: str, version: int) -> str:
    return f"streams/{stream}/versions/{version:08d}.json"


def _request_key(stream: str, request_digest: str) -> str:
    return f"streams/{stream}/requests/{request_digest}.json"
