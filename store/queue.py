"""The queues: Docket over Redis. What passes between the two programs is a record's id and its run, nothing else.

There is one for each kind of run, so that a look at a source's counts does not wait behind a path search of minutes.

What they keep in Redis is JSON, and nothing else is read: see `store.docket_codec`. A program that can write to that
Redis can still delete jobs and invent others, so keep it off the network, with a password.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from redis.asyncio import BlockingConnectionPool, Redis

if TYPE_CHECKING:
    from docket import Docket

TASK = "run"
"""What Docket calls the worker's function, in each queue."""

_REMEMBERED = timedelta(days=7)
_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 10.0
_MOST_CONNECTIONS = 50
# Docket's own connections are as many as it has calls at once, up to a hundred; then it fails.
_MOST_ADDING = 25


class _Pool(BlockingConnectionPool):
    """A pool that prepares the server before it gives its first connection."""

    prepare: Callable[[], Awaitable[None]] | None = None

    async def get_connection(self, *arguments: Any, **options: Any) -> Any:
        if self.prepare is not None:
            await self.prepare()
        return await super().get_connection(*arguments, **options)  # type: ignore[no-untyped-call]


def open_redis(url: str, *, prepare: Callable[[], Awaitable[None]] | None = None) -> "Redis":
    """Return a client for records and caches; it connects when it is first used.

    At most 50 connections are in use at once, and further callers wait for one: nothing may hold one for long.

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
    # Docket's examples, of which one sleeps for as long as its message says.
    docket.tasks.clear()
    return docket


class Queue:
    """The end of a queue where runs are put in. The other end is a Docket worker in ``worker/main.py``."""

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
        async with self._adding:
            await self._docket.add(TASK, key=f"{identifier}:{run}")(identifier, run)

    async def workers(self) -> int:
        """Return how many workers have reported lately."""
        return len(await self._docket.workers())


async def _run_by_the_worker(identifier: str, run: int) -> None:
    """Stands for the worker's function, which the API names but never imports."""
    raise NotImplementedError
