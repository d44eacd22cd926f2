"""Records of renderings: the first one under a key is kept, and all later reads get it.

A rendering is written first as a document, its record last and create-only. If several programs render at the same
time, also programs of different releases, the first record wins and all of them serve that one. A program that dies
before the record leaves a document that nothing refers to.
"""

from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

from concept_orderings.stream import Document
from store.damage import reading, version_damaged
from store.documents import write_document
from store.objects import Objects


class RenderingRecord(Protocol):
    """What the records of renderings have in common."""

    @property
    def of(self) -> Hashable:
        """What was rendered, and by what: equal for a record and the key under which it must lie."""

    def to_bytes(self) -> bytes:
        """Return the record in the form in which it is stored."""


R = TypeVar("R", bound=RenderingRecord)


class FirstRenderings(Generic[R]):
    """The first record under each key.

    Parameters
    ----------
    objects
        The store.
    from_bytes
        Reads a stored record; raises ValueError, KeyError or TypeError if it is damaged.
    """

    def __init__(self, objects: Objects, from_bytes: Callable[[bytes], R]) -> None:
        self._objects = objects
        self._from_bytes = from_bytes

    async def find(self, key: str, of: Hashable, what: str) -> R | None:
        """Return the record under a key, or None if there is none.

        Parameters
        ----------
        key
            Where it lies in the store.
        of
            What the record must be of (`RenderingRecord.of`).
        what
            What it is called in an error.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        data = await self._objects.get(key)
        if data is None:
            return None
        with reading(what, version_damaged):
            record = self._from_bytes(data)
        if record.of != of:
            raise version_damaged(f"{what} is that of another rendering")
        return record

    async def keep(self, key: str, document: Document, record: R, what: str) -> R:
        """Store a rendering and its record unless there is a record, and return the record that is kept.

        It may be called any number of times, also concurrently and after a crash at any step.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        await write_document(self._objects, document)
        if await self._objects.create(key, record.to_bytes()):
            return record
        first = await self.find(key, record.of, what)
        if first is None:
            raise version_damaged(f"{what} existed a moment ago and is missing now")
        return first
