"""The Redis hashes in which the caches keep their entries."""

import logging

from redis.asyncio import Redis

_log = logging.getLogger(__name__)


async def delete_unless_hash(redis: Redis, key: str) -> None:
    """Delete a cache's key that holds another Redis type than a hash, so that entries can be stored under it again.

    Raises
    ------
    redis.RedisError
        While Redis is away.
    """
    if await redis.type(key) not in (b"hash", b"none"):
        _log.warning("%s holds something other than a hash of cache entries; it is deleted", key)
        await redis.delete(key)
