"""Fixtures that the integration tests share."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from store.queue import open_redis
from support.processes import Valkey


@pytest.fixture
async def redis(valkey: Valkey) -> AsyncIterator[Redis]:
    """Open a client, as the programs do, of a Valkey with nothing in it."""
    async with open_redis(valkey.url) as client:
        yield client
