"""Uploaded files: stored once under a name and never changed, so that a stream ordered by one can be cited.

A file can be deleted. Its record is then kept elsewhere, since a name stands for one content for ever: only the same
content can be uploaded under it again. Otherwise a request that names the source would mean other counts than the
version that it already has.

Each kind of file is a module with a subclass of `UploadedFile` and one of `UploadedFiles`. The content is written
first, the record last and create-only: of two uploads under one name at the same time, one gets the name.
`store.object_keys` has the layout.
"""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, ClassVar, Generic, Self, TypeVar

from concept_orderings.canonical import Json, canonical_json, sha256_hex
from concept_orderings.url_names import URL_NAME
from store import object_keys
from store.contents import store_content
from store.damage import Damaged, checked_content, reading
from store.objects import Objects
from store.sealed import created_now, known_members, seal, unseal

_RECORD_FORMAT = 1

_Meaning = TypeVar("_Meaning")
_Content = TypeVar("_Content")
_File = TypeVar("_File", bound="UploadedFile[Any]")


@dataclass(frozen=True, kw_only=True)
class UploadedFile(Generic[_Meaning]):
    """The record of an uploaded file: what can be said of it without reading its content.

    Attributes
    ----------
    name : str
        The name that orderings give as their source.
    meaning : dataclass
        What the numbers mean.
    names : int
        The number of names that the file has a number for.
    digest : str
        SHA-256 of the content as canonical JSON: the same for the same content, in whichever format it was uploaded.
    created_at : str
        UTC, ISO 8601.
    meaning_type : type
        The dataclass of the meaning.
    """

    meaning_type: ClassVar[type[Any]]

    name: str
    meaning: _Meaning
    names: int
    digest: str
    created_at: str

    @property
    def uploaded_at(self) -> str:
        """The time of the upload, such as ``2026-01-31T12:00:00Z``."""
        return self.created_at.replace("+00:00", "Z")

    def to_bytes(self) -> bytes:
        """Return the record in the form in which it is stored, with its own digest."""
        return seal(asdict(self), record_format=_RECORD_FORMAT)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a stored record.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is damaged or of another format.
        """
        fields = unseal(data, record_format=_RECORD_FORMAT)
        meaning = cls.meaning_type(**known_members(cls.meaning_type, fields.pop("meaning")))
        return cls(**known_members(cls, fields), meaning=meaning)


class Stored(StrEnum):
    """The outcome of storing an uploaded file."""

    NEW = "new"
    """The name was free, and the file was stored."""
    SAME = "same"
    """The name already has this content."""
    OTHER = "other"
    """The name has other content, and keeps it."""
    DELETED = "deleted"
    """The name had other content, which was deleted."""


class UploadedFiles(ABC, Generic[_File, _Meaning, _Content]):
    """All uploaded files of one kind of a service.

    Attributes
    ----------
    file_type : type of UploadedFile
    folder : str
        The folder of the records.
    contents : str
        What a file's content is called in errors, such as "counts".
    damaged : callable
        Makes the error for a file that cannot be read.
    """

    file_type: type[_File]
    folder: ClassVar[str]
    contents: ClassVar[str]
    damaged: ClassVar[Damaged]

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @abstractmethod
    def content_key(self, digest: str) -> str:
        """Return the key of the content of a file by its SHA-256 (hexadecimal)."""

    @abstractmethod
    def as_json(self, content: _Content) -> Json:
        """Return the content as it is stored."""

    @abstractmethod
    def read(self, data: bytes) -> _Content:
        """Return the content of canonical JSON that `as_json` gave."""

    @abstractmethod
    def size(self, content: _Content) -> int:
        """Return the number of names that a content has a number for."""

    async def names(self) -> list[str]:
        """Return the names of all files, sorted.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        stored = await self._objects.names(self.folder)
        found = [each.removesuffix(".json") for each in stored if each.endswith(".json")]
        return sorted(name for name in found if URL_NAME.fullmatch(name))

    async def exists(self, name: str) -> bool:
        """Return whether there is a file of that name, damaged or not.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        return URL_NAME.fullmatch(name) is not None and await self._read_record(name) is not None

    async def record(self, name: str) -> _File | None:
        """Return the record of a file, or None if there is none of that name.

        Raises
        ------
        StoreError
            As `damaged` makes it, or ``store_unavailable``.
        """
        data = await self._read_record(name) if URL_NAME.fullmatch(name) else None
        if data is None:
            return None
        what, damaged = f"the record of {name}", type(self).damaged
        with reading(what, damaged):
            record: _File = self.file_type.from_bytes(data)
        if record.name != name:
            raise damaged(f"{what} is that of {record.name}")
        return record

    async def content(self, record: _File) -> _Content:
        """Return the content of a file, checked against its digest.

        Raises
        ------
        StoreError
            As `damaged` makes it, or ``store_unavailable``.
        """
        data = await self._objects.get(self.content_key(record.digest))
        # In a thread: it takes a second for a million names.
        return await asyncio.to_thread(self._checked, data, record)

    async def create(self, name: str, meaning: _Meaning, content: _Content) -> tuple[_File, Stored]:
        """Store a file unless its name is taken.

        Parameters
        ----------
        name
            A name that `concept_orderings.url_names.URL_NAME` matches.
        meaning
            What the numbers mean.
        content
            The numbers by name.

        Returns
        -------
        UploadedFile
            The file that has the name now.
        Stored
            Whether that is the given one, one with the same content, or another; or, with the record of a file that was
            deleted, that only its content can have the name.

        Raises
        ------
        StoreError
            As `damaged` makes it, or ``store_unavailable``.
        """
        # In a thread: it takes seconds for a million names.
        data, digest = await asyncio.to_thread(self._digested, content)
        taken = await self.record(name)
        if taken is None:
            record: _File = self.file_type(
                name=name, meaning=meaning, names=self.size(content), digest=digest, created_at=created_now()
            )
            deleted = await self._deleted(name)
            if deleted is not None and (deleted.meaning, deleted.digest) != (meaning, digest):
                return deleted, Stored.DELETED
            await store_content(self._objects, self.content_key(digest), data)
            if await self._objects.create(object_keys.uploaded_file_record(self.folder, name), record.to_bytes()):
                # Again: the last other file with this content may have been deleted meanwhile.
                await store_content(self._objects, self.content_key(digest), data)
                return record, Stored.NEW
            taken = await self.record(name)
        if taken is None:
            raise type(self).damaged(f"the record of {name} existed a moment ago and is missing now")
        return taken, Stored.SAME if (taken.meaning, taken.digest) == (meaning, digest) else Stored.OTHER

    async def delete(self, name: str) -> bool:
        """Delete a file; return whether there was one.

        Versions that were ordered by it have their evidence and stay what they are. It may be called any number of
        times, also after a crash at any step.

        Raises
        ------
        StoreError
            As `damaged` makes it, ``store_full`` or ``store_unavailable``.
        """
        record = await self.record(name)
        if record is None:
            return False
        await self._objects.create(object_keys.deleted_file_record(self.folder, name), record.to_bytes())
        content = self.content_key(record.digest)
        data = await self._objects.get(content)
        await self._objects.remove(object_keys.uploaded_file_record(self.folder, name))
        if not await self._has_content(record.digest):
            await self._objects.remove(content)
            # A file with the same content may have been uploaded since they were listed.
            if data is not None and await self._has_content(record.digest):
                await store_content(self._objects, content, data)
        return True

    async def _has_content(self, digest: str) -> bool:
        """Return whether a file has the content of this digest; of a damaged one it is unknown, so assume it."""
        for name in await self.names():
            data = await self._read_record(name)
            try:
                if data is not None and self.file_type.from_bytes(data).digest == digest:
                    return True
            except (ValueError, KeyError, TypeError):
                return True
        return False

    async def _deleted(self, name: str) -> _File | None:
        data = await self._objects.get(object_keys.deleted_file_record(self.folder, name))
        if data is None:
            return None
        with reading(f"the record of {name}, which was deleted,", type(self).damaged):
            record: _File = self.file_type.from_bytes(data)
        return record

    async def _read_record(self, name: str) -> bytes | None:
        return await self._objects.get(object_keys.uploaded_file_record(self.folder, name))

    def _digested(self, content: _Content) -> tuple[bytes, str]:
        data = canonical_json(self.as_json(content))
        return data, sha256_hex(data)

    def _checked(self, data: bytes | None, record: _File) -> _Content:
        what = f"the {self.contents} of {record.name}"
        return self.read(checked_content(data, record.digest, what, type(self).damaged))
