"""The bell: whoever waits for a job hears of its changes, over one connection."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from concept_orderings.request import parse_request
from store.bell import Bell
from store.jobs import Jobs, job_id
from store.queue import open_redis
from support.processes import Valkey
from support.requests import random_request

pytestmark = pytest.mark.anyio

REQUEST = parse_request(random_request("s"))
ID = job_id(REQUEST)


@pytest.fixture
async def redis(valkey: Valkey) -> AsyncIterator[Redis]:
    async with open_redis(valkey.url) as client:
        yield client


@pytest.fixture
async def bell(redis: Redis) -> AsyncIterator[Bell]:
    bell = Bell(redis)
    with bell.listen("any") as subscribed:
        running = asyncio.create_task(bell.run())
        await asyncio.wait_for(subscribed.wait(), 30)  # it lets everybody look once it hears
    yield bell
    running.cancel()
    await asyncio.wait([running])


async def test_every_change_rings_for_those_who_listen_for_it(redis: Redis, bell: Bell) -> None:
    jobs = Jobs(redis)
    with bell.listen(ID) as change, bell.listen(ID, only_when_final=True) as end, bell.listen("other") as other:
        await jobs.submit(REQUEST, most_active=1)
        await asyncio.wait_for(change.wait(), 30)
        assert not end.is_set()
        await jobs.cancel(ID)
        await asyncio.wait_for(end.wait(), 30)
        assert not other.is_set()


async def test_a_thousand_listeners_need_one_connection(redis: Redis, bell: Bell) -> None:
    jobs = Jobs(redis)

    async def listen() -> None:
        with bell.listen(ID, only_when_final=True) as end:
            await asyncio.wait_for(end.wait(), 30)

    await jobs.submit(REQUEST, most_active=1)
    before = (await redis.info("clients"))["connected_clients"]
    listeners = [asyncio.create_task(listen()) for _ in range(1000)]
    await asyncio.sleep(0)
    assert (await redis.info("clients"))["connected_clients"] <= before
    await jobs.cancel(ID)
    await asyncio.gather(*listeners)


async def test_it_rings_for_all_when_redis_is_back(redis: Redis, bell: Bell) -> None:
    with bell.listen(ID) as change:
        await redis.client_kill_filter(_type="pubsub")
        await asyncio.wait_for(change.wait(), 30)
