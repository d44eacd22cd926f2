"""A hint for each stream: its newest version, and the largest number that is taken.

The hint saves listing all versions. It is replaced after a version was created, without waiting for the disk, so it
may be old, missing or damaged: `store.numbering` is right with any.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass

from concept_orderings.errors import StoreError
from store import object_keys
from store.objects import Objects
from store.sealed import known_members, seal, unseal

_FORMAT = 1


@dataclass(frozen=True)
class Newest:
    """What a hint says.

    Attributes
    ----------
    latest : int
        A version that existed; at the time it was the newest.
    taken : int or None
        The largest number that a version has or had; None if it was not searched for.
    """

    latest: int
    taken: int | None


class NewestHints:
    """The hints of all streams of a service."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def read(self, stream: str) -> Newest | None:
        """Return the hint of a stream; None if there is none, or a damaged one.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        data = await self._objects.get(object_keys.newest(stream))
        return None if data is None else read_hint(data)

    async def write(self, stream: str, hint: Newest) -> None:
        """Replace the hint of a stream. A store that cannot be written keeps the old one."""
        with suppress(StoreError):
            data = seal(asdict(hint), record_format=_FORMAT)
            await self._objects.replace(object_keys.newest(stream), data, durable=False)


def read_hint(data: bytes) -> Newest | None:
    """Return what a stored hint says; None if it is damaged."""
    with suppress(ValueError, KeyError, TypeError, json.JSONDecodeError):
        return Newest(**known_members(Newest, unseal(data, record_format=_FORMAT)))
    return None
