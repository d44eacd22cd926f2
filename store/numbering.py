"""Numbers of versions: the newest, pages of them, and the next.

A stream may have ten thousand versions, so none of these reads all of them. `latest` reads the hint of `store.newest`,
the record that it names and the one after it. A publisher reads these too, and relies on a chain: the record of a
version says that the requests of all earlier versions had their pointers when it was written
(`VersionRecord.follows_indexed`). So at most the newest version lacks its pointer, because its writer died in between,
and the next publisher writes it.

Where the chain is broken, everything is read once (`_survey`): after versions of release 0.1.0, and after a hint or
records were lost.

A number is never given to another version, also if its record is lost, since its URLs were immutable. The hint, the
pointers, the folders of exports and tombstones all say which numbers were taken.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

from concept_orderings.canonical import canonical_json
from store import object_keys
from store.damage import unless_damaged
from store.newest import Newest, NewestHints
from store.objects import Objects

READ_AT_ONCE = 32
_MOST_STEPS = 32
"""How far behind a hint may be until everything is read instead of one record after the other."""

_RECORD_NAME = re.compile(r"([0-9]{8,})\.json")
_POINTER_NAME = re.compile(r"([0-9a-f]{64})\.json")
_FOLDER_NAME = re.compile(r"([0-9]{8,})")

_Entry = TypeVar("_Entry")


class NumberedVersion(Protocol):
    """What numbering reads of the record of a version."""

    @property
    def version(self) -> int:
        """Its number."""

    @property
    def request_digest(self) -> str:
        """SHA-256 of its canonical request."""

    @property
    def follows_indexed(self) -> bool:
        """Whether the requests of all earlier versions had their pointers when it was written."""


class Numbering:
    """The numbers of the versions of all streams.

    Parameters
    ----------
    objects
        The store.
    read
        Returns the record of a version, or None if there is none; raises StoreError ``version_damaged``.
    """

    def __init__(self, objects: Objects, read: Callable[[str, int], Awaitable[NumberedVersion | None]]) -> None:
        self._objects = objects
        self._read = read
        self._hints = NewestHints(objects)

    async def every(self, stream: str) -> list[int]:
        """Return the numbers of all versions of a stream, ascending.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        return _numbers(await self._objects.names(object_keys.versions(stream)), _RECORD_NAME)

    async def page(self, stream: str, *, after: int, most: int) -> list[int]:
        """Return the first numbers of versions that are larger than `after`, ascending, at most `most`.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        found: list[int] = []
        last = object_keys.version_record(stream, after).rpartition("/")[2]
        while len(found) < most:
            names = await self._objects.names(object_keys.versions(stream), after=last, most=most)
            found += _numbers(names, _RECORD_NAME)
            if len(names) < most:
                break
            last = names[-1]
        return found[:most]

    async def latest(self, stream: str) -> int | None:
        """Return the number of the newest version of a stream; None if it has none.

        It reads three objects, four after numbers that were left out, and lists the versions only if the hint is old.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        hint = await self._hints.read(stream)
        if hint is not None:
            # Numbers up to the largest that is taken may have been left out: the next version is after it.
            following = {hint.latest + 1, max(hint.latest, hint.taken or 0) + 1}
            here, *later = await asyncio.gather(*(self._exists(stream, each) for each in (hint.latest, *following)))
            if here and not any(later):
                return hint.latest
        numbers = await self.every(stream)
        if not numbers:
            return None
        known = None if hint is None or hint.taken is None else max(hint.taken, hint.latest, numbers[-1])
        await self._note(stream, Newest(numbers[-1], known))
        return numbers[-1]

    async def last_taken(self, stream: str) -> int:
        """Return the largest number that a version of a stream has or had; 0 if there was none.

        The requests of all versions with this number or a smaller one have their pointers then, but for damaged
        versions.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        hint = await self._hints.read(stream)
        newest = None if hint is None or hint.taken is None else await self._walk(stream, hint.latest)
        if hint is None or hint.taken is None or newest is None or not newest.follows_indexed:
            return await self._survey(stream, hint)
        # Reading is faster than a create that finds the object, which syncs its directory.
        if await self._is_astray(stream, object_keys.request_pointer(stream, newest.request_digest), newest):
            await self.index(stream, newest)
        return max(newest.version, hint.taken)

    async def index(self, stream: str, record: NumberedVersion) -> None:
        """Store the number of a version under its request, unless it is stored; a damaged number is mended.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        key = object_keys.request_pointer(stream, record.request_digest)
        pointer = canonical_json({"version": record.version})
        if not await self._objects.create(key, pointer) and await self._is_astray(stream, key, record):
            await self._objects.replace(key, pointer)

    async def _is_astray(self, stream: str, key: str, record: NumberedVersion) -> bool:
        """Return whether a pointer is damaged, or leads to a version of another request."""
        try:
            version = pointed_number(await self._objects.get(key) or b"")
        except (ValueError, KeyError, TypeError):
            return True
        pointed = record if version == record.version else await self._readable(stream, version)
        return pointed is None or pointed.request_digest != record.request_digest

    async def created(self, stream: str, version: int) -> None:
        """Note the version that was just created; all requests of earlier ones have their pointers.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        await self._note(stream, Newest(version, version))

    async def _note(self, stream: str, hint: Newest) -> None:
        """Write a hint, and a newer one for each version that was created meanwhile.

        Its writer may have written its own hint before this one, which then took its place.
        """
        await self._hints.write(stream, hint)
        while await self._exists(stream, hint.latest + 1):
            latest = hint.latest + 1
            hint = Newest(latest, None if hint.taken is None else max(hint.taken, latest))
            await self._hints.write(stream, hint)

    async def _walk(self, stream: str, version: int) -> NumberedVersion | None:
        """Return the last of the consecutive versions from one on; None if it is damaged, missing or far behind."""
        found = None
        for _ in range(_MOST_STEPS):
            here, later = await asyncio.gather(self._readable(stream, version), self._exists(stream, version + 1))
            found, version = here, version + 1
            if found is None or not later:
                return found
        return None

    async def _survey(self, stream: str, hint: Newest | None) -> int:
        """Read all records and list all pointers of a stream; store the pointers that are missing.

        Return the largest number that any of them, an export or a tombstone names.
        """
        if hint is None and not await self._objects.names(object_keys.stream(stream)):
            return 0
        pointers = set(_digests(await self._objects.names(object_keys.request_pointers(stream))))
        numbers = await self.every(stream)
        for chunk in chunks(numbers, READ_AT_ONCE):
            records = await asyncio.gather(*(self._readable(stream, version) for version in chunk))
            for record in (each for each in records if each is not None):
                if record.request_digest not in pointers:
                    await self.index(stream, record)
                pointers.discard(record.request_digest)
        taken = [*numbers, *await self._taken_without_record(stream, sorted(pointers))]
        return max(taken, default=0) if hint is None else max([*taken, hint.latest, hint.taken or 0])

    async def _taken_without_record(self, stream: str, pointers: Sequence[str]) -> list[int]:
        """Return the numbers that pointers of requests, exports and tombstones name."""
        taken: list[int] = []
        for chunk in chunks(pointers, READ_AT_ONCE):
            keys = (object_keys.request_pointer(stream, each) for each in chunk)
            for data in await asyncio.gather(*map(self._objects.get, keys)):
                with suppress(ValueError, KeyError, TypeError):
                    taken.append(pointed_number(data or b""))
        taken += _numbers(await self._objects.names(object_keys.exports(stream)), _FOLDER_NAME)
        taken += _numbers(await self._objects.names(object_keys.tombstones(stream)), _RECORD_NAME)
        return taken

    async def _exists(self, stream: str, version: int) -> bool:
        return await self._objects.get(object_keys.version_record(stream, version)) is not None

    async def _readable(self, stream: str, version: int) -> NumberedVersion | None:
        """Return the record of a version; None if it is missing or damaged."""
        return await unless_damaged(self._read(stream, version))


def pointed_number(data: bytes) -> int:
    """Return the number of the version that a request has, from the stored object.

    Raises
    ------
    ValueError, KeyError, TypeError
        If it is damaged.
    """
    return int(json.loads(data)["version"])


def chunks(entries: Sequence[_Entry], size: int) -> Iterator[Sequence[_Entry]]:
    """Yield a sequence in parts of a size; the last may be shorter."""
    return (entries[first : first + size] for first in range(0, len(entries), size))


def _numbers(names: Iterable[str], pattern: "re.Pattern[str]") -> list[int]:
    return [int(found[1]) for name in names if (found := pattern.fullmatch(name))]


def _digests(names: Iterable[str]) -> Iterator[str]:
    return (found[1] for name in names if (found := _POINTER_NAME.fullmatch(name)))
