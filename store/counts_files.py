"""Counts files: uploaded once under a name and never changed, so that a stream ordered by one can be cited.

The counts are written first, the record last and create-only: of two uploads under one name at the same time, one gets
the name. `store.object_keys` has the layout.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Literal

from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.url_names import URL_NAME
from store import object_keys
from store.damage import checked_content, counts_file_damaged, reading
from store.objects import Objects
from store.sealed import created_now, known_members, seal, unseal
from store.sources import SourceFacts, Unit

_QUERY_FORM = "the name as the file has it, underscores and slashes read as spaces"
"""How a name is looked up in a counts file, as shown to readers. It is published in manifests: never change it."""

_RECORD_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class CountsMeaning:
    """What the numbers of a counts file mean.

    Attributes
    ----------
    unit : str
        What each number counts: documents that contain the name, or occurrences of it.
    corpus : str
        The corpus in which the names were counted, described for readers.
    documents : int, optional
        Number of documents in the corpus.
    tokens : int, optional
        Number of tokens in the corpus.
    """

    unit: Literal["documents", "occurrences"]
    corpus: str
    documents: int | None = None
    tokens: int | None = None

    @property
    def size(self) -> int | None:
        """The size of the corpus in the unit, or None if it is unknown. No count can be larger."""
        return self.documents if self.unit == "documents" else self.tokens


@dataclass(frozen=True, kw_only=True)
class CountsFile:
    """The record of a counts file: what can be said of it without reading its counts.

    Attributes
    ----------
    name : str
        The name that orderings give as their source.
    meaning : CountsMeaning
    names : int
        Number of names that it has a count for.
    digest : str
        SHA-256 of its counts by name as canonical JSON: the same for the same counts, in whichever format they were
        uploaded.
    created_at : str
        UTC, ISO 8601.
    """

    name: str
    meaning: CountsMeaning
    names: int
    digest: str
    created_at: str

    @property
    def counted_at(self) -> str:
        """The time of the upload, such as ``2026-01-31T12:00:00Z``: when the names were counted is not known."""
        return self.created_at.replace("+00:00", "Z")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that decides a count: the counts and their unit."""
        return sha256_hex(canonical_json({"kind": "file", "counts": self.digest, "unit": self.meaning.unit}))

    @property
    def facts(self) -> SourceFacts:
        """What its counts mean, as a source."""
        return SourceFacts(
            name=self.name,
            kind="file",
            unit=Unit(self.meaning.unit),
            corpus=self.meaning.corpus,
            documents=self.meaning.documents,
            tokens=self.meaning.tokens,
            query_form=_QUERY_FORM,
            fingerprint=self.fingerprint,
            counted_at=self.counted_at,
        )

    def to_bytes(self) -> bytes:
        """Return the record in the form in which it is stored, with its own digest."""
        return seal(asdict(self), record_format=_RECORD_FORMAT)

    @classmethod
    def from_bytes(cls, data: bytes) -> "CountsFile":
        """Read a stored record.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is damaged or of another format.
        """
        fields = unseal(data, record_format=_RECORD_FORMAT)
        meaning = CountsMeaning(**known_members(CountsMeaning, fields.pop("meaning")))
        return cls(**known_members(cls, fields), meaning=meaning)


class Stored(StrEnum):
    """The outcome of storing a counts file."""

    NEW = "new"
    """The name was free, and the file was stored."""
    SAME = "same"
    """The name already has this content."""
    OTHER = "other"
    """The name has other content, and keeps it."""


class CountsFiles:
    """All counts files of a service."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def names(self) -> list[str]:
        """Return the names of all counts files, sorted.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        stored = await self._objects.names(object_keys.COUNTS_FILES)
        found = [each.removesuffix(".json") for each in stored if each.endswith(".json")]
        return sorted(name for name in found if URL_NAME.fullmatch(name))

    async def exists(self, name: str) -> bool:
        """Return whether there is a counts file of that name, damaged or not.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        return URL_NAME.fullmatch(name) is not None and await self._read_record(name) is not None

    async def record(self, name: str) -> CountsFile | None:
        """Return the record of a counts file, or None if there is none of that name.

        Raises
        ------
        StoreError
            ``counts_file_damaged`` or ``store_unavailable``.
        """
        data = await self._read_record(name) if URL_NAME.fullmatch(name) else None
        if data is None:
            return None
        what = f"the record of {name}"
        with reading(what, counts_file_damaged):
            record = CountsFile.from_bytes(data)
        if record.name != name:
            raise counts_file_damaged(f"{what} is that of {record.name}")
        return record

    async def counts(self, record: CountsFile) -> dict[str, int]:
        """Return the counts of a file by folded name, checked against their digest.

        Raises
        ------
        StoreError
            ``counts_file_damaged`` or ``store_unavailable``.
        """
        data = await self._objects.get(object_keys.counts(record.digest))
        # In a thread: it takes a second for a million names.
        return await asyncio.to_thread(_read_counts, data, record)

    async def create(self, name: str, meaning: CountsMeaning, counts: Mapping[str, int]) -> tuple[CountsFile, Stored]:
        """Store a counts file unless the name is taken.

        Parameters
        ----------
        name
            A name that `concept_orderings.url_names.URL_NAME` matches.
        meaning
            What the numbers mean.
        counts
            Counts by folded name.

        Returns
        -------
        CountsFile
            The file that has the name now.
        Stored
            Whether that is the given one, one with the same content, or another.

        Raises
        ------
        StoreError
            ``counts_file_damaged`` or ``store_unavailable``.
        """
        # In a thread: it takes seconds for a million names.
        data, digest = await asyncio.to_thread(_digested, counts)
        taken = await self.record(name)
        if taken is None:
            record = CountsFile(name=name, meaning=meaning, names=len(counts), digest=digest, created_at=created_now())
            await self._objects.create(object_keys.counts(digest), data)
            if await self._objects.create(object_keys.counts_file_record(name), record.to_bytes()):
                return record, Stored.NEW
            taken = await self.record(name)
        if taken is None:
            raise counts_file_damaged(f"the record of {name} existed a moment ago and is missing now")
        return taken, Stored.SAME if (taken.meaning, taken.digest) == (meaning, digest) else Stored.OTHER

    async def _read_record(self, name: str) -> bytes | None:
        return await self._objects.get(object_keys.counts_file_record(name))


def _digested(counts: Mapping[str, int]) -> tuple[bytes, str]:
    data = canonical_json(counts)
    return data, sha256_hex(data)


def _read_counts(data: bytes | None, record: CountsFile) -> dict[str, int]:
    intact = checked_content(data, record.digest, f"the counts of {record.name}", counts_file_damaged)
    counts: dict[str, int] = json.loads(intact)
    return counts
