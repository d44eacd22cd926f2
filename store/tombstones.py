"""Tombstones: numbers without a version that no version may get.

A tombstone stands for its own number, and for those before it from `first` on.
"""

from store import object_keys
from store.objects import Objects
from store.sealed import created_now, seal, unseal

_FORMAT = 1


async def bury(objects: Objects, stream: str, *, first: int, last: int) -> None:
    """Store a tombstone for the numbers from `first` to `last`, unless `last` has one.

    Raises
    ------
    StoreError
        ``store_full`` or ``store_unavailable``.
    """
    record = seal({"first": first, "created_at": created_now()}, record_format=_FORMAT)
    await objects.create(object_keys.tombstone(stream, last), record)


def read_tombstone(data: bytes) -> int:
    """Return the first number that a tombstone stands for.

    Raises
    ------
    ValueError, KeyError, TypeError
        If it is damaged.
    """
    return int(unseal(data, record_format=_FORMAT)["first"])
