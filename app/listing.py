"""Versions in lists: one that is damaged is marked, and all others are listed as ever."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from store.damage import unless_damaged
from store.numbering import READ_AT_ONCE, chunks
from store.versions import VersionRecord, Versions

_MOST_PARTS = 500
_MOST_BYTES = 4_000_000
"""How many parts of the versions on a page are read to see whether they are damaged, and about how many bytes."""

_BYTES_OF_A_CONCEPT = 500


class Listed(NamedTuple):
    """A version in a list.

    Attributes
    ----------
    stream : str
    version : int
    record : VersionRecord or None
        None if the record cannot be read.
    is_damaged : bool
        Whether the record cannot be read, or another part was found to be damaged or missing.
    """

    stream: str
    version: int
    record: VersionRecord | None
    is_damaged: bool


class Listing:
    """The versions of a service as lists show them.

    Records are read again for each list. So are the parts of small versions; of others, those that an earlier read of
    this process found damaged. Reading all parts of a thousand large versions would take minutes, and is what ``fsck``
    is for.
    """

    def __init__(self, versions: Versions) -> None:
        self._versions = versions

    async def page(self, stream: str, *, after: int, most: int) -> tuple[list[Listed], bool]:
        """Return the first versions with a number larger than `after`, at most `most`, and whether others follow.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        latest = await self._versions.latest(stream) or 0
        numbers: Sequence[int] = range(after + 1, min(after + most, latest) + 1)
        found = await self._read(stream, numbers)
        if len(found) < len(numbers):
            # A number in between has no version. Listing the names costs more, the more versions there are.
            numbers = await self._versions.page(stream, after=after, most=most)
            found = await self._read(stream, numbers)
        return await self._marked(found), bool(found) and found[-1].version < latest

    async def newest(self, stream: str) -> Listed | None:
        """Return the newest version of a stream; None if it has none.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        latest = await self._versions.latest(stream)
        marked = await self._marked([] if latest is None else await self._read(stream, [latest]))
        return marked[0] if marked else None

    async def _read(self, stream: str, numbers: Sequence[int]) -> list[Listed]:
        """Return the versions that exist; a damaged record counts as one that exists."""
        found: list[Listed | None] = []
        for chunk in chunks(numbers, READ_AT_ONCE):
            found += await asyncio.gather(*(self._read_one(stream, version) for version in chunk))
        return [each for each in found if each is not None]

    async def _read_one(self, stream: str, version: int) -> Listed | None:
        record = await unless_damaged(self._versions.record(stream, version))
        if record is None and not await self._versions.exists(stream, version):
            return None
        return Listed(stream, version, record, record is None)

    async def _marked(self, listed: Sequence[Listed]) -> list[Listed]:
        """Return the versions with those marked of which a part is damaged."""
        records = [each.record for each in listed if each.record is not None]
        parts = {digest for record in records for digest in record.parts}
        size = sum(_BYTES_OF_A_CONCEPT * each.concepts + each.evidence_bytes for each in records)
        if len(parts) > _MOST_PARTS or size > _MOST_BYTES:
            parts &= self._versions.found_damaged
        damaged = await self._versions.damaged_of(parts)
        return [
            each._replace(is_damaged=each.record is None or not damaged.isdisjoint(each.record.parts))
            for each in listed
        ]
