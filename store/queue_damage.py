"""Remove keys of a queue with which Docket cannot work; workers then queue pending runs again from their records.

A program that can write to Redis may leave a key of another type under a name of Docket's. Docket's scripts fail at it
each time, and with them the runs of all others.
"""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from docket import Docket

_FIELDS = ("key", "when", "function", "args", "kwargs", "attempt")
"""The fields that Docket's script reads of a task that was parked until its time."""
_LATE_SECONDS = 5
"""A parked task that is due for longer was not taken: Docket looks four times a second."""
_MOST_AT_ONCE = 1000

_log = logging.getLogger(__name__)


async def repair_queue(redis: Redis, docket: "Docket") -> None:
    """Remove what keeps a queue from working. An intact queue costs three small commands.

    Raises
    ------
    redis.RedisError
        If Redis is away.
    """
    if await _has_other_type(redis, {docket.stream_key: b"stream", docket.queue_key: b"zset"}):
        _log.error("deleted the queue %s, whose keys hold something else; pending runs are queued again", docket.name)
        await _delete_all(redis, docket)
    # Heartbeats of workers, and instructions to strike tasks, of which this service gives none.
    others = {docket.workers_set: b"zset", docket.key("strikes"): b"stream"}
    for name in await _has_other_type(redis, others):
        _log.error("deleted %s, which holds something else", name)
        await redis.delete(name)
    await _remove_damaged_parked(redis, docket)


async def forget_task(redis: Redis, docket: "Docket", task: str) -> None:
    """Delete all that the queue knows of a task, so that it can be added again."""
    await redis.zrem(docket.queue_key, task)
    await redis.delete(
        docket.parked_task_key(task),
        docket.runs_key(task),
        docket.known_task_key(task),
        docket.stream_id_key(task),
        docket.key(f"progress:{task}"),
    )


def is_damage(error: ResponseError) -> bool:
    """Return whether a script failed because of damaged values, and not for a passing reason such as a full Redis."""
    return any(words in str(error) for words in ("WRONGTYPE", "attempt to", "must be strings or integers"))


async def _has_other_type(redis: Redis, types: Mapping[str, bytes]) -> list[str]:
    """Return the keys that exist and are of another type."""
    async with redis.pipeline(transaction=False) as pipeline:
        for name in types:
            pipeline.type(name)
        found = await pipeline.execute()
    return [name for (name, kind), is_now in zip(types.items(), found, strict=True) if is_now not in (kind, b"none")]


async def _delete_all(redis: Redis, docket: "Docket") -> None:
    async for key in redis.scan_iter(f"{docket.prefix}:*", count=1000):
        await redis.unlink(key)


async def _remove_damaged_parked(redis: Redis, docket: "Docket") -> None:
    """Remove parked tasks that Docket cannot put into the stream: it would put no later one there, either."""
    seconds, _ = await redis.time()
    due: Any = await redis.zrangebyscore(docket.queue_key, 0, seconds - _LATE_SECONDS, start=0, num=_MOST_AT_ONCE)
    for member in due:
        parked = docket.parked_task_key("").encode() + member
        try:
            values: Any = await redis.hmget(parked, _FIELDS)
        except ResponseError as error:
            if not is_damage(error):
                raise
            values = [None]
        if None in values:
            _log.error("removed the delayed task %r from the queue %s: it is damaged", member[:100], docket.name)
            await redis.zrem(docket.queue_key, member)
            await redis.delete(parked)
            if member.isascii():
                await forget_task(redis, docket, member.decode())
