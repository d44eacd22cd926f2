"""Descriptions of streams: texts for people beside a stream's versions, in no version and no digest.

Objects are never replaced, so each new description is one more object, and the one with the largest number holds.
"""

import re
from contextlib import suppress

from concept_orderings.errors import StoreError
from store import object_keys
from store.damage import reading, version_damaged
from store.objects import Objects
from store.sealed import created_now, seal, unseal

_FORMAT = 1
_NAME = re.compile(r"[0-9]{8}\.json")


class Descriptions:
    """The descriptions of all streams of a service."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def newest(self, stream: str) -> str:
        """Return the newest description of a stream; empty if it has none.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        return await self._read(stream, await self._newest_number(stream))

    async def keep(self, stream: str, text: str) -> bool:
        """Make a text the description of a stream, unless it is already; return whether it was another one.

        Of several writers at once, one is the newest, and each of the others was so before it.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        number = await self._newest_number(stream)
        # A damaged one is mended by posting it again.
        with suppress(StoreError):
            if await self._read(stream, number) == text:
                return False
        record = seal({"description": text, "created_at": created_now()}, record_format=_FORMAT)
        number += 1
        while not await self._objects.create(object_keys.description(stream, number), record):
            number += 1
        return True

    async def _newest_number(self, stream: str) -> int:
        names = await self._objects.names(object_keys.descriptions(stream))
        return max((int(name.removesuffix(".json")) for name in names if _NAME.fullmatch(name)), default=0)

    async def _read(self, stream: str, number: int) -> str:
        data = await self._objects.get(object_keys.description(stream, number)) if number else None
        if data is None:
            return ""
        with reading(f"the description of {stream}", version_damaged):
            return str(unseal(data, record_format=_FORMAT)["description"])
