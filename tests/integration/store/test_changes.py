"""Changes of runs wake their waiters, over one connection."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from concept_orderings.request import parse_request
from store.jobs import job_of
from store.keys import Keys
from store.runs import JOB, RunChanges, Runs
from support.keys import KEYS
from support.requests import random_request

pytestmark = pytest.mark.anyio

REQUEST = job_of(parse_request(random_request("s")))
ID = REQUEST.id


@pytest.fixture
async def changes(redis: Redis) -> AsyncIterator[RunChanges]:
    changes = RunChanges(redis, KEYS)
    with changes.listen("any") as subscribed:
        running = asyncio.create_task(changes.run())
        await asyncio.wait_for(subscribed.wait(), 30)  # set once `changes` has subscribed
    yield changes
    running.cancel()
    await asyncio.wait([running])


async def test_a_change_wakes_the_waiters_of_its_record(redis: Redis, changes: RunChanges) -> None:
    jobs = Runs(redis, KEYS, JOB)
    with (
        changes.listen(ID) as change,
        changes.listen(ID, only_when_final=True) as end,
        changes.listen("other") as other,
    ):
        await jobs.submit(REQUEST, most_active=1)
        await asyncio.wait_for(change.wait(), 30)
        assert not end.is_set()
        await jobs.cancel(ID)
        await asyncio.wait_for(end.wait(), 30)
        assert not other.is_set()


async def test_messages_that_are_not_a_run_s_end_nothing(redis: Redis, changes: RunChanges) -> None:
    for message in (b"", b"\xff", b"a", f"{ID} asleep", f"{ID} two words"):
        await redis.publish(KEYS.changes, message)
    with changes.listen(ID) as change:
        await Runs(redis, KEYS, JOB).submit(REQUEST, most_active=1)
        await asyncio.wait_for(change.wait(), 30)


async def test_a_thousand_listeners_need_one_connection(redis: Redis, changes: RunChanges) -> None:
    jobs = Runs(redis, KEYS, JOB)

    async def listen() -> None:
        with changes.listen(ID, only_when_final=True) as end:
            await asyncio.wait_for(end.wait(), 30)

    await jobs.submit(REQUEST, most_active=1)
    before = (await redis.info("clients"))["connected_clients"]
    listeners = [asyncio.create_task(listen()) for _ in range(1000)]
    await asyncio.sleep(0)
    assert (await redis.info("clients"))["connected_clients"] <= before
    await jobs.cancel(ID)
    await asyncio.gather(*listeners)


async def test_all_waiters_are_woken_when_redis_is_back(redis: Redis, changes: RunChanges) -> None:
    with changes.listen(ID) as change:
        await redis.client_kill_filter(_type="pubsub")
        await asyncio.wait_for(change.wait(), 30)


async def test_a_change_in_another_namespace_wakes_no_waiter(redis: Redis, changes: RunChanges) -> None:
    mine, others = Runs(redis, KEYS, JOB), Runs(redis, Keys("other"), JOB)
    with changes.listen(ID) as change:
        await others.submit(REQUEST, most_active=1)
        await others.cancel(ID)
        with changes.listen("after") as after:
            # Messages arrive in the order of their publication: when this one is here, the earlier ones are too.
            await redis.publish(KEYS.changes, "after queued")
            await asyncio.wait_for(after.wait(), 30)
        assert not change.is_set()
        await mine.submit(REQUEST, most_active=1)
        await asyncio.wait_for(change.wait(), 30)
