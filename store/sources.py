"""Which sources of counts the workers have: they say so in Redis every few seconds, and the API reads it.

One hash; field: the source's name; value: when it was told, and what, as JSON. A source that nobody has told of lately
is nobody's any more. All times are the server's: the clocks of workers need not agree.
"""

import json
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.typing import EncodableT, FieldT

_TOLD = "concept-orderings:sources"
_HEARD = "concept-orderings:sources:heard"
_WANTED = "concept-orderings:sources:wanted"

BELIEVED_SECONDS = 30
"""How long a source is there of which no worker says so again."""
WANTED_SECONDS = 120
"""How long somebody who looked is taken to go on looking."""


class ToldSources:
    """What workers say of their sources, as JSON.

    All methods raise `redis.RedisError` while Redis is away.

    Parameters
    ----------
    redis
        A client that returns bytes.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._mine: set[str] = set()

    async def tell(self, sources: Mapping[str, Mapping[str, Any]]) -> None:
        """Say what sources this worker has; those it has said before and has no more are taken back."""
        now = await self._now()
        gone = self._mine - sources.keys()
        async with self._redis.pipeline() as pipeline:
            if gone:
                pipeline.hdel(_TOLD, *gone)
            if sources:
                told: dict[FieldT, EncodableT] = {name: json.dumps([now, each]) for name, each in sources.items()}
                pipeline.hset(_TOLD, mapping=told)
                pipeline.expire(_TOLD, 2 * BELIEVED_SECONDS)
            pipeline.set(_HEARD, 1, ex=BELIEVED_SECONDS)
            await pipeline.execute()
        self._mine = set(sources)

    async def told(self) -> dict[str, dict[str, Any]]:
        """Return what workers have said lately, by name."""
        now = await self._now()
        fields: Any = await self._redis.hgetall(_TOLD)
        told = {name.decode(): json.loads(value) for name, value in fields.items()}
        return {name: source for name, (when, source) in told.items() if when > now - BELIEVED_SECONDS}

    async def heard(self) -> bool:
        """Tell whether any worker has said lately what sources it has, be it none."""
        return bool(await self._redis.exists(_HEARD))

    async def want(self) -> None:
        """Ask the workers to ask servers elsewhere too; nobody's server is asked before somebody looks."""
        await self._redis.set(_WANTED, 1, ex=WANTED_SECONDS)

    async def wanted(self) -> bool:
        """Tell whether somebody has looked lately."""
        return bool(await self._redis.exists(_WANTED))

    async def _now(self) -> int:
        seconds, _ = await self._redis.time()
        return int(seconds)
