"""An object store that counts what it is asked."""

from store.objects import Objects


class CountedObjects:
    """An object store that counts reads, lists and writes.

    Attributes
    ----------
    reads, lists, writes : int
        The number of calls since `reset`.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.reset()

    def reset(self) -> None:
        self.reads = self.lists = self.writes = 0

    async def get(self, key: str) -> bytes | None:
        self.reads += 1
        return await self._objects.get(key)

    async def check_writable(self) -> None: ...

    async def remove(self, key: str) -> None:
        self.writes += 1
        await self._objects.remove(key)

    def remove_leftovers(self) -> None: ...

    async def names(self, prefix: str, *, after: str = "", most: int | None = None) -> list[str]:
        self.lists += 1
        return await self._objects.names(prefix, after=after, most=most)

    async def create(self, key: str, data: bytes) -> bool:
        self.writes += 1
        return await self._objects.create(key, data)

    async def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:
        self.writes += 1
        await self._objects.replace(key, data, durable=durable)
