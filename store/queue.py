"""The queues: Docket over Redis. An entry is the id of a record and the number of its run, and nothing else.

Each kind of run has a queue of its own, so that a look at counts does not wait behind a path search of minutes.

Their values in Redis are JSON, and nothing else is read: see `store.docket_codec`. A program that can write to Redis
can still delete jobs and add others, so protect Redis with a password, and keep it off the network.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import ResponseError

from store.queue_damage import forget_task, is_damage, repair_queue

if TYPE_CHECKING:
    from docket import Docket

TAKES_LANES = "+lanes"
"""How the name of a worker ends that takes jobs by lane, and from the queue only what an earlier release puts there."""

TASK = "run"
"""Docket's name for the worker's function, in each queue."""

_REMEMBERED = timedelta(days=7)
_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 10.0
_MOST_CONNECTIONS = 50
# Docket opens a connection for each concurrent call, and fails at more than a hundred.
_MOST_ADDING = 25

_log = logging.getLogger(__name__)


class _Pool(BlockingConnectionPool):
    """A pool that awaits `prepare` before it gives a connection."""

    prepare: Callable[[], Awaitable[None]] | None = None

    async def get_connection(self, *arguments: Any, **options: Any) -> Any:
        if self.prepare is not None:
            await self.prepare()
        return await super().get_connection(*arguments, **options)  # type: ignore[no-untyped-call]


def open_redis(url: str, *, prepare: Callable[[], Awaitable[None]] | None = None) -> "Redis":
    """Return a client for records and caches; it connects when it is first used.

    At most 50 connections are in use at once, and further callers wait for one: no caller may hold one for long.

    Parameters
    ----------
    url
        Where Redis is.
    prepare
        Called before every use, such as `store.upgrade.Upgrade.ensure`.
    """
    pool = _Pool.from_url(
        url,
        max_connections=_MOST_CONNECTIONS,
        timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=_ANSWER_SECONDS,
    )
    pool.prepare = prepare
    return Redis(connection_pool=pool)


def make_docket(url: str, name: str) -> "Docket":
    """Return the queue of a name (`store.keys.Keys.queue`); enter it before use."""
    # Imported late: Docket would add a third to the time that the API takes to start, and only queues need it.
    from docket import Docket  # noqa: PLC0415

    from store.docket_codec import install  # noqa: PLC0415

    install()
    docket = Docket(name=name, url=url, execution_ttl=_REMEMBERED)
    # Removes Docket's example tasks, of which one sleeps for as long as its message says.
    docket.tasks.clear()
    return docket


class Queue:
    """The writing end of a queue. The reading end is a Docket worker in ``worker/main.py``."""

    def __init__(self, docket: "Docket") -> None:
        self._docket = docket
        self._adding = asyncio.Semaphore(_MOST_ADDING)
        if TASK not in docket.tasks:
            docket.register(_run_by_the_worker, names=[TASK])

    async def add(self, identifier: str, run: int) -> None:
        """Queue a run; adding it again while it is queued or running changes nothing.

        Raises
        ------
        redis.RedisError
            If Redis is away.
        """
        task = f"{identifier}:{run}"
        async with self._adding:
            try:
                await self._docket.add(TASK, key=task)(identifier, run)
            except ResponseError as error:
                if not is_damage(error):
                    raise
                _log.error("deleted what the queue %s had of %s: %s", self._docket.name, task, error)
                async with self._docket.redis() as redis:
                    await forget_task(cast("Redis", redis), self._docket, task)
                await self._docket.add(TASK, key=task)(identifier, run)

    async def repair(self, redis: Redis) -> None:
        """Remove keys of the queue with which it cannot work (`store.queue_damage`); the queue need not be entered.

        Raises
        ------
        redis.RedisError
            If Redis is away.
        """
        await repair_queue(redis, self._docket)

    async def has_earlier_workers(self) -> bool:
        """Return whether workers have reported recently that take jobs from the queue alone."""
        async with self._docket.redis() as redis:
            client = cast("Redis", redis)
            names: Any = await client.zrangebyscore(self._docket.workers_set, self._oldest_heartbeat(), "+inf")
        return not all(name.endswith(TAKES_LANES.encode()) for name in names)

    async def workers(self) -> int:
        """Return how many workers have reported recently."""
        async with self._docket.redis() as redis:
            client = cast("Redis", redis)
            return int(await client.zcount(self._docket.workers_set, self._oldest_heartbeat(), "+inf"))

    def _oldest_heartbeat(self) -> float:
        """Return the time before which a heartbeat is that of a worker that has gone, as Docket counts it."""
        return time.time() - self._docket.heartbeat_interval.total_seconds() * self._docket.missed_heartbeats


async def _run_by_the_worker(identifier: str, run: int) -> None:
    """Stand for the worker's function, which the API refers to by name and never imports."""
    raise NotImplementedError
