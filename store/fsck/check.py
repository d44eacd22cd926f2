"""The check of a store: records first, then everything that is named by its SHA-256."""

import asyncio
import time
from collections.abc import Sequence

from concept_orderings.canonical import sha256_hex
from concept_orderings.progress import Report, silent
from store import object_keys
from store.fsck.findings import BACKUP, BACKUP_OR_CLIENT, LEFT_OVER, PERHAPS_NEEDED, Finding, State
from store.fsck.records import Records, digests_in
from store.numbering import READ_AT_ONCE, chunks
from store.object_keys import CONTENTS, Kind, Place, place_of
from store.objects import Entry, WholeStore

_LARGE_AT_ONCE = 2
_SMALL_BYTES = 100_000
BEING_WRITTEN_SECONDS = 10.0
"""How old an object must be before it is called unreferred: the version that refers to it is written last."""
_LOOK_AGAIN_SECONDS = 0.2

_MOST_NAMED = 3


class Check:
    """A check of all objects of a store; versions may be published meanwhile.

    Parameters
    ----------
    objects
        The store.
    settle_seconds
        How old an object must be before it is called unreferred; the check waits until it is.

    Attributes
    ----------
    records : Records
        What the records said, once `run` has returned.
    objects_read : int
    """

    def __init__(self, objects: WholeStore, *, settle_seconds: float = BEING_WRITTEN_SECONDS) -> None:
        self._objects = objects
        self._settle_seconds = settle_seconds
        self.records = Records()
        self.objects_read = 0
        self._seen: set[str] = set()
        self._whole: dict[str, Entry] = {}
        self._total = 0

    async def run(self, report: Report = silent) -> list[Finding]:
        """Read everything once; return what is wrong, by key.

        Parameters
        ----------
        report
            Called with the number of objects read, and of all.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        entries = await self._objects.entries()
        self._total = len(entries)
        findings = await self._read_records(entries, report)
        contents = [each for each in entries if _is_content(each.key)]
        findings += await self._read_contents(contents, report)
        findings += self.records.damaged
        findings += [each for each in self.records.inconsistencies() if await self._is_so(each)]
        findings += await self._missing()
        findings += await self._unreferred()
        return sorted(set(findings))

    async def _read_records(self, entries: Sequence[Entry], report: Report) -> list[Finding]:
        """Read all that is not named by its SHA-256; return the objects that no release writes."""
        foreign: list[Finding] = []
        small: list[tuple[str, Place]] = []
        for key in (each.key for each in entries if each.key not in self._seen and not _is_content(each.key)):
            self._seen.add(key)
            place = place_of(key)
            if place is None:
                foreign.append(Finding(key, State.UNREFERRED, "no release writes such a file", "It can be deleted."))
            elif place.kind is not Kind.PROBE:
                small.append((key, place))
        for chunk in chunks(small, READ_AT_ONCE):
            read = await asyncio.gather(*(self._objects.get(key) for key, _ in chunk))
            for (key, place), data in zip(chunk, read, strict=True):
                if data is not None:
                    self.records.add(key, place, data)
            self._count(len(chunk), report)
        return foreign

    async def _read_contents(self, entries: Sequence[Entry], report: Report) -> list[Finding]:
        """Read all that is named by its SHA-256; return what has other bytes."""
        findings: list[Finding] = []
        documents = [each for each in entries if not _may_be_large(each.key)]
        large = [each for each in entries if _may_be_large(each.key)]
        for some, at_once in ((documents, READ_AT_ONCE), (large, _LARGE_AT_ONCE)):
            for chunk in chunks(some, at_once):
                findings += [each for each in await asyncio.gather(*map(self._check, chunk)) if each is not None]
                self._count(len(chunk), report)
        return findings

    async def _check(self, entry: Entry) -> Finding | None:
        self._seen.add(entry.key)
        data = await self._objects.get(entry.key)
        if data is None:
            return None
        # A thread costs more than the work on a small object.
        is_whole = (
            self._examine(entry, data)
            if len(data) < _SMALL_BYTES
            else await asyncio.to_thread(self._examine, entry, data)
        )
        return None if is_whole else Finding(entry.key, State.DAMAGED, self._what(entry.key), self._remedy(entry.key))

    def _examine(self, entry: Entry, data: bytes) -> bool:
        """Return whether an object has the bytes that its name says; note what it names."""
        if sha256_hex(data) != entry.key.rpartition("/")[2]:
            return False
        self._whole[entry.key] = entry
        self._look_into(entry.key, data)
        return True

    def _look_into(self, key: str, data: bytes) -> None:
        """Note what a manifest names; also the number of one that nothing refers to, whose record may be lost."""
        referrers = self.records.referred.get(key)
        if referrers is None and _kind(key) is Kind.DOCUMENT:
            self.records.add_manifest(key, data)
        if referrers and any(each.startswith("the manifest ") for each in referrers):
            self.records.mentioned |= digests_in(data)

    def _count(self, number: int, report: Report) -> None:
        self.objects_read += number
        report(self.objects_read, max(self._total, self.objects_read))

    async def _is_so(self, finding: Finding) -> bool:
        """Return whether records contradict each other still: some may have been written while others were read."""
        if finding.state is State.MISSING:
            return await self._objects.get(finding.key) is None
        place = place_of(finding.key)
        if place is None or place.kind is not Kind.EXPORT or (place.name, place.number) in self.records.versions:
            return True
        return await self._objects.get(object_keys.version_record(place.name, place.number)) is None

    async def _missing(self) -> list[Finding]:
        """Return what is referred to and not there; what was written after the list was made is looked for again."""
        absent = [key for key in self.records.referred if key not in self._seen]
        findings: list[Finding] = []
        for chunk in chunks(absent, READ_AT_ONCE):
            found = await asyncio.gather(*map(self._objects.get, chunk))
            for key, data in zip(chunk, found, strict=True):
                if data is None:
                    findings.append(Finding(key, State.MISSING, self._what(key), self._remedy(key)))
        return findings

    async def _unreferred(self) -> list[Finding]:
        """Return what nothing refers to, once it is old enough for the version that refers to it to be there."""
        self.records.refer_to_orphans()
        deadline = time.monotonic() + self._settle_seconds
        while left := self._not_referred():
            youngest = max(self._whole[key].modified for key in left)
            # The second: a file may be dated later than now.
            if youngest < time.time() - self._settle_seconds or time.monotonic() > deadline:
                break
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            await self._read_records(await self._objects.entries(), silent)
        remedy = PERHAPS_NEEDED if self.records.are_incomplete else LEFT_OVER
        return [Finding(key, State.UNREFERRED, self._what(key), remedy) for key in left]

    def _not_referred(self) -> list[str]:
        return [
            key
            for key in self._whole
            if key not in self.records.referred
            and key.rpartition("/")[2] not in self.records.mentioned
            and _kind(key) is not Kind.LABELS
        ]

    def _what(self, key: str) -> str:
        referrers = self.records.referred.get(key, [])
        if not referrers:
            return str(_kind(key))
        more = len(referrers) - _MOST_NAMED
        return ", ".join(referrers[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")

    def _remedy(self, key: str) -> str:
        renderings = self.records.renderings.get(key, set())
        if renderings and len(renderings) == len(self.records.referred[key]):
            return f"Delete it and {', '.join(sorted(renderings))}: it is rendered again at the next request."
        return BACKUP_OR_CLIENT if _kind(key) in (Kind.DOCUMENT, Kind.EVIDENCE) else f"{BACKUP} Uploading it mends it."


def _kind(key: str) -> Kind | None:
    place = place_of(key)
    return None if place is None else place.kind


def _is_content(key: str) -> bool:
    return _kind(key) in CONTENTS


def _may_be_large(key: str) -> bool:
    return _kind(key) is not Kind.DOCUMENT
