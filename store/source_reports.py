"""Sources of counts that workers have: workers report them in Redis every few seconds, and the API lists them.

They are one hash. A field is the name of a source; its value is the time of the report and the report, as JSON. A
source is dropped 30 seconds after the last worker reported it. All times are those of the Redis server, so the clocks
of workers need not agree.
"""

import json
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.typing import EncodableT, FieldT

from store.keys import Keys
from store.sources import SourceReport

KEPT_SECONDS = 30
"""How long a source is listed after the last report of it."""
WANTED_SECONDS = 120
"""How long workers go on asking servers after a client has listed the sources."""


class SourceReports:
    """The reports of workers on their sources.

    All methods raise `redis.RedisError` while Redis is away.

    Parameters
    ----------
    redis
        A client that returns bytes.
    keys
        Makes the keys.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._reported: set[str] = set()

    async def report(self, sources: Mapping[str, SourceReport]) -> None:
        """Report the sources of this worker, and remove those that it reported before and does not have any more."""
        now = await self._now()
        gone = self._reported - sources.keys()
        async with self._redis.pipeline() as pipeline:
            if gone:
                pipeline.hdel(self._keys.sources, *gone)
            if sources:
                reports: dict[FieldT, EncodableT] = {
                    name: json.dumps([now, each.as_json()]) for name, each in sources.items()
                }
                pipeline.hset(self._keys.sources, mapping=reports)
                pipeline.expire(self._keys.sources, 2 * KEPT_SECONDS)
            pipeline.set(self._keys.sources_reported, 1, ex=KEPT_SECONDS)
            await pipeline.execute()
        self._reported = set(sources)

    async def list(self) -> dict[str, SourceReport]:
        """Return what workers have reported in the last 30 seconds, by name."""
        now = await self._now()
        fields: Any = await self._redis.hgetall(self._keys.sources)
        reports = {name.decode(): json.loads(value) for name, value in fields.items()}
        return {
            name: SourceReport.from_json(source)
            for name, (when, source) in reports.items()
            if when > now - KEPT_SECONDS
        }

    async def any_reported(self) -> bool:
        """Return whether a worker has reported in the last 30 seconds, even if it has no sources."""
        return bool(await self._redis.exists(self._keys.sources_reported))

    async def ask_servers(self) -> None:
        """Make the workers ask the servers of their sources for the next two minutes.

        Workers ask no server unless a client has listed the sources.
        """
        await self._redis.set(self._keys.sources_wanted, 1, ex=WANTED_SECONDS)

    async def should_ask_servers(self) -> bool:
        """Return whether workers should ask the servers of their sources."""
        return bool(await self._redis.exists(self._keys.sources_wanted))

    async def _now(self) -> int:
        seconds, _ = await self._redis.time()
        return int(seconds)
