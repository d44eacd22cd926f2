"""How much of its memory a Redis uses: caches leave room for the queue, since nothing else makes room for it."""

from typing import Any, NamedTuple

from redis.asyncio import Redis


class RedisMemory(NamedTuple):
    """The memory of a Redis.

    Attributes
    ----------
    used : int
        Bytes in use.
    most : int
        The limit ``maxmemory`` in bytes; 0 for none.
    """

    used: int
    most: int

    def room_below(self, share: float) -> int | None:
        """Return the bytes that are free below a share of the limit, negative above it; None without a limit."""
        return int(self.most * share) - self.used if self.most else None


async def memory_of(redis: Redis) -> RedisMemory:
    """Return how much memory a Redis uses.

    Raises
    ------
    redis.RedisError
        While Redis is away.
    """
    return read_memory(await redis.info("memory"))


def read_memory(info: Any) -> RedisMemory:
    """Return the memory in an answer to INFO."""
    return RedisMemory(int(info["used_memory"]), int(info.get("maxmemory", 0)))
