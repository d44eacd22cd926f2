"""Runs are taken from lanes, in which clients take turns, and none is lost or taken twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from concept_orderings.progress import Phase
from store.queue import open_redis
from store.runs import JOB, LOOK, ClientFull, Lane, QueueFull, Runs, State, Submission, Taken, Verdict
from support.keys import KEYS
from support.processes import Valkey

pytestmark = pytest.mark.anyio

NOTE = {"code": "request_of_later_release", "detail": "Later."}


@pytest.fixture
async def redis(valkey: Valkey) -> AsyncIterator[Redis]:
    async with open_redis(valkey.url) as client:
        yield client


@pytest.fixture
def runs(redis: Redis) -> Runs:
    return Runs(redis, KEYS, JOB)


def job(number: int, client: str = "", lane: Lane = Lane.ORDER) -> Submission:
    return Submission(id=f"{number:032x}", canonical=b"{}", about={}, lane=lane, client=client)


async def submit(runs: Runs, *jobs: Submission) -> None:
    await runs.submit_each(jobs, most_active=10_000)


async def taken(runs: Runs, lane: Lane = Lane.ORDER) -> list[int]:
    """Take all runs that wait; return the numbers of their records."""
    found = []
    while (each := await runs.take(lane)) is not None:
        found.append(int(each.id, 16))
    return found


async def test_a_run_is_taken_with_its_request_and_is_running(runs: Runs) -> None:
    await submit(runs, job(1))
    found = await runs.take(Lane.ORDER)
    assert found is not None
    assert found[:3] == ("0" * 31 + "1", 1, 1)
    assert await runs.decompressed(found.request or b"") == b"{}"
    record = await runs.get(found.id)
    assert record is not None
    assert (record.state, record.attempts) == (State.RUNNING, 1)
    assert await runs.take(Lane.ORDER) is None


async def test_lanes_do_not_wait_for_each_other(runs: Runs) -> None:
    await submit(runs, job(1, lane=Lane.COMPUTE), job(2), job(3, lane=Lane.COMPUTE))
    assert await taken(runs, Lane.ORDER) == [2]
    assert await taken(runs, Lane.COMPUTE) == [1, 3]


async def test_clients_take_turns_and_each_clients_runs_are_taken_in_order(runs: Runs) -> None:
    await submit(runs, *(job(number, "one") for number in range(1, 6)))
    await submit(runs, job(6, "two"), job(7, "two"), job(8, "three"))
    assert await taken(runs) == [1, 6, 8, 2, 7, 3, 4, 5]


async def test_a_client_that_comes_back_waits_for_one_turn_of_each_other(runs: Runs) -> None:
    await submit(runs, *(job(number, "one") for number in range(1, 4)), job(9, "two"))
    first = [await runs.take(Lane.ORDER) for _ in range(2)]
    assert [int(each.id, 16) for each in first if each] == [1, 9]
    await submit(runs, job(10, "two"))
    assert await taken(runs) == [2, 10, 3]


async def test_a_cancelled_run_is_not_taken_and_leaves_nothing(runs: Runs, redis: Redis) -> None:
    await submit(runs, job(1), job(2))
    await runs.cancel(job(1).id)
    assert await taken(runs) == [2]
    assert await redis.keys(KEYS.waiting("job") + "*") == []


async def test_many_workers_take_each_run_once(runs: Runs, redis: Redis) -> None:
    await submit(runs, *(job(number, f"client {number % 7}") for number in range(100)))
    workers = [Runs(redis, KEYS, JOB) for _ in range(8)]
    found = await asyncio.gather(*map(taken, workers))
    assert sorted(number for each in found for number in each) == list(range(100))


def started_again(found: Taken | None, expected: Taken) -> bool:
    """Return whether a run was taken again, later."""
    return found is not None and found == expected._replace(started_at=found.started_at)


async def test_a_run_that_is_given_back_is_taken_again(runs: Runs) -> None:
    await submit(runs, job(1))
    found = await runs.take(Lane.ORDER)
    assert found is not None
    await runs.give_back(found.id, found.run, counted=False)
    assert started_again(await runs.take(Lane.ORDER), found)


async def test_a_paused_run_is_taken_after_its_pause(runs: Runs) -> None:
    await submit(runs, job(1))
    found = await runs.take(Lane.ORDER)
    assert found is not None
    await runs.give_back(found.id, found.run, counted=True, pause_seconds=0.2)
    assert not await runs.offer(found.id, found.run)
    assert await runs.take(Lane.ORDER) is None
    await asyncio.sleep(0.25)
    assert await runs.offer(found.id, found.run)
    assert started_again(await runs.take(Lane.ORDER), found._replace(attempt=2))


async def test_a_run_left_to_a_later_release_is_never_taken_by_turn(runs: Runs) -> None:
    await submit(runs, job(1))
    found = await runs.take(Lane.ORDER)
    assert found is not None
    await runs.give_back(found.id, found.run, counted=False, note=NOTE)
    assert not await runs.offer(found.id, found.run)
    assert await runs.take(Lane.ORDER) is None
    left = await runs.unoffered()
    assert [(each.id, each.lane, each.is_left) for each in left] == [(found.id, Lane.ORDER, True)]


async def test_a_run_whose_worker_died_is_offered_once_its_lease_is_over(runs: Runs, redis: Redis) -> None:
    await submit(runs, job(1))
    found = await runs.take(Lane.ORDER)
    assert found is not None
    assert not await runs.offer(found.id, found.run)
    await redis.delete(KEYS.lease("job", found.id, found.run))
    (stray,) = await runs.unoffered()
    assert await runs.offer(stray.id, stray.run)
    assert started_again(await runs.take(Lane.ORDER), found._replace(attempt=2))


async def test_a_run_that_an_earlier_release_recorded_is_offered(runs: Runs, redis: Redis) -> None:
    """It writes no index: its records and the set of active ones are all that there is."""
    await submit(runs, job(1), job(2, "client", Lane.COMPUTE))
    await redis.delete(*await redis.keys(KEYS.waiting("job") + "*"))
    for each in await runs.unoffered():
        assert await runs.offer(each.id, each.run)
    assert await runs.unoffered() == []
    assert (await taken(runs), await taken(runs, Lane.COMPUTE)) == ([1], [2])


async def test_a_lane_of_a_later_release_counts_as_compute(runs: Runs, redis: Redis) -> None:
    await submit(runs, job(1))
    await redis.delete(*await redis.keys(KEYS.waiting("job") + "*"))
    await redis.hset(KEYS.record("job", job(1).id), "lane", "gpu")
    (stray,) = await runs.unoffered()
    assert await runs.offer(stray.id, stray.run)
    assert await taken(runs, Lane.COMPUTE) == [1]


async def test_keys_of_another_type_are_replaced(runs: Runs, redis: Redis) -> None:
    await redis.set(KEYS.waiting("job", Lane.ORDER), "text")
    assert await runs.take(Lane.ORDER) is None
    await redis.set(KEYS.waiting("job", Lane.ORDER, ""), "text")
    await submit(runs, job(1))
    await redis.set(KEYS.waiting("job", Lane.ORDER, ""), "text")
    assert await runs.take(Lane.ORDER) is None
    assert [each.is_offered for each in await runs._pending()] == [False]


async def test_runs_are_offered_again_where_the_turns_of_their_clients_are_lost(runs: Runs, redis: Redis) -> None:
    await submit(runs, job(1, "one"), job(2, "two"), job(3, "two"))
    await redis.set(KEYS.waiting("job", Lane.ORDER), "text")
    assert await runs.take(Lane.ORDER) is None
    for each in await runs.unoffered():
        assert await runs.offer(each.id, each.run)
    assert await runs.unoffered() == []
    assert sorted(await taken(runs)) == [1, 2, 3]


async def test_what_was_accepted_ends_while_the_memory_of_redis_is_full(runs: Runs, redis: Redis) -> None:
    await submit(runs, *(job(number) for number in range(1, 5)))
    await redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(OutOfMemoryError):
            await submit(runs, job(5))
        first, second, third = [await runs.take(Lane.ORDER) for _ in range(3)]
        assert first is not None
        assert second is not None
        assert third is not None
        await redis.delete(KEYS.lease("job", first.id, first.run))
        assert await runs.keep(first.id, first.run) is Verdict.GO_ON
        assert not await runs.offer(first.id, first.run), "it has its lease again"
        await runs.progress(first.id, first.run, Phase.ARRANGING, 1, 2)
        await runs.succeed(first.id, first.run, b"1")
        await runs.give_back(second.id, second.run, counted=False)
        await runs.cancel(third.id)
        assert await runs.keep(third.id, third.run) is Verdict.STOP
        await runs.end_cancelled(third.id, third.run)
        await runs.cancel(job(4).id)
    finally:
        await redis.config_set("maxmemory", "0")
    states = [record.state for number in range(1, 5) if (record := await runs.get(job(number).id))]
    assert states == [State.SUCCEEDED, State.QUEUED, State.CANCELLED, State.CANCELLED]
    assert await runs.get(job(5).id) is None


async def test_redis_is_not_held_up_by_runs_that_an_earlier_release_has_ended(runs: Runs, redis: Redis) -> None:
    """It leaves them among those that wait."""
    assert await runs.take(Lane.ORDER) is None, "the script is loaded"
    over = {job(number).id: 0 for number in range(10, 1800)}
    await redis.zadd(KEYS.waiting("job", Lane.ORDER, ""), over)
    await submit(runs, job(1))
    await redis.config_resetstat()
    assert await taken(runs) == [1]
    assert (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] == 5, "four for the run, one to find no other"
    assert await redis.keys(KEYS.waiting("job") + "*") == []


async def test_workers_hear_that_a_lane_was_empty_and_nothing_else(runs: Runs, redis: Redis) -> None:
    channel = redis.pubsub()
    await channel.subscribe(KEYS.waiting("job", Lane.ORDER), KEYS.waiting("job", Lane.COMPUTE))
    await submit(runs, job(1), job(2), job(3, lane=Lane.COMPUTE))
    heard = []
    while (message := await channel.get_message(timeout=1)) is not None:
        if message["type"] == "message":
            heard.append(message["data"].decode()[-1])
    assert heard == ["1", "3"]
    await channel.aclose()  # type: ignore[no-untyped-call]


async def test_looks_have_no_lane(redis: Redis) -> None:
    looks = Runs(redis, KEYS, LOOK)
    await submit(looks, job(1, lane=Lane.LOOK))
    assert await redis.keys(KEYS.waiting("look") + "*") == []


async def submit_for(runs: Runs, client: str, *numbers: int, most_active: int = 10, most: int = 3) -> None:
    jobs = [job(number, client) for number in numbers]
    await runs.submit_each(jobs, most_active=most_active, most_of_client=most)


async def test_a_client_has_a_share_of_the_active_runs(runs: Runs, redis: Redis) -> None:
    await submit_for(runs, "one", 1, 2, 3)
    keys = await redis.keys()
    with pytest.raises(ClientFull) as caught:
        await submit_for(runs, "one", 4)
    assert (caught.value.needed, caught.value.most) == (1, 3)
    assert await redis.keys() == keys
    await submit_for(runs, "one", 1, 2)  # they are active already
    await submit_for(runs, "two", 5, 6)
    with pytest.raises(ClientFull) as caught:
        await submit_for(runs, "two", 5, 6, 7, 8)
    assert caught.value.needed == 2
    await submit_for(runs, "", 10, 11, 12, 13)  # a client that is not known has no share
    with pytest.raises(QueueFull) as full:
        await submit_for(runs, "two", 14, 15)
    assert not isinstance(full.value, ClientFull), "the queue is full for all"


@pytest.mark.parametrize("end", ["succeeded", "cancelled", "failed"])
async def test_a_run_that_is_over_frees_its_clients_place(runs: Runs, end: str) -> None:
    await submit_for(runs, "one", 1, 2, 3)
    found = await runs.take(Lane.ORDER)
    assert found is not None
    if end == "succeeded":
        await runs.succeed(found.id, found.run, b"1")
    elif end == "failed":
        await runs.fail(found.id, found.run, {"code": "x", "detail": "y"})
    else:
        await runs.cancel(job(2).id)
    await submit_for(runs, "one", 4)
    with pytest.raises(ClientFull):
        await submit_for(runs, "one", 5)


async def test_runs_that_an_earlier_release_ended_do_not_count(runs: Runs, redis: Redis) -> None:
    await submit_for(runs, "one", 1, 2, 3)
    await redis.zrem(KEYS.active("job"), job(2).id)
    await submit_for(runs, "one", 4)
    with pytest.raises(ClientFull):
        await submit_for(runs, "one", 5)


async def test_a_run_that_another_client_submits_again_counts_for_that_one(runs: Runs) -> None:
    await submit_for(runs, "one", 1, 2, 3)
    found = await runs.take(Lane.ORDER)
    assert found is not None
    await runs.fail(found.id, found.run, {"code": "x", "detail": "y"})
    await submit_for(runs, "two", 1, 5, 6)
    with pytest.raises(ClientFull):
        await submit_for(runs, "two", 7)
    await submit_for(runs, "one", 8)
