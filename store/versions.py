"""Stream versions: numbered from 1, written once, never changed.

The evidence and the documents of a version are written first, then its record, create-only: of several workers that
write the same number, the one that creates the record has made that version. A worker that dies before the record
leaves evidence and documents that nothing refers to. If one dies after the record, the next publisher writes the
pointer from the request to the version, so the same request never gets two versions (`store.numbering`).
`store.object_keys` has the layout.
"""

import asyncio
import json
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from concept_orderings.canonical import Json
from concept_orderings.errors import StoreError
from concept_orderings.evidence import EVIDENCE
from concept_orderings.evidence.tables import EvidenceFile
from concept_orderings.evidence.tie_orders import VERSION_OF_STREAM, read_order
from concept_orderings.progress import Report, silent
from concept_orderings.published import VersionDocuments
from concept_orderings.stream import ArrangedStream, Document
from concept_orderings.stream_warnings import StreamWarning, details, sentences
from concept_orderings.url_names import URL_NAME
from store import object_keys
from store.damage import is_damage, reading, unless_damaged, version_damaged
from store.documents import read_document, write_document
from store.evidence_files import KeptEvidence, entries, read_evidence, write_evidence
from store.numbering import READ_AT_ONCE, Numbering, chunks, pointed_number
from store.objects import Objects, at_once
from store.sealed import created_now, known_members, seal, unseal

_RECORD_FORMAT = 1


@dataclass(frozen=True)
class TaskEntry:
    """One task of a version.

    Attributes
    ----------
    concepts : int
        Number of concepts in it.
    digest : str
        SHA-256 of its document.
    samples : mapping
        Its training samples as the manifest has them, ``samples`` and where needed ``samples_exact``; empty if they
        are not known.
    """

    concepts: int
    digest: str
    samples: Mapping[str, Json] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class VersionRecord:
    """The record of a version: what can be said of it without reading its documents.

    Attributes
    ----------
    stream, version
        The stream's name, and the number of the version.
    request_digest : str
        SHA-256 of the canonical request that it was made for.
    ordering : str
        The kind of ordering.
    concepts : int
        Number of concepts.
    digest : str
        SHA-256 of the manifest: the digest of the version, since the manifest holds the digests of all other parts.
    order_digest : str
        SHA-256 of the FoMo-in-Flux export, the same for every version with this order.
    tasks : tuple of TaskEntry
    warnings : tuple of StreamWarning
        The manifest's. Release 0.1.0 stored sentences alone: they have the code ``unclassified``.
    created_at : str
        UTC, ISO 8601. Not part of the manifest, whose bytes depend on request and evidence alone.
    evidence : KeptEvidence or None
        The files of evidence; None for a version of a release that kept none.
    follows_indexed : bool
        Whether the requests of all earlier versions had their pointers when it was written; False for versions of
        release 0.1.0, which did not say so.
    """

    stream: str
    version: int
    request_digest: str
    ordering: str
    concepts: int
    digest: str
    order_digest: str
    tasks: tuple[TaskEntry, ...]
    warnings: tuple[StreamWarning, ...]
    created_at: str
    evidence: KeptEvidence | None = None
    follows_indexed: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """The SHA-256 of the manifest, the order, the tasks and the files of evidence."""
        return (self.digest, self.order_digest, *(each.digest for each in self.tasks), *self.evidence_digests)

    @property
    def evidence_digests(self) -> tuple[str, ...]:
        """The SHA-256 of the files of evidence."""
        return () if self.evidence is None else tuple(each.digest for each in self.evidence.files)

    @property
    def evidence_bytes(self) -> int:
        """The size of all files of evidence."""
        return 0 if self.evidence is None else sum(each.bytes for each in self.evidence.files)

    def to_bytes(self) -> bytes:
        """Return the record in the form in which it is stored, with its own digest."""
        body: dict[str, Json] = {
            "stream": self.stream,
            "version": self.version,
            "request_digest": self.request_digest,
            "ordering": self.ordering,
            "concepts": self.concepts,
            "digest": self.digest,
            "export_digest": self.order_digest,
            "tasks": [{"concepts": each.concepts, "digest": each.digest} for each in self.tasks],
            "warnings": sentences(self.warnings),
            "created_at": self.created_at,
        }
        added: dict[str, Json] = {"warning_details": details(self.warnings)}
        if self.evidence is not None:
            added["evidence"] = self.evidence.as_json()
        if any(each.samples for each in self.tasks):
            added["samples_of_tasks"] = [each.samples for each in self.tasks]
        if self.follows_indexed:
            added["follows_indexed"] = True
        return seal(body, record_format=_RECORD_FORMAT, added=added)

    @classmethod
    def from_bytes(cls, data: bytes) -> "VersionRecord":
        """Read a stored record.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is damaged or of another format.
        """
        fields = unseal(data, record_format=_RECORD_FORMAT)
        tasks = _task_entries(fields.pop("tasks"), fields.pop("samples_of_tasks", None))
        warnings = _warnings(fields)
        order_digest = fields.pop("export_digest")
        written = fields.pop("evidence", None)
        evidence = None if written is None else KeptEvidence.read(written)
        return cls(
            **known_members(cls, fields), order_digest=order_digest, tasks=tasks, warnings=warnings, evidence=evidence
        )


