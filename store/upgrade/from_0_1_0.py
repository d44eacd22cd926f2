"""Move the data that release 0.1.0 left in Redis to the current keys.

One script moves a job or a look at counts with everything that belongs to it, and deletes the old keys. So the move may
be interrupted between any two commands and begun again, and two programs may move at once. The keys of counts and
embeddings have not changed. The queues are deleted unread: their values are pickled, and workers queue pending records
again.
"""

import json
import logging
from collections.abc import Awaitable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from store.keys import DEFAULT_NAMESPACE, Keys, KeysOfRelease010
from store.lua import Script, read_lua
from store.runs.kinds import JOB, LOOK, Lane

LUA = Path(__file__).with_name("lua")

_CHUNK = 500

_log = logging.getLogger(__name__)


class JobKeys(NamedTuple):
    """Keys of ``move_job.lua``."""

    old_record: str
    old_request: str
    old_events: str
    record: str
    request: str
    events: str
    active: str
    last_run: str


class JobArguments(NamedTuple):
    """Arguments of ``move_job.lua``."""

    id: str
    lane: str


class LookKeys(NamedTuple):
    """Keys of ``move_look.lua``."""

    old_record: str
    old_active: str
    record: str
    request: str
    active: str
    last_run: str


class LookArguments(NamedTuple):
    """Arguments of ``move_look.lua``."""

    id: str
    lane: str
    now: str


class CounterKeys(NamedTuple):
    """Keys of ``move_counter.lua``."""

    old: str
    new: str


_MOVE_JOB = Script(read_lua(LUA / "move_job.lua", keys=JobKeys, arguments=[JobArguments]))
_MOVE_LOOK = Script(read_lua(LUA / "move_look.lua", keys=LookKeys, arguments=[LookArguments]))
_MOVE_COUNTER = Script(read_lua(LUA / "move_counter.lua", keys=CounterKeys, arguments=[]))


async def move(redis: Redis, keys: Keys, *, now: datetime) -> None:
    """Move the data of release 0.1.0, if `keys` has the default namespace, since 0.1.0 knew no other.

    Parameters
    ----------
    redis
        A client that returns bytes.
    keys
        Makes the current keys.
    now
        The time of records that had none.

    Raises
    ------
    redis.RedisError
        If Redis is away.
    """
    if keys.namespace != DEFAULT_NAMESPACE:
        return
    old = KeysOfRelease010()
    written = now.isoformat(timespec="milliseconds")
    moved, rest = 0, list[str]()
    async for name in redis.scan_iter(old.pattern, count=1000):
        key = name.decode(errors="replace")
        if (job := old.job_in(key)) is not None:
            moved += await _unless_damaged(key, _move_job(redis, old, keys, job))
        elif (look := old.look_in(key)) is not None:
            moved += await _unless_damaged(key, _move_look(redis, old, keys, look, written))
        elif old.is_left_over(key):
            rest.append(key)
    await _MOVE_COUNTER.run(redis, CounterKeys(old=old.last_look, new=keys.last_run(LOOK.name)))
    for some in _chunks(rest):
        await redis.unlink(*some)
    if moved or rest:
        _log.info("moved %d jobs and looks of release 0.1.0, and deleted its queues", moved)


async def _unless_damaged(key: str, moving: Awaitable[int]) -> int:
    """Return how many records were moved: a damaged one stays where it is, and the service starts without it.

    Raises
    ------
    redis.RedisError
        If Redis is away, full or read-only: the move is then done again later.
    """
    try:
        return await moving
    except (ValueError, AttributeError) as error:
        reason: Exception = error
    except ResponseError as error:
        # Full memory and other refusals of the server have classes or words of their own.
        if type(error) is not ResponseError or "user_script" not in str(error):
            raise
        reason = error
    _log.error("%s of release 0.1.0 is damaged, and was not moved: %s", key, reason)
    return 0


async def _move_job(redis: Redis, old: KeysOfRelease010, keys: Keys, identifier: str) -> int:
    ordering: Any = await redis.hget(old.job(identifier), "ordering")
    names = JobKeys(
        old_record=old.job(identifier),
        old_request=old.job_request(identifier),
        old_events=old.job_events(identifier),
        record=keys.record(JOB.name, identifier),
        request=keys.request(JOB.name, identifier),
        events=keys.events(JOB.name, identifier),
        active=keys.active(JOB.name),
        last_run=keys.last_run(JOB.name),
    )
    return await _MOVE_JOB.run(redis, names, JobArguments(id=identifier, lane=_lane(ordering).value))


async def _move_look(redis: Redis, old: KeysOfRelease010, keys: Keys, identifier: str, now: str) -> int:
    names = LookKeys(
        old_record=old.look(identifier),
        old_active=old.active_looks,
        record=keys.record(LOOK.name, identifier),
        request=keys.request(LOOK.name, identifier),
        active=keys.active(LOOK.name),
        last_run=keys.last_run(LOOK.name),
    )
    return await _MOVE_LOOK.run(redis, names, LookArguments(id=identifier, lane=Lane.LOOK.value, now=now))


def _lane(ordering: bytes | None) -> Lane:
    """Return the lane of one of the six orderings that release 0.1.0 had."""
    fields = json.loads(ordering) if ordering is not None else {}
    gathers = fields.get("kind") == "similarity" or fields.get("source", "request") != "request"
    return Lane.COMPUTE if gathers else Lane.ORDER


def _chunks(keys: Sequence[str]) -> Iterator[list[str]]:
    left = iter(keys)
    while some := list(islice(left, _CHUNK)):
        yield some
