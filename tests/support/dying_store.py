"""An object store whose process dies between two writes."""

from store.objects import Objects


class Killed(Exception):
    """Raised in place of a write that the process does not live to make."""


class DyingStore:
    """An object store that makes a number of writes and raises `Killed` at the next one.

    Parameters
    ----------
    objects
        The store that is read and written.
    writes
        How many writes are made.
    """

    def __init__(self, objects: Objects, writes: int) -> None:
        self._objects = objects
        self._left = writes

    async def get(self, key: str) -> bytes | None:
        return await self._objects.get(key)

    def remove_leftovers(self) -> None: ...

    async def remove(self, key: str) -> None:
        self._count()
        await self._objects.remove(key)

    async def check_writable(self) -> None:
        await self._objects.check_writable()

    async def names(self, prefix: str, *, after: str = "", most: int | None = None) -> list[str]:
        return await self._objects.names(prefix, after=after, most=most)

    async def create(self, key: str, data: bytes) -> bool:
        self._count()
        return await self._objects.create(key, data)

    async def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:
        self._count()
        await self._objects.replace(key, data, durable=durable)

    def _count(self) -> None:
        if self._left == 0:
            raise Killed
        self._left -= 1