def _task_entries(tasks: Sequence[Mapping[str, Any]], samples: Sequence[Any] | None) -> tuple[TaskEntry, ...]:
    pairs = zip(tasks, [{}] * len(tasks) if samples is None else samples, strict=True)
    return tuple(TaskEntry(**{**known_members(TaskEntry, each), "samples": dict(own)}) for each, own in pairs)


def manifest_place(document: bytes) -> tuple[str, int] | None:
    """Return the stream and the number that a manifest names; None for any other document."""
    try:
        content = json.loads(document)
    except ValueError:
        return None
    if not isinstance(content, dict) or "request_digest" not in content:
        return None
    return content["name"], content["version"]


def _warnings(fields: dict[str, Any]) -> tuple[StreamWarning, ...]:
    """Take the warnings out of the fields of a record."""
    written, found = fields.pop("warnings"), fields.pop("warning_details", None)
    if found is None:
        return tuple(StreamWarning.unclassified(each) for each in written)
    return tuple(StreamWarning.read(each) for each in found)


class Versions:
    """All stream versions of a service.

    Parameters
    ----------
    objects
        The object store.
    blocking
        As of `store.objects.open_objects`.

    Attributes
    ----------
    found_damaged : set of str
        The SHA-256 of parts of versions that this object found damaged or missing when it read them last.
    """

    def __init__(self, objects: Objects, *, blocking: bool = False) -> None:
        self._objects = objects
        self.found_damaged: set[str] = set()
        self._call = at_once if blocking else asyncio.to_thread
        self._numbering = Numbering(objects, self.record)

    async def streams(self) -> list[str]:
        """Return the names of all streams, sorted."""
        return [name for name in await self._objects.names(object_keys.STREAMS) if URL_NAME.fullmatch(name)]

    async def numbers(self, stream: str) -> list[int]:
        """Return the version numbers of a stream, ascending; empty if there is no such stream."""
        return await self._numbering.every(stream)

    async def latest(self, stream: str) -> int | None:
        """Return the number of the newest version of a stream, or None; see `Numbering.latest`."""
        return await self._numbering.latest(stream)

    async def page(self, stream: str, *, after: int, most: int) -> list[int]:
        """Return the first numbers of versions that are larger than `after`; see `Numbering.page`."""
        return await self._numbering.page(stream, after=after, most=most)

    async def record(self, stream: str, version: int) -> VersionRecord | None:
        """Return the record of a version, or None if there is none.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        data = await self._objects.get(object_keys.version_record(stream, version))
        if data is None:
            return None
        what = f"the record of {stream} version {version}"
        with reading(what, version_damaged):
            record = VersionRecord.from_bytes(data)
        if (record.stream, record.version) != (stream, version):
            raise version_damaged(f"{what} is that of {record.stream} version {record.version}")
        return record

    async def exists(self, stream: str, version: int) -> bool:
        """Return whether a version has a record, also a damaged one.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        return await self._objects.get(object_keys.version_record(stream, version)) is not None

    async def of_digest(self, digest: str) -> list[VersionRecord]:
        """Return the records of the versions whose digest begins with these digits, at least two.

        The documents of that name are read; most are one manifest.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        names = await self._objects.names(object_keys.documents(digest))
        found = []
        for name in (each for each in names if each.startswith(digest)):
            place = manifest_place(await self.document(name))
            record = await self.record(*place) if place is not None else None
            if record is not None and record.digest == name:
                found.append(record)
        return found

    async def document(self, digest: str) -> bytes:
        """Return a document of a version, checked against its digest.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        return await self._noting(digest, read_document(self._objects, digest))

    async def evidence(self, digest: str) -> bytes:
        """Return a file of evidence, checked against its digest.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        return await self._noting(digest, read_evidence(self._objects, digest))

    async def damaged_of(self, digests: Iterable[str]) -> set[str]:
        """Read parts of versions, documents or files of evidence; return those that are damaged or missing.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        for chunk in chunks(sorted(digests), READ_AT_ONCE):
            await asyncio.gather(*(unless_damaged(self._part(each)) for each in chunk))
        return self.found_damaged.intersection(digests)

    async def _part(self, digest: str) -> None:
        """Read a part of a version, which is a document unless it is a file of evidence."""
        if await unless_damaged(read_document(self._objects, digest)) is None:
            await self.evidence(digest)
        self.found_damaged.discard(digest)

    async def _noting(self, digest: str, reading: Coroutine[Any, Any, bytes]) -> bytes:
        try:
            data = await reading
        except StoreError as error:
            if is_damage(error):
                self.found_damaged.add(digest)
            raise
        self.found_damaged.discard(digest)
        return data

    async def order(self, reference: str) -> tuple[str, ...] | None:
        """Return an order in the store, or None if there is none.

        Parameters
        ----------
        reference
            A version, NAME@VERSION, or the SHA-256 of an order as the FoMo-in-Flux code reads it.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        digest = reference
        if named := VERSION_OF_STREAM.fullmatch(reference):
            record = await self.record(named[1], int(named[2]))
            if record is None:
                return None
            digest = record.order_digest
        elif await self._objects.get(object_keys.document(digest)) is None:
            return None
        # In a thread: it takes a second for a million concepts.
        return await asyncio.to_thread(read_order, await self.document(digest))

    async def store_document(self, document: Document) -> None:
        """Store a document that no version refers to yet, under its digest.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        await write_document(self._objects, document)

    async def documents(self, record: VersionRecord) -> VersionDocuments:
        """Return the manifest and the tasks of a version, each checked against its digest.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        tasks: list[bytes] = []
        for chunk in chunks(record.tasks, READ_AT_ONCE):
            tasks += await asyncio.gather(*(self.document(each.digest) for each in chunk))
        return VersionDocuments(await self.document(record.digest), tuple(tasks))

    async def find(self, stream: str, request_digest: str) -> VersionRecord | None:
        """Return the record of the version that a request already has, or None.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        pointer = await self._objects.get(object_keys.request_pointer(stream, request_digest))
        if pointer is None:
            return None
        with reading(f"the number of the version of {stream} for the request {request_digest}", version_damaged):
            version = pointed_number(pointer)
        record = await self.record(stream, version)
        if record is None or record.request_digest != request_digest:
            raise version_damaged(
                f"version {version} of {stream} is missing, or was not made for the request {request_digest}"
            )
        return record

    async def find_whole(self, stream: str, request_digest: str, *, thorough: bool) -> VersionRecord | None:
        """Return the record of the version that a request already has; None if there is none, or a damaged one.

        Parameters
        ----------
        stream, request_digest
            As `find` takes them.
        thorough
            Whether all parts of the version are read. If not, these are only those that were found damaged before.

        Raises
        ------
        StoreError
            ``version_damaged`` if the record or the pointer is damaged or missing; ``store_unavailable``.
        """
        record = await self.find(stream, request_digest)
        if record is None or (not thorough and self.found_damaged.isdisjoint(record.parts)):
            return record
        parts = record.parts if thorough else self.found_damaged.intersection(record.parts)
        return None if await self.damaged_of(parts) else record

    async def publish(self, arranged: ArrangedStream, *, report: Report = silent) -> VersionRecord:
        """Store a stream as its next version, or return the version that its request already has, mended if needed.

        It may be called for one request any number of times, also concurrently and after a crash at any step.

        Parameters
        ----------
        arranged
            The stream.
        report
            Called with the number of tasks written and of all tasks. If it raises, documents are left that belong to
            no version.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        stream = arranged.request.name
        taken = await self._numbering.last_taken(stream)
        # After that, because all versions up to that number have their pointers only now.
        if (found := await self.find(stream, arranged.request.digest)) is not None:
            await self._mend(found, arranged)
            return found
        record = await self._create(arranged, taken + 1, report)
        await self._numbering.index(stream, record)
        await self._numbering.created(stream, record.version)
        return record

    async def _mend(self, record: VersionRecord, arranged: ArrangedStream) -> None:
        """Write the parts of a version that are damaged or missing, if its request gives the same bytes again.

        Raises
        ------
        StoreError
            ``version_damaged`` if it gives others, such as when a source has changed.
        """
        damaged = await self.damaged_of(record.parts)
        if not damaged:
            return
        tasks, export, manifest = await self._call(arranged.documents, record.version)
        for file in await self._call(_evidence_files, arranged):
            if file.digest in damaged:
                await write_evidence(self._objects, file)
        for document in (*tasks, export, manifest):
            if document.digest in damaged:
                await write_document(self._objects, document)
        if left := await self.damaged_of(damaged):
            raise version_damaged(
                f"{len(left)} parts of {record.stream} version {record.version}; by now, its request gives others"
            )

    async def _create(self, arranged: ArrangedStream, version: int, report: Report) -> VersionRecord:
        """Create the version with this number, or with the next one that is free.

        A number that another publisher takes meanwhile is read: it may be that of the same request. The pointers of
        others are written here, because their publishers may have died before they did it.
        """
        stream = arranged.request.name
        while True:
            record = await self._write_documents(arranged, version, report)
            if await self._objects.create(object_keys.version_record(stream, version), record.to_bytes()):
                return record
            # A damaged record is passed by: new versions of the stream go on.
            taken = await unless_damaged(self.record(stream, version))
            if taken is not None and taken.request_digest == arranged.request.digest:
                return taken
            if taken is not None:
                await self._numbering.index(stream, taken)
                await self._remove_parts(record, taken)
            version += 1

    async def _remove_parts(self, lost: VersionRecord, taken: VersionRecord) -> None:
        """Remove the tasks and the manifest of a version whose number another one took.

        They name the stream and the number, so no version can have them any more. A store that does not remove them
        keeps them, and nothing refers to them.
        """
        with suppress(StoreError):
            for digest in {lost.digest, *(each.digest for each in lost.tasks)}.difference(taken.parts):
                await self._objects.remove(object_keys.document(digest))

    async def _write_documents(self, arranged: ArrangedStream, version: int, report: Report) -> VersionRecord:
        # In threads: both take seconds for a million concepts.
        evidence = await self._call(_evidence_files, arranged)
        tasks, export, manifest = await self._call(arranged.documents, version)
        for file in evidence:
            report(0, len(tasks))
            await write_evidence(self._objects, file)
        for done, task in enumerate(tasks):
            report(done, len(tasks))
            await write_document(self._objects, task)
        report(len(tasks), len(tasks))
        await write_document(self._objects, export)
        await write_document(self._objects, manifest)
        parts = zip(arranged.sizes, tasks, arranged.samples_of_tasks, strict=True)
        return VersionRecord(
            stream=arranged.request.name,
            version=version,
            request_digest=arranged.request.digest,
            ordering=arranged.request.ordering.kind,
            concepts=len(arranged.request.concepts),
            digest=manifest.digest,
            order_digest=export.digest,
            tasks=tuple(TaskEntry(size, task.digest, samples) for size, task, samples in parts),
            warnings=tuple(arranged.warnings()),
            created_at=created_now(),
            evidence=_kept_evidence(arranged),
            follows_indexed=True,
        )


def _evidence_files(arranged: ArrangedStream) -> list[EvidenceFile]:
    files = [*arranged.evidence_files, *arranged.files_beside]
    # A file computes its digest when it is first read, which takes a second for 256 MB.
    return sorted(files, key=lambda each: each.digest)


def _kept_evidence(arranged: ArrangedStream) -> KeptEvidence:
    return KeptEvidence(
        files=(
            *entries(arranged.evidence_files, in_manifest=True),
            *entries(arranged.files_beside, in_manifest=False),
        ),
        left_out=tuple(EVIDENCE[need].published_as for need in arranged.evidence_left_out),
    )
