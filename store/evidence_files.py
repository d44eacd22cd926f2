"""Files of evidence: written before the version that lists them, named by their SHA-256, and shared by versions.

A worker that dies before the record of the version leaves files that nothing refers to, as it does with documents. The
record of the version lists its files beside the fields that 0.1.0 knows; it also lists the margins, which no manifest
has, and what was too large to be kept.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from concept_orderings.canonical import Json
from concept_orderings.evidence.tables import EvidenceFile
from store import object_keys
from store.contents import store_content
from store.damage import checked_content, version_damaged
from store.objects import Objects
from store.sealed import known_members


@dataclass(frozen=True, kw_only=True)
class EvidenceEntry:
    """A file of evidence in the record of a version.

    Attributes
    ----------
    kind : str
        ``vectors``, ``counts``, ``scores``, ``years``, ``ties`` or ``margins``.
    media_type : str
    digest : str
        SHA-256 of the file, hexadecimal.
    bytes : int
        Its size.
    in_manifest : bool
        Whether the manifest lists it, so that it is part of the version.
    """

    kind: str
    media_type: str
    digest: str
    bytes: int
    in_manifest: bool


@dataclass(frozen=True, kw_only=True)
class KeptEvidence:
    """The evidence that is kept with a version.

    Attributes
    ----------
    files : tuple of EvidenceEntry
    left_out : tuple of str
        The kinds of which the version has none because they were larger than the worker's setting allows.
    """

    files: tuple[EvidenceEntry, ...]
    left_out: tuple[str, ...]

    def file(self, kind: str) -> EvidenceEntry | None:
        """Return the file of a kind, or None."""
        return next((each for each in self.files if each.kind == kind), None)

    def as_json(self) -> dict[str, Json]:
        """Return the form that records have."""
        return {"files": [asdict(each) for each in self.files], "left_out": list(self.left_out)}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "KeptEvidence":
        """Return what `as_json` wrote, in this release or a later one.

        Raises
        ------
        KeyError, TypeError
            For another form.
        """
        files = tuple(EvidenceEntry(**known_members(EvidenceEntry, each)) for each in written["files"])
        return cls(files=files, left_out=tuple(written["left_out"]))


def entries(files: Iterable[EvidenceFile], *, in_manifest: bool) -> tuple[EvidenceEntry, ...]:
    """Return the entries of files for the record of a version."""
    return tuple(
        EvidenceEntry(
            kind=each.kind,
            media_type=each.media_type,
            digest=each.digest,
            bytes=len(each.data),
            in_manifest=in_manifest,
        )
        for each in files
    )


async def write_evidence(objects: Objects, file: EvidenceFile) -> None:
    """Store a file of evidence unless it is stored already; one that is damaged is mended.

    Raises
    ------
    StoreError
        ``store_unavailable``.
    """
    await store_content(objects, object_keys.evidence(file.digest), file.data)


async def read_evidence(objects: Objects, digest: str) -> bytes:
    """Return a file of evidence, checked against its digest.

    Raises
    ------
    StoreError
        ``version_damaged`` if it is missing or has other content; ``store_unavailable``.
    """
    data = await objects.get(object_keys.evidence(digest))
    # In a thread: the SHA-256 of 256 MB takes up to a second.
    return await asyncio.to_thread(checked_content, data, digest, f"the evidence {digest}", version_damaged)
