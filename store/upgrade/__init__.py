"""Bring what lies in Redis to today's format, once, before anything else reads it."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from concept_orderings.errors import SettingError
from store.format import TODAY, refusal
from store.keys import Keys

_SECONDS = 10.0

_log = logging.getLogger(__name__)


class UnknownFormat(SettingError, RedisError):
    """Redis holds what a later release wrote: to a request it is as if Redis were away, and at start it is refused."""


class Upgrade:
    """Checks the format in Redis, and brings it to today's, before the first use.

    The API starts without Redis, and Redis may come later: so this stands before every use of it, and costs nothing
    once it is done. Two programs may do it at once, and each may be killed at any moment.

    Parameters
    ----------
    url
        Where Redis is.
    keys
        What the keys are called.
    """

    def __init__(self, url: str, keys: Keys) -> None:
        self._url = url
        self._keys = keys
        self._done = False
        self._doing = asyncio.Lock()

    async def ensure(self) -> None:
        """Do it unless it is done.

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
                    await upgrade(redis, self._keys)
                self._done = True

    async def try_now(self) -> None:
        """Do it now, at start, if Redis answers.

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

    def _client(self) -> Redis:
        # One that does not wait for Redis to come back: the next use tries again.
        return Redis.from_url(
            self._url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=_SECONDS, socket_timeout=_SECONDS
        )


async def upgrade(redis: Redis, keys: Keys, *, now: datetime | None = None) -> None:
    """Check the format in Redis, and bring it to today's.

    Raises
    ------
    UnknownFormat
        ``unknown_data_format``.
    redis.RedisError
        If Redis is away.
    """
    data: Any = await redis.get(keys.format)
    if data is not None and (wrong := refusal(data, f"What Redis has under {keys.namespace}")):
        raise UnknownFormat("unknown_data_format", wrong)
    if data is None:
        from store.upgrade import from_0_1_0  # noqa: PLC0415  # only the first start needs its scripts

        await from_0_1_0.move(redis, keys, now=now or datetime.now(UTC))
    if data != TODAY.to_bytes():
        await redis.set(keys.format, TODAY.to_bytes())
