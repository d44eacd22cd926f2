"""Bring the data in Redis to the current format, once, before a program reads it."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from concept_orderings.errors import SettingError
from store.format import CURRENT, refusal
from store.keys import Keys
from store.upgrade.running_0_1_0 import NONE, Running

_SECONDS = 10.0

_log = logging.getLogger(__name__)


class UnknownFormat(SettingError, RedisError):
    """A later release wrote the data in Redis: programs refuse to start, and a running API answers 503."""


class Upgrade:
    """Checks the format of the data in Redis, and brings it to the current one, before the first use.

    The API starts without Redis, which may start later. So `ensure` is called before every use of Redis; once it has
    succeeded, it costs nothing. Two programs may upgrade at once, and each may be killed at any moment.

    Parameters
    ----------
    url
        Where Redis is.
    keys
        Makes the keys.
    """

    def __init__(self, url: str, keys: Keys) -> None:
        self._url = url
        self._keys = keys
        self._done = False
        self._running = NONE
        self._doing = asyncio.Lock()

    async def ensure(self) -> None:
        """Upgrade, unless this object has done so.

        Raises
        ------
        UnknownFormat
            ``unknown_data_format``.
        redis.RedisError
            If Redis is away.
        """
        if self._done:
            return
        async with self._doing:
            if not self._done:
                async with self._client() as redis:
                    self._warn(await upgrade(redis, self._keys))
                self._done = True

    async def move_again(self) -> None:
        """Move what programs of release 0.1.0 that still run have left since; workers call this regularly.

        Raises
        ------
        UnknownFormat
            ``unknown_data_format``.
        redis.RedisError
            If Redis is away.
        """
        from store.upgrade import from_0_1_0  # noqa: PLC0415  # the API needs it once at most

        await self.ensure()
        async with self._client() as redis:
            self._warn(await from_0_1_0.move_again(redis, self._keys, now=datetime.now(UTC)))

    async def try_now(self) -> None:
        """Upgrade now, when a program starts, if Redis answers.

        Raises
        ------
        UnknownFormat
            ``unknown_data_format``.
        """
        try:
            await self.ensure()
        except UnknownFormat:
            raise
        except (RedisError, OSError) as error:
            _log.warning("Redis cannot be used yet: %s", error)

    def _warn(self, running: Running) -> None:
        """Log which programs of 0.1.0 are running, each time that they are others."""
        if running != self._running:
            for each in running.warnings:
                _log.warning("%s", each)
        self._running = running

    def _client(self) -> Redis:
        # Without retries: while Redis is away, the next use tries again.
        return Redis.from_url(
            self._url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=_SECONDS, socket_timeout=_SECONDS
        )


async def upgrade(redis: Redis, keys: Keys, *, now: datetime | None = None) -> Running:
    """Check the format of the data in Redis, and bring it to the current one.

    Returns
    -------
    Running
        The programs of release 0.1.0 that were running; nothing was moved if there are workers among them.

    Raises
    ------
    UnknownFormat
        ``unknown_data_format``.
    redis.RedisError
        If Redis is away.
    """
    data: Any = await redis.get(keys.format)
    if data is not None and (wrong := refusal(data, f"The data in Redis under {keys.namespace}")):
        raise UnknownFormat("unknown_data_format", wrong)
    running = NONE
    if data is None:
        from store.upgrade import from_0_1_0  # noqa: PLC0415  # only the first start needs its scripts

        running = await from_0_1_0.move(redis, keys, now=now or datetime.now(UTC))
    if data != CURRENT.to_bytes():
        await redis.set(keys.format, CURRENT.to_bytes())
    return running
