"""Counts files: uploaded once under a name, never changed, so that what was ordered by them can be cited.

Layout of the object store, beside that of `store.versions`::

    sources/NAME.json   the record of a counts file; it exists if and only if the file does
    counts/AB/ABCD…     counts by name as canonical JSON, named by their SHA-256

Counts are written first, the record last and create-only: of two uploads under one name, one is first.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.errors import StoreError
from concept_orderings.names import NAME
from store.objects import Objects
from store.sealed import seal, unseal

QUERY_FORM = "the name as the file has it, underscores and slashes read as spaces"
"""How a counts file is asked, for a reader."""

_RECORD_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class CountsMeaning:
    """What the numbers of a counts file are.

    Attributes
    ----------
    unit : str
        What was counted.
    corpus : str
        What it was counted in, for a reader.
    documents : int, optional
        How many documents the corpus has.
    tokens : int, optional
        How many tokens the corpus has.
    """

    unit: Literal["documents", "occurrences"]
    corpus: str
    documents: int | None = None
    tokens: int | None = None

    @property
    def size(self) -> int | None:
        """How large the corpus is in the unit, if that is known: no count can be larger."""
        return self.documents if self.unit == "documents" else self.tokens


@dataclass(frozen=True, kw_only=True)
class CountsFile:
    """What is known of a counts file without reading its counts.

    Attributes
    ----------
    name : str
        As orderings name it.
    meaning : CountsMeaning
    names : int
        How many names it has counts for.
    digest : str
        SHA-256 of its counts by name as canonical JSON: equal for equal counts, whatever form they were sent in.
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
        """When it was uploaded, such as ``2026-01-31T12:00:00Z``: it does not say when it was counted."""
        return self.created_at.replace("+00:00", "Z")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides a count: the counts, and what they are of."""
        return sha256_hex(canonical_json({"kind": "file", "counts": self.digest, "unit": self.meaning.unit}))

    def to_bytes(self) -> bytes:
        """Return the record as it is stored, with a digest of its own."""
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
        meaning = CountsMeaning(**fields.pop("meaning"))
        return cls(**fields, meaning=meaning)


class Stored(StrEnum):
    """What came of storing a counts file."""

    NEW = "new"
    """It was stored."""
    SAME = "same"
    """The name has this very content already."""
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
        stored = await self._objects.names("sources")
        found = [each.removesuffix(".json") for each in stored if each.endswith(".json")]
        return sorted(name for name in found if NAME.fullmatch(name))

    async def record(self, name: str) -> CountsFile | None:
        """Return the record of a counts file, or None if there is none of that name.

        Raises
        ------
        StoreError
            ``counts_file_damaged`` or ``store_unavailable``.
        """
        data = await self._objects.get(_record_key(name)) if NAME.fullmatch(name) else None
        if data is None:
            return None
        try:
            record = CountsFile.from_bytes(data)
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(f"the record of {name} cannot be read: {error}") from error
        if record.name != name:
            raise _damaged(f"the record of {name} is that of {record.name}")
        return record

    async def counts(self, record: CountsFile) -> dict[str, int]:
        """Return counts by folded name, checked against their digest.

        Raises
        ------
        StoreError
            ``counts_file_damaged`` or ``store_unavailable``.
        """
        data = await self._objects.get(_counts_key(record.digest))
        if data is None:
            raise _damaged(f"the counts of {record.name} are missing")
        return await asyncio.to_thread(_read_counts, data, record)

    async def create(self, name: str, meaning: CountsMeaning, counts: Mapping[str, int]) -> tuple[CountsFile, Stored]:
        """Store a counts file unless the name is taken.

        Parameters
        ----------
        name
            As `concept_orderings.names.NAME` has it.
        meaning
            What the numbers are.
        counts
            Counts by folded name.

        Returns
        -------
        CountsFile
            The one that has the name now.
        Stored
            Whether that is what was given.

        Raises
        ------
        StoreError
            ``counts_file_damaged`` or ``store_unavailable``.
        """
        # Seconds of work for a million names: not on the event loop.
        data, digest = await asyncio.to_thread(_digested, counts)
        taken = await self.record(name)
        if taken is None:
            record = CountsFile(name=name, meaning=meaning, names=len(counts), digest=digest, created_at=_now())
            await self._objects.create(_counts_key(digest), data)
            if await self._objects.create(_record_key(name), record.to_bytes()):
                return record, Stored.NEW
            taken = await self.record(name)
        if taken is None:
            raise _damaged(f"the record of {name} was there and is gone")
        return taken, Stored.SAME if (taken.meaning, taken.digest) == (meaning, digest) else Stored.OTHER


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _digested(counts: Mapping[str, int]) -> tuple[bytes, str]:
    data = canonical_json(counts)
    return data, sha256_hex(data)


def _read_counts(data: bytes, record: CountsFile) -> dict[str, int]:
    if sha256_hex(data) != record.digest:
        raise _damaged(f"the counts of {record.name} have other content than their digest says")
    counts: dict[str, int] = json.loads(data)
    return counts


def _record_key(name: str) -> str:
    return f"sources/{name}.json"


def _counts_key(digest: str) -> str:
    return f"counts/{digest[:2]}/{digest}"


def _damaged(what: str) -> StoreError:
    return StoreError("counts_file_damaged", f"A stored counts file is damaged: {what}. Restore it from a backup.")
