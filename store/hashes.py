"""Hashes in Redis that caches keep their entries in."""

import logging

from redis.asyncio import Redis

_log = logging.getLogger(__name__)


async def clear_wrong_type(redis: Redis, key: str) -> None:
    """Delete what stands under a cache's key and is no hash: nothing could ever be cached there again.

    Raises
    ------
    redis.RedisError
        While Redis is away.
    """
    if await redis.type(key) not in (b"hash", b"none"):
        _log.warning("%s holds something else than a cache's entries, and is deleted", key)
        await redis.delete(key)
