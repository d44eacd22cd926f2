"""Let time pass for the records of runs, whose times are those of Redis."""

from typing import Any

from redis.asyncio import Redis

from store.runs import Kind
from support.keys import KEYS


async def pass_time(redis: Redis, kind: Kind, seconds: int) -> None:
    """Set back the times by which records of a kind expire or are forgotten, as if `seconds` had passed."""
    active = KEYS.active(kind.name)
    scores: Any = await redis.zrange(active, 0, -1, withscores=True)
    for identifier, score in scores:
        await redis.zadd(active, {identifier: score - seconds})
    async for key in redis.scan_iter(KEYS.record(kind.name, "*")):
        asked: Any = await redis.hget(key, "asked")
        await redis.hset(key, "asked", str(int(asked) - seconds))
