"""The hashes of the cache of embeddings, oldest first, and their removal when they take too much memory.

New rows go to the newest generation, which has one hash for each encoder. Once it has an eighth of the budget, the next
generation begins; over the budget, the oldest hashes are deleted. A row that is found in the older half is written to
the newest generation again. So what was used least recently is removed first, in steps of an eighth, and no row needs a
time of its own. The keys of the hashes say all of this, and the server how large each is.

Generation 0 has the keys of release 0.1.0, whose workers read and write no other.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from redis.asyncio import Redis

from store.keys import Keys
from store.redis_memory import RedisMemory, read_memory

GENERATIONS = 8
"""Into how many parts the budget is divided."""
LARGEST_SHARE = 0.8
"""The share of the server's memory up to which embeddings may fill it, with everything else that it has."""

_LIST_SECONDS = 5.0
"""How long a list of the hashes holds; other workers may begin a generation meanwhile."""
_SAMPLES = 5
"""All rows of a hash have one length, so few show its size."""
_SCANNED = 1000

_log = logging.getLogger(__name__)


class Generation(NamedTuple):
    """One hash: the rows of an encoder in a generation. They sort from the oldest to the newest.

    Attributes
    ----------
    number : int
    fingerprint : str
        That of the encoder.
    """

    number: int
    fingerprint: str


class EmbeddingGenerations:
    """Finds the hashes of all encoders, and keeps them within a budget.

    Methods raise `redis.RedisError` while Redis is away.

    Parameters
    ----------
    redis
        A client that returns bytes.
    keys
        Makes the keys.
    budget
        The most bytes of all hashes together.
    """

    def __init__(self, redis: Redis, keys: Keys, budget: int) -> None:
        self._redis = redis
        self._keys = keys
        self._budget = budget
        self._listed: set[Generation] = set()
        self._listed_at = float("-inf")

    def key(self, generation: Generation) -> str:
        """Return the key of a hash."""
        return self._keys.embeddings(generation.fingerprint, generation.number)

    async def of(self, fingerprint: str) -> list[Generation]:
        """Return the hashes of an encoder, the newest first; also that of generation 0, which may not exist."""
        found = [each for each in await self._list() if each.fingerprint == fingerprint]
        return sorted({*found, Generation(0, fingerprint)}, reverse=True)

    async def is_old(self, generation: Generation) -> bool:
        """Return whether rows of a generation are to be written again, since newer ones have half of the budget."""
        sizes, memory = await self._measure()
        newer = sum(size for each, size in sizes.items() if each.number > generation.number)
        return newer >= self._allowed(sizes, memory) / 2

    async def size(self) -> int:
        """Return the bytes of all hashes together."""
        return sum((await self._measure())[0].values())

    async def make_room(self, more: int = 0) -> bool:
        """Delete the oldest hashes until there is room; return whether there is.

        Parameters
        ----------
        more
            Bytes that are to be written.
        """
        sizes, memory = await self._measure()
        allowed = self._allowed(sizes, memory)
        for oldest in sorted(sizes):
            if sum(sizes.values()) + more <= allowed:
                break
            _log.info("the cache of embeddings gives way: %d bytes of %s", sizes.pop(oldest), self.key(oldest))
            await self._redis.unlink(self.key(oldest))
            self._listed.discard(oldest)
        return sum(sizes.values()) + more <= allowed

    async def newest(self, fingerprint: str) -> Generation:
        """Return the hash to which new rows of an encoder go."""
        sizes, _ = await self._measure()
        number = max((each.number for each in sizes), default=0)
        if sum(size for each, size in sizes.items() if each.number == number) >= self._budget / GENERATIONS:
            number += 1
        newest = Generation(number, fingerprint)
        self._listed.add(newest)
        return newest

    def _allowed(self, sizes: Mapping[Generation, int], memory: RedisMemory) -> int:
        """Return the bytes that all hashes may take, which are fewer if the server is nearly full."""
        room = memory.room_below(LARGEST_SHARE)
        return self._budget if room is None else min(self._budget, sum(sizes.values()) + room)

    async def _measure(self) -> tuple[dict[Generation, int], RedisMemory]:
        """Return the bytes of each hash that exists, and the memory of the server."""
        listed = sorted(await self._list())
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.info("memory")
            for each in listed:
                pipeline.memory_usage(self.key(each), samples=_SAMPLES)
            info, *sizes = await pipeline.execute()
        found = {each: int(size) for each, size in zip(listed, sizes, strict=True) if size is not None}
        return found, read_memory(info)

    async def _list(self) -> Iterable[Generation]:
        if time.monotonic() - self._listed_at >= _LIST_SECONDS:
            keys = self._redis.scan_iter(self._keys.all_embeddings, count=_SCANNED)
            self._listed = {Generation(*self._keys.embeddings_in(key.decode())) async for key in keys}
            self._listed_at = time.monotonic()
        return self._listed
