"""Move the data that release 0.1.0 left in Redis to the current keys.

One script moves a job or a look at counts with everything that belongs to it, and deletes the old keys. So the move may
be interrupted between any two commands and begun again, and two programs may move at once. The keys of counts and
embeddings have not changed. The queues are deleted unread: their values are pickled, and workers queue pending records
again.
"""

import asyncio
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
from store.upgrade.running_0_1_0 import NONE, Running, find_running

LUA = Path(__file__).with_name("lua")

_CHUNK = 500
_TAKING_SECONDS = 2.0
"""Longer than an API of 0.1.0 takes from recording a job to its answer."""

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


class PartKeys(NamedTuple):
    """Keys of ``delete_part.lua``."""

    old_record: str
    part: str


_MOVE_JOB = Script(read_lua(LUA / "move_job.lua", keys=JobKeys, arguments=[JobArguments]))
_MOVE_LOOK = Script(read_lua(LUA / "move_look.lua", keys=LookKeys, arguments=[LookArguments]))
_MOVE_COUNTER = Script(read_lua(LUA / "move_counter.lua", keys=CounterKeys, arguments=[]))
_DELETE_PART = Script(read_lua(LUA / "delete_part.lua", keys=PartKeys, arguments=[]))


async def move(redis: Redis, keys: Keys, *, now: datetime) -> Running:
    """Move the data of release 0.1.0, unless workers of that release are running.

    Only the default namespace has any, since 0.1.0 knew no other.

    Parameters
    ----------
    redis
        A client that returns bytes.
    keys
        Makes the current keys.
    now
        The time of records that had none.

    Returns
    -------
    Running
        The programs of 0.1.0 that were running when this began.

    Raises
    ------
    redis.RedisError
        If Redis is away.
    """
    if keys.namespace != DEFAULT_NAMESPACE:
        return NONE
    running = await find_running(redis)
    if running.workers:
        return running
    old = KeysOfRelease010()
    found = [name.decode(errors="replace") async for name in redis.scan_iter(old.pattern, count=1000)]
    if running.apis:
        # An API of 0.1.0 records a job, queues it and reads it, and answers 503 if it is gone by then.
        await asyncio.sleep(_TAKING_SECONDS)
    moved = await _move_records(redis, old, keys, found, now.isoformat(timespec="milliseconds"))
    await _MOVE_COUNTER.run(redis, CounterKeys(old=old.last_look, new=keys.last_run(LOOK.name)))
    rest = [key for key in found if old.is_left_over(key)]
    for some in _chunks(rest):
        await redis.unlink(*some)
    if moved or rest:
        _log.info("moved %d jobs and looks of release 0.1.0, and deleted its queues", moved)
    return running


async def _move_records(redis: Redis, old: KeysOfRelease010, keys: Keys, found: Sequence[str], written: str) -> int:
    """Move the jobs and looks under keys of release 0.1.0; return how many."""
    moved = 0
    for key in found:
        if (job := old.job_in(key)) is not None:
            moved += await _unless_damaged(key, _move_job(redis, old, keys, job))
        elif (look := old.look_in(key)) is not None:
            moved += await _unless_damaged(key, _move_look(redis, old, keys, look, written))
        elif (job := old.job_of_part(key)) is not None:
            # Not at once with the queues: an API of 0.1.0 may have taken the job since the keys were listed.
            await _DELETE_PART.run(redis, PartKeys(old_record=old.job(job), part=key))
    return moved


async def move_again(redis: Redis, keys: Keys, *, now: datetime) -> Running:
    """Move what programs of release 0.1.0 have left since the last time; without any, this is one small command.

    Returns
    -------
    Running
        As `move` does; none if there is nothing to move.

    Raises
    ------
    redis.RedisError
        If Redis is away.
    """
    if keys.namespace == DEFAULT_NAMESPACE and await redis.exists(*KeysOfRelease010.signs):
        return await move(redis, keys, now=now)
    return NONE


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
        if type(error) is not ResponseError or not any(words in str(error) for words in ("user_script", "WRONGTYPE")):
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
