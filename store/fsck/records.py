"""The small objects of a store, all but documents and the like, and what they refer to."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from concept_orderings.errors import StoreError
from store import object_keys
from store.counts_files import CountsFile
from store.damage import reading, version_damaged
from store.evidence_renderings import EvidenceRendering
from store.exports import KeptExport
from store.fsck.findings import BACKUP, MADE_AGAIN, RENDERED_AGAIN, Finding, State
from store.newest import read_hint
from store.numbering import pointed_number
from store.object_keys import Kind, Place, place_of
from store.scores_files import ScoresFile
from store.sealed import unseal
from store.tombstones import read_tombstone
from store.versions import VersionRecord, manifest_place

_DESCRIPTION_FORMAT = 1
_DIGEST_LENGTH = 64


class Records:
    """What the records of a store say.

    Attributes
    ----------
    damaged : list of Finding
        Those that cannot be read.
    referred : dict of str to list of str
        What refers to an object, by its key.
    renderings : dict of str to set of str
        The keys of the records of renderings that refer to a document, by the document's key.
    versions : dict
        The record of each version by stream and number; None if it cannot be read.
    mentioned : set of str
        SHA-256 digests that manifests name, whatever these are of.
    pointers : dict
        The number that each request has, by stream and SHA-256 of the request; None if it cannot be read.
    """

    def __init__(self) -> None:
        self.damaged: list[Finding] = []
        self.referred: dict[str, list[str]] = defaultdict(list)
        self.renderings: dict[str, set[str]] = defaultdict(set)
        self.versions: dict[tuple[str, int], VersionRecord | None] = {}
        self.pointers: dict[tuple[str, str], int | None] = {}
        self._rendered: dict[str, tuple[str, int, str]] = {}
        self._hinted: dict[str, int] = {}
        self._manifests: dict[str, tuple[tuple[str, int], set[str]]] = {}
        self.mentioned: set[str] = set()
        self._gone: dict[str, set[int]] = defaultdict(set)
        self._readers: Mapping[Kind, Callable[[str, Place, bytes], None]] = {
            Kind.RECORD: self._read_version,
            Kind.POINTER: self._read_pointer,
            Kind.HINT: self._read_hint,
            Kind.TOMBSTONE: self._read_tombstone,
            Kind.EXPORT: self._read_export,
            Kind.DESCRIPTION: self._read_description,
            Kind.RENDERING: self._read_rendering,
            Kind.COUNTS_FILE: self._read_counts_file,
            Kind.SCORES_FILE: self._read_scores_file,
            # What they refer to was deleted.
            Kind.DELETED_COUNTS_FILE: lambda _key, _place, data: _ignore(CountsFile.from_bytes(data)),
            Kind.DELETED_SCORES_FILE: lambda _key, _place, data: _ignore(ScoresFile.from_bytes(data)),
        }

    def add(self, key: str, place: Place, data: bytes) -> None:
        """Read an object that is not named by its SHA-256."""
        read = self._readers.get(place.kind)
        if read is None:
            return
        try:
            with reading(f"{place.kind}", version_damaged):
                read(key, place, data)
        except StoreError:
            what = f"{place.kind}{self._of(place)}"
            self.damaged.append(Finding(key, State.DAMAGED, what, _REMEDIES.get(place.kind, BACKUP)))
            if place.kind is Kind.RECORD:
                self.versions[place.name, place.number] = None
            if place.kind is Kind.POINTER:
                self.pointers[place.name, place.digest] = None

    def add_manifest(self, key: str, document: bytes) -> None:
        """Note the number in a manifest that no record refers to, and what it names; other documents are ignored."""
        if (place := manifest_place(document)) is not None:
            self._manifests[key] = (place, digests_in(document))

    def refer_to_orphans(self) -> None:
        """Refer to the parts of versions whose record is damaged or missing, as far as their manifests name them."""
        lost = self._lost_numbers() | {place for place, record in self.versions.items() if record is None}
        for key, ((stream, number), named) in self._manifests.items():
            if (stream, number) in lost:
                self._refer(key, f"the manifest of {stream} version {number}, whose record is damaged or missing")
                self.mentioned |= named

    @property
    def are_incomplete(self) -> bool:
        """Whether a record of a version or of an uploaded file is damaged or missing."""
        kinds = (Kind.RECORD, Kind.COUNTS_FILE, Kind.SCORES_FILE)
        places = (place_of(each.key) for each in self.damaged)
        return any(each is not None and each.kind in kinds for each in places) or bool(self._lost_numbers())

    def inconsistencies(self) -> Iterable[Finding]:
        """Yield what is wrong between records: numbers without a record, requests without a pointer."""
        for (stream, digest), record in self._by_request().items():
            key = object_keys.request_pointer(stream, digest)
            what = f"{Kind.POINTER}, {stream} version {record.version}"
            if (stream, digest) not in self.pointers:
                yield Finding(key, State.MISSING, what, MADE_AGAIN)
            elif (number := self.pointers[stream, digest]) is not None and not self._leads(stream, number, digest):
                yield Finding(key, State.DAMAGED, f"{what}; it says {number}", MADE_AGAIN)
        yield from self._lost_versions()
        for key, (stream, number, digest) in self._rendered.items():
            version = self.versions.get((stream, number))
            if (stream, number) not in self.versions or (version is not None and version.digest != digest):
                what = f"an export of {stream} version {number}, which does not exist with this content"
                yield Finding(key, State.UNREFERRED, what, "It can be deleted.")

    def numbers(self) -> dict[str, tuple[int, int]]:
        """Return the newest version of each stream, 0 if there is none, and the largest number that was ever tried."""
        tried = _by_stream(place for place, _ in self._manifests.values())
        return {
            stream: (newest, max([taken, *tried[stream]])) for stream, (newest, taken) in self._taken(tried).items()
        }

    def _taken(self, streams: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Return the newest version of each stream, and the largest number that a version has or had."""
        there, pointed = _by_stream(self.versions), _by_stream(self._pointed())
        rendered = _by_stream((stream, number) for stream, number, _ in self._rendered.values())
        found: dict[str, tuple[int, int]] = {}
        known = (there, pointed, rendered, self._hinted, self._gone, streams)
        for stream in {name for each in known for name in each}:
            newest = max(there[stream], default=0)
            # A damaged pointer may name any number.
            near = {each for each in pointed[stream] if each <= newest + len(pointed[stream])}
            others = [*near, *rendered[stream], *self._gone[stream], self._hinted.get(stream, 0)]
            found[stream] = newest, max([newest, *others])
        return found

    def _by_request(self) -> dict[tuple[str, str], VersionRecord]:
        return {(each.stream, each.request_digest): each for each in self.versions.values() if each is not None}

    def _pointed(self) -> Iterable[tuple[str, int]]:
        """Yield the numbers of requests without a record; the pointer of another may be damaged."""
        known = self._by_request()
        for (stream, digest), number in self.pointers.items():
            if number is not None and (stream, digest) not in known:
                yield stream, number

    def _lost_versions(self) -> Iterable[Finding]:
        pointed = _by_stream(self._pointed())
        for stream, number in self._lost_numbers():
            key = object_keys.version_record(stream, number)
            what = f"{Kind.RECORD}, {stream} version {number}"
            if number in pointed[stream]:
                what += ", which a request has"
            yield Finding(key, State.MISSING, what, f"{BACKUP} Its number is not used again.")

    def _lost_numbers(self) -> set[tuple[str, int]]:
        there = _by_stream(self.versions)
        return {
            (stream, number)
            for stream, (_, taken) in self._taken(()).items()
            for number in set(range(1, taken + 1)) - there[stream] - self._gone[stream]
        }

    def _leads(self, stream: str, number: int, digest: str) -> bool:
        """Return whether a version is that of a request."""
        version = self.versions.get((stream, number))
        return version is not None and version.request_digest == digest

    def _of(self, place: Place) -> str:
        if place.kind in (Kind.RECORD, Kind.EXPORT):
            return f", {place.name} version {place.number}"
        return f" of {place.name}" if place.name else ""

    def _refer(self, key: str, what: str) -> None:
        self.referred[key].append(what)

    def _read_version(self, key: str, place: Place, data: bytes) -> None:
        record = VersionRecord.from_bytes(data)
        if (record.stream, record.version) != (place.name, place.number):
            raise ValueError(f"it is that of {record.stream} version {record.version}")
        self.versions[place.name, place.number] = record
        of = f"of {record.stream} version {record.version}"
        self._refer(object_keys.document(record.digest), f"the manifest {of}")
        self._refer(object_keys.document(record.order_digest), f"the order {of}")
        for number, task in enumerate(record.tasks):
            self._refer(object_keys.document(task.digest), f"task {number} {of}")
        for entry in record.evidence.files if record.evidence is not None else ():
            self._refer(object_keys.evidence(entry.digest), f"the {entry.kind} {of}")

    def _read_pointer(self, key: str, place: Place, data: bytes) -> None:
        self.pointers[place.name, place.digest] = pointed_number(data)

    def _read_hint(self, key: str, place: Place, data: bytes) -> None:
        hint = read_hint(data)
        if hint is None:
            raise ValueError("its digest does not match")
        self._hinted[place.name] = max(hint.latest, hint.taken or 0)

    def _read_tombstone(self, key: str, place: Place, data: bytes) -> None:
        self._gone[place.name] |= set(range(read_tombstone(data), place.number + 1))

    def _read_export(self, key: str, place: Place, data: bytes) -> None:
        export = KeptExport.from_bytes(data)
        labels, number = export.labels, place.number
        if key != object_keys.export_record(place.name, number, export.exporter, export.exporter_version, labels):
            raise ValueError("it is that of another export")
        self._rendered[key] = (place.name, number, export.version_digest)
        document = object_keys.document(export.digest)
        self._refer(document, f"the export {export.exporter} of {place.name} version {number}")
        self.renderings[document].add(key)
        if labels is not None:
            self._refer(object_keys.labels(labels), f"the labels of an export of {place.name} version {number}")

    def _read_description(self, key: str, place: Place, data: bytes) -> None:
        str(unseal(data, record_format=_DESCRIPTION_FORMAT)["description"])

    def _read_rendering(self, key: str, place: Place, data: bytes) -> None:
        rendering = EvidenceRendering.from_bytes(data)
        if key != object_keys.evidence_rendering(rendering.evidence, rendering.form, rendering.form_version):
            raise ValueError("it is that of another rendering")
        document = object_keys.document(rendering.digest)
        self._refer(document, f"the evidence {rendering.evidence[:12]} as {rendering.form}")
        self.renderings[document].add(key)

    def _read_counts_file(self, key: str, place: Place, data: bytes) -> None:
        self._refer(object_keys.counts(CountsFile.from_bytes(data).digest), f"the counts of {place.name}")

    def _read_scores_file(self, key: str, place: Place, data: bytes) -> None:
        self._refer(object_keys.scores(ScoresFile.from_bytes(data).digest), f"the scores of {place.name}")


def _ignore(record: object) -> None:
    """Take a record that was read only to see whether it is damaged."""


_REMEDIES = {
    Kind.POINTER: MADE_AGAIN,
    Kind.HINT: MADE_AGAIN,
    Kind.EXPORT: RENDERED_AGAIN,
    Kind.RENDERING: RENDERED_AGAIN,
    Kind.DESCRIPTION: "Delete it, or post a description again.",
}


def _by_stream(numbers: Iterable[tuple[str, int]]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for stream, number in numbers:
        found[stream].add(number)
    return found


def digests_in(manifest: bytes) -> set[str]:
    """Return the SHA-256 digests that a manifest names anywhere, such as that of the order that breaks ties."""
    found: set[str] = set()
    left = [json.loads(manifest)]
    while left:
        match left.pop():
            case dict() as members:
                left += members.values()
            case list() as items:
                left += items
            case str() as text if len(text) == _DIGEST_LENGTH:
                found.add(text)
    return found
