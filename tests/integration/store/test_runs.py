"""Records and runs on a real Valkey: each transition by itself, then all of them against a model.

The first part tests both kinds; the parts on jobs and on looks test the policies of each.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from redis.asyncio import Redis

from concept_orderings.errors import JobCrashed, StoreError
from concept_orderings.progress import Phase
from store.compressed import compress
from store.queue import open_redis
from store.runs import JOB, LOOK, Kind, Lane, QueueFull, Record, Runs, State, Submission, Verdict
from store.runs.record import CHANGING
from store.runs.scripts import LUA
from support.keys import KEYS
from support.passing_time import pass_time
from support.processes import Valkey

pytestmark = pytest.mark.anyio

ERROR = {"code": "source_unavailable", "detail": 'Why: \N{SNOWMAN} "quoted" \\ and\nnext.'}
NOTE = {"code": "request_of_later_release", "detail": 'Waits for "a later" release \N{SNOWMAN}.'}
DAY = 24 * 3600


def submission(number: int) -> Submission:
    return Submission(
        id=f"{number:032x}",
        canonical=b'{"number":%d}' % number,
        about={"stream": f"stream-{number}", "note": 'ç\u2028"'},
        lane=Lane.COMPUTE,
        client="a client",
        steps=7,
    )


SUBMISSION, OTHER = submission(1), submission(2)
ID = SUBMISSION.id


Make = Callable[[Kind], Runs]


@pytest.fixture
def make(redis: Redis) -> Make:
    return lambda kind: Runs(redis, KEYS, kind)


@pytest.fixture(params=[JOB, LOOK], ids=lambda kind: kind.name)
def runs(request: pytest.FixtureRequest, make: Make) -> Runs:
    kind: Kind = request.param
    return make(kind)


@pytest.fixture
def jobs(make: Make) -> Runs:
    return make(JOB)


@pytest.fixture
def looks(make: Make) -> Runs:
    return make(LOOK)


async def submit(runs: Runs, what: Submission = SUBMISSION, most_active: int = 100, again: bool = False) -> int:
    run = await runs.submit(what, most_active=most_active, again=again)
    assert run is not None
    return run


async def found(runs: Runs, identifier: str = ID) -> Record:
    record = await runs.get(identifier)
    assert record is not None
    return record


async def history(jobs: Runs) -> list[Record]:
    record = await jobs.get(ID)
    return [then for _, then in await jobs.events(record, "0")] if record is not None else []


async def next_millisecond(redis: Redis) -> None:
    """Wait until times in records are later than before."""
    _, before = await redis.time()
    while (await redis.time())[1] // 1000 == before // 1000:  # noqa: ASYNC110  # Redis announces no time
        await asyncio.sleep(0.001)


async def active(redis: Redis, runs: Runs) -> set[bytes]:
    members: Any = redis.zrange(KEYS.active(runs.kind.name), 0, -1)
    return set(await members)


# ---- every kind


async def test_an_unknown_record(runs: Runs) -> None:
    assert await runs.get(ID) is None
    assert await runs.request(ID) is None
    assert await runs.start(ID, 1) == 0
    assert await runs.keep(ID, 1) is Verdict.LEAVE
    await runs.progress(ID, 1, Phase.COUNTING, 1, 1)
    await runs.give_back(ID, 1, counted=True)
    await runs.succeed(ID, 1, b"1")
    assert not await runs.cancel(ID)
    assert await runs.get(ID) is None, "reading it makes no record"
    assert await runs.pending() == []


async def test_a_submitted_record(runs: Runs, redis: Redis) -> None:
    assert await submit(runs) == 1
    record = await found(runs)
    assert (record.id, record.run, record.state) == (ID, 1, State.QUEUED)
    assert (record.about, record.client, record.lane) == (SUBMISSION.about, "a client", Lane.COMPUTE)
    assert (record.phase, record.done, record.total, record.result, record.error) == (None, 0, 7, None, None)
    assert record.created_at == record.updated_at
    assert not record.cancel_requested
    assert await runs.request(ID) == SUBMISSION.canonical
    assert await active(redis, runs) == {ID.encode()}


async def test_submitting_twice_gives_one_run(runs: Runs) -> None:
    assert [await submit(runs) for _ in range(3)] == [1, 1, 1]
    await runs.start(ID, 1)
    assert await submit(runs) == 1
    assert (await found(runs)).state is State.RUNNING
    assert await submit(runs, OTHER) == 2


async def test_concurrent_submissions_give_one_run(valkey: Valkey, runs: Runs) -> None:
    clients = [open_redis(valkey.url) for _ in range(50)]
    assert await asyncio.gather(*(submit(Runs(each, KEYS, runs.kind)) for each in clients)) == [1] * 50
    assert await runs.pending() == [(ID, 1)]
    for each in clients:
        await each.aclose()


@pytest.mark.parametrize("damage", [{"state": "asleep"}, {"run": "many"}, {"state": b"\xff"}], ids=str)
async def test_a_damaged_record_hides_no_other_that_is_pending(
    runs: Runs, redis: Redis, damage: dict[str, str | bytes]
) -> None:
    await submit(runs)
    run = await runs.submit(OTHER, most_active=9)
    await redis.hset(KEYS.record(runs.kind.name, ID), mapping=damage)  # type: ignore[arg-type]
    assert await runs.pending() == [(OTHER.id, run)]


async def test_a_run_from_submission_to_success(runs: Runs) -> None:
    run = await submit(runs)
    assert await runs.start(ID, run) == 1
    await runs.progress(ID, run, Phase.EMBEDDING, 256, 1024)
    record = await found(runs)
    assert (record.state, record.phase, record.done, record.total) == (State.RUNNING, "embedding", 256, 1024)
    await runs.succeed(ID, run, b"seven")
    record = await found(runs)
    assert (record.state, record.result, record.error) == (State.SUCCEEDED, b"seven", None)
    assert await runs.request(ID) is None
    assert await runs.pending() == []


async def test_a_failure_keeps_its_error(runs: Runs) -> None:
    run = await submit(runs)
    await runs.start(ID, run)
    await runs.fail(ID, run, ERROR)
    record = await found(runs)
    assert (record.state, record.error, record.result) == (State.FAILED, ERROR, None)


async def test_a_refresh_does_not_read_about_again(runs: Runs, redis: Redis) -> None:
    run = await submit(runs)
    before = await found(runs)
    await runs.start(ID, run)
    await redis.hdel(KEYS.record(runs.kind.name, ID), "about")
    now = await runs.refresh(before)
    assert now is not None
    assert (now.state, now.about) == (State.RUNNING, SUBMISSION.about)
    await redis.delete(KEYS.record(runs.kind.name, ID))
    assert await runs.refresh(before) is None


async def test_a_queued_run_is_cancelled_at_once(runs: Runs) -> None:
    await submit(runs)
    assert await runs.cancel(ID)
    assert (await found(runs)).state is State.CANCELLED
    assert await runs.pending() == []
    assert await runs.start(ID, 1) == 0, "the delivery that is still in the queue does nothing"
    assert not await runs.cancel(ID)


async def test_a_running_run_is_asked_to_stop(runs: Runs) -> None:
    run = await submit(runs)
    await runs.start(ID, run)
    assert await runs.keep(ID, run) is Verdict.GO_ON
    assert await runs.cancel(ID)
    assert await runs.keep(ID, run) is Verdict.STOP
    record = await found(runs)
    assert record.state is State.RUNNING
    assert record.cancel_requested
    await runs.end_cancelled(ID, run)
    assert (await found(runs)).state is State.CANCELLED


async def test_only_one_worker_holds_a_run(runs: Runs, make: Make) -> None:
    other = make(runs.kind)
    run = await submit(runs)
    assert await runs.start(ID, run) == 1
    assert await other.start(ID, run) == 0
    assert await other.keep(ID, run) is Verdict.LEAVE
    assert await runs.keep(ID, run) is Verdict.GO_ON
    await runs.give_back(ID, run, counted=True)
    assert await other.start(ID, run) == 2
    assert await runs.keep(ID, run) is Verdict.LEAVE


async def test_a_run_whose_worker_is_silent_can_be_taken_over(redis: Redis, runs: Runs) -> None:
    silent = Runs(redis, KEYS, runs.kind, lease_seconds=0.05)
    run = await submit(silent)
    assert await silent.start(ID, run) == 1
    async with asyncio.timeout(30):
        while await runs.start(ID, run) != 2:  # noqa: ASYNC110  # Redis publishes no expiry of a lease
            await asyncio.sleep(0.01)
    assert await silent.keep(ID, run) is Verdict.LEAVE
    assert (await found(runs)).state is State.RUNNING


async def lost(runs: Runs, make: Make, redis: Redis) -> tuple[Runs, int]:
    """Start a run that loses its lease to another worker, which begins the next attempt; return that worker."""
    other = make(runs.kind)
    run = await submit(runs)
    assert await runs.start(ID, run) == 1
    await redis.delete(KEYS.lease(runs.kind.name, ID, run))
    assert await other.start(ID, run) == 2
    return other, run


Change = Callable[[Runs, int], Awaitable[object]]
CHANGES: dict[str, Change] = {
    "progress": lambda runs, run: runs.progress(ID, run, Phase.ARRANGING, 1, 2),
    "succeed": lambda runs, run: runs.succeed(ID, run, b"9"),
    "fail": lambda runs, run: runs.fail(ID, run, ERROR),
    "end cancelled": lambda runs, run: runs.end_cancelled(ID, run),
    "give back": lambda runs, run: runs.give_back(ID, run, counted=True),
    "stop": lambda runs, run: runs.give_back(ID, run, counted=False, note=NOTE),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("then", ["is at work", "was killed", "has given it back", "has finished"])
async def test_a_worker_that_lost_its_lease_changes_nothing(
    runs: Runs, make: Make, redis: Redis, change: Change, then: str
) -> None:
    other, run = await lost(runs, make, redis)
    match then:
        case "was killed":
            await redis.delete(KEYS.lease(runs.kind.name, ID, run))
        case "has given it back":
            await other.give_back(ID, run, counted=True)
        case "has finished":
            await other.succeed(ID, run, b"7")
    before, keys, events = await found(runs), sorted(await redis.keys("*")), await history(runs)
    await change(runs, run)
    assert await runs.keep(ID, run) is Verdict.LEAVE
    assert await found(runs) == before
    assert sorted(await redis.keys("*")) == keys
    assert await history(runs) == events
    if then == "is at work":
        assert await other.keep(ID, run) is Verdict.GO_ON


async def test_a_worker_whose_lease_is_over_goes_on_unless_another_begins(runs: Runs, redis: Redis) -> None:
    run = await submit(runs)
    await runs.start(ID, run)
    await redis.delete(KEYS.lease(runs.kind.name, ID, run))
    await runs.progress(ID, run, Phase.ARRANGING, 1, 2)
    assert (await found(runs)).done == 1
    assert await runs.keep(ID, run) is Verdict.GO_ON
    await redis.delete(KEYS.lease(runs.kind.name, ID, run))
    await runs.succeed(ID, run, b"7")
    assert (await found(runs)).state is State.SUCCEEDED


async def test_a_note_says_why_a_run_waits_until_it_starts_again(runs: Runs, make: Make) -> None:
    run = await submit(runs)
    assert await runs.start(ID, run) == 1
    await runs.give_back(ID, run, counted=False, note=NOTE)
    record = await found(runs)
    assert (record.state, record.note) == (State.QUEUED, NOTE)
    assert await runs.pending() == [(ID, run)]
    assert await make(runs.kind).start(ID, run) == 1
    assert (await found(runs)).note is None


async def test_a_note_ends_with_the_run(jobs: Runs) -> None:
    run = await submit(jobs)
    await jobs.start(ID, run)
    await jobs.give_back(ID, run, counted=False, note=NOTE)
    await jobs.cancel(ID)
    assert (await found(jobs)).note is None


@settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.datetimes(datetime(1970, 1, 1), datetime(2400, 1, 1)))
def test_times_are_written_as_python_writes_them(valkey: Valkey, when: datetime) -> None:
    when = when.replace(tzinfo=UTC)
    seconds = (when.replace(microsecond=0) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    script = (LUA / "time.lua").read_text() + "return iso_time(tonumber(ARGV[1]), tonumber(ARGV[2]))"
    with valkey.client() as client:
        answer: Any = client.eval(script, 0, seconds, when.microsecond)
    assert answer.decode() == when.isoformat(timespec="milliseconds")


async def test_times_are_those_of_redis(runs: Runs, redis: Redis) -> None:
    async def now() -> float:
        seconds, microseconds = await redis.time()
        return float(seconds) + microseconds // 1000 / 1000

    before = await now()
    run = await submit(runs)
    created = datetime.fromisoformat((await found(runs)).created_at).timestamp()
    between = await now()
    await runs.start(ID, run)
    updated = datetime.fromisoformat((await found(runs)).updated_at).timestamp()
    assert before <= created <= between <= updated <= await now()


# ---- several at once


FIVE = [submission(number) for number in range(5)]


async def test_requests_that_are_submitted_together_get_their_runs_in_order(jobs: Runs) -> None:
    await submit(jobs, FIVE[3])
    assert await jobs.submit_each(FIVE, most_active=5) == [2, 3, 4, 1, 5]
    assert await jobs.pending() == [(FIVE[i].id, run) for run, i in enumerate((3, 0, 1, 2, 4), 1)]
    assert [(await found(jobs, each.id)).about for each in FIVE] == [each.about for each in FIVE]
    assert [await jobs.request(each.id) for each in FIVE] == [each.canonical for each in FIVE]
    assert await jobs.submit_each(FIVE, most_active=5) == [2, 3, 4, 1, 5], "they are in already"


@pytest.mark.parametrize("active", [0, 1])
async def test_none_of_several_is_recorded_without_room_for_all(runs: Runs, active: int) -> None:
    for each in FIVE[:active]:
        await submit(runs, each)
    before = await runs.pending()
    with pytest.raises(QueueFull) as caught:
        await runs.submit_each(FIVE, most_active=4)
    assert caught.value.needed == 5 - active
    assert await runs.pending() == before
    assert [each.id for each in FIVE if await runs.get(each.id) is not None] == [each.id for each in FIVE[:active]]


async def test_none_of_several_is_recorded_if_one_has_succeeded_unless_it_may_run_again(jobs: Runs) -> None:
    run = await submit(jobs, FIVE[1])
    await jobs.start(FIVE[1].id, run)
    await jobs.succeed(FIVE[1].id, run, b"1")
    runs = await jobs.submit_each(FIVE, most_active=9)
    assert [each.id for each, run in zip(FIVE, runs, strict=True) if run is None] == [FIVE[1].id]
    assert await jobs.pending() == []
    others = [*FIVE[:1], *FIVE[2:]]
    assert await jobs.submit_each(others, most_active=4) == [2, 3, 4, 5]
    with pytest.raises(QueueFull):
        await jobs.submit_each(FIVE, most_active=4, again={FIVE[1].id})
    assert await jobs.submit_each(FIVE, most_active=5, again={FIVE[1].id}) == [2, 6, 3, 4, 5]


async def test_one_of_several_that_is_being_cancelled_keeps_its_place(jobs: Runs) -> None:
    run = await submit(jobs)
    await jobs.start(ID, run)
    await jobs.cancel(ID)
    with pytest.raises(QueueFull):
        await jobs.submit_each([SUBMISSION, OTHER], most_active=1)
    assert (await found(jobs)).run == run, "without room for the other one, it is left as it is"
    assert await jobs.submit_each([SUBMISSION, OTHER], most_active=2) == [2, 3]


async def test_posts_of_the_same_requests_at_the_same_time_take_each_place_once(valkey: Valkey, jobs: Runs) -> None:
    clients = [open_redis(valkey.url) for _ in range(20)]
    both = [Runs(each, KEYS, JOB).submit_each(FIVE[i % 2 : 4 + i % 2], most_active=5) for i, each in enumerate(clients)]
    taken = await asyncio.gather(*both)
    assert {tuple(each) for each in taken} == {tuple(taken[0]), tuple(taken[1])}
    assert sorted(run for _, run in await jobs.pending()) == [1, 2, 3, 4, 5]
    for each in clients:
        await each.aclose()


async def test_posts_that_compete_for_the_last_places_are_recorded_whole(valkey: Valkey, jobs: Runs) -> None:
    clients = [open_redis(valkey.url) for _ in range(8)]
    fours = [[submission(4 * i + j) for j in range(4)] for i in range(len(clients))]
    posts = [Runs(each, KEYS, JOB).submit_each(four, most_active=10) for each, four in zip(clients, fours, strict=True)]
    ends = await asyncio.gather(*posts, return_exceptions=True)
    whole = {each.id for four, end in zip(fours, ends, strict=True) if isinstance(end, list) for each in four}
    assert len(whole) == 8
    assert {each for each, _ in await jobs.pending()} == whole
    for each in clients:
        await each.aclose()


# ---- lists


async def listed(runs: Runs, limit: int = 10) -> list[str]:
    return [each.id for each in await runs.listed(limit)]


async def test_active_records_are_listed_before_the_finished_ones(jobs: Runs) -> None:
    submissions = [submission(number) for number in range(6)]
    ids = [each.id for each in submissions]
    numbers = [await submit(jobs, each) for each in submissions]
    assert await listed(jobs) == ids
    for which in (3, 1):
        await jobs.start(ids[which], numbers[which])
    await jobs.succeed(ids[3], numbers[3], b"1")
    await jobs.fail(ids[1], numbers[1], {"code": "a", "detail": "b"})
    await jobs.cancel(ids[5])
    found = await listed(jobs)
    assert found[:3] == [ids[0], ids[2], ids[4]]
    # Those of the same second are in any order.
    assert set(found[3:]) == {ids[1], ids[3], ids[5]}
    assert await listed(jobs, 2) == [ids[0], ids[2]]
    # A job that is asked for again is listed once.
    await submit(jobs, submissions[1])
    assert sorted(await listed(jobs)) == sorted(ids)
    assert (await listed(jobs)).index(ids[1]) == 3


async def test_damaged_records_are_not_listed(jobs: Runs, redis: Redis) -> None:
    await submit(jobs)
    await submit(jobs, OTHER)
    await spoil(redis, KEYS.record(jobs.kind.name, ID))
    assert await listed(jobs) == [OTHER.id]


# ---- damage


async def spoil(redis: Redis, key: str) -> None:
    """Write another Redis type under a key."""
    await redis.delete(key)
    await (
        redis.set(key, "?")
        if key.endswith((":active", ":recent", f":record:{ID}", f":events:{ID}"))
        else redis.sadd(key, "?")
    )


KEYS_OF_A_RUN: dict[str, Callable[[str, int], str]] = {
    "request": lambda kind, run: KEYS.request(kind, ID),
    "events": lambda kind, run: KEYS.events(kind, ID),
    "lease": lambda kind, run: KEYS.lease(kind, ID, run),
    "active": lambda kind, run: KEYS.active(kind),
    "last run": lambda kind, run: KEYS.last_run(kind),
    "recent": lambda kind, run: KEYS.recent(kind),
}


@pytest.mark.parametrize("name", KEYS_OF_A_RUN)
@pytest.mark.parametrize("when", ["queued", "running"])
async def test_a_key_of_another_type_stops_no_run(runs: Runs, redis: Redis, name: str, when: str) -> None:
    kind = runs.kind.name
    run = await submit(runs)
    if when == "running":
        await runs.start(ID, run)
    await spoil(redis, KEYS_OF_A_RUN[name](kind, run))
    if when == "queued":
        assert await runs.start(ID, run) == 1
    await runs.progress(ID, run, Phase.ARRANGING, 1, 2)
    assert await runs.keep(ID, run) is Verdict.GO_ON
    await runs.succeed(ID, run, b"7")
    assert (await found(runs)).result == b"7"
    # A lost counter begins anew; other records have other keys in the queue.
    assert await submit(runs, OTHER) > (0 if name == "last run" else run)


async def test_a_record_of_another_type_is_damaged_until_it_is_submitted_again(runs: Runs, redis: Redis) -> None:
    run = await submit(runs)
    await spoil(redis, KEYS.record(runs.kind.name, ID))
    with pytest.raises(StoreError, match="is damaged") as caught:
        await runs.get(ID)
    assert caught.value.code == "record_damaged"
    again = await submit(runs)
    assert (await found(runs)).state is State.QUEUED
    assert again > run


@pytest.mark.parametrize(
    "damage",
    [{"about": "no JSON"}, {"about": "[]"}, {"state": "asleep"}, {"run": "many"}, {"total": "?"}, {"lane": b"\xff"}],
    ids=str,
)
async def test_a_damaged_record_can_be_submitted_again_once_its_run_is_over(
    jobs: Runs, redis: Redis, damage: dict[str, str | bytes]
) -> None:
    run = await submit(jobs)
    await redis.hset(KEYS.record("job", ID), mapping=damage)  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        await jobs.get(ID)
    if await jobs.start(ID, run):
        await jobs.fail(ID, run, ERROR)
    again = await submit(jobs)
    assert again > run
    record = await found(jobs)
    assert (record.run, record.state, record.total, record.lane) == (again, State.QUEUED, 7, Lane.COMPUTE)


async def test_other_pending_records_are_listed_beside_damaged_ones(runs: Runs, redis: Redis) -> None:
    kind = runs.kind.name
    run = await submit(runs)
    junk = [b"\xff", b"not an id", b"a" * 32, OTHER.id.encode()]
    await redis.zadd(KEYS.active(kind), dict.fromkeys(junk, 9e9))
    await spoil(redis, KEYS.record(kind, ID))
    await redis.set(KEYS.record(kind, OTHER.id), "?")
    third = submission(3)
    run = await submit(runs, third)
    assert await runs.pending() == [(third.id, run)]
    assert {"a" * 32, OTHER.id, ID}.isdisjoint({each.decode(errors="replace") for each in await active(redis, runs)})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (compress(b" " * 5000), "more than 4000 bytes"),
        (compress(b"{}")[:-1], "cut"),
        (compress(b"{}") + b"x", "cut"),
        (b"{}", "cannot be decompressed"),
    ],
    ids=["too large", "cut", "more", "not compressed"],
)
async def test_a_damaged_request_is_refused_within_a_limit(redis: Redis, data: bytes, words: str) -> None:
    jobs = Runs(redis, KEYS, JOB, most_request_bytes=4000)
    await submit(jobs)
    await redis.set(KEYS.request("job", ID), data)
    with pytest.raises(JobCrashed, match=words):
        await jobs.request(ID)
    await redis.set(KEYS.request("job", ID), compress(b" " * 4000))
    assert await jobs.request(ID) == b" " * 4000


async def test_a_record_of_a_later_release_can_be_read(jobs: Runs, redis: Redis) -> None:
    """A later release may add lanes, phases and fields."""
    await submit(jobs)
    await redis.hset(KEYS.record("job", ID), mapping={"lane": "gpu", "phase": "dreaming", "priority": "7"})
    record = await found(jobs)
    assert (record.lane, record.phase) == ("gpu", "dreaming")
    event = [part for pair in {"priority": "7", "lane": "gpu", "run": "1", "state": "queued"}.items() for part in pair]
    times = ["created_at", record.created_at, "updated_at", record.updated_at]
    await redis.xadd(KEYS.events("job", ID), {"job": json.dumps([*event, *times])})
    assert [then.lane for _, then in await jobs.events(record, "0")] == ["compute", "gpu"]


async def test_pending_records_are_listed_with_their_run(runs: Runs) -> None:
    await submit(runs)
    await submit(runs, OTHER)
    assert await runs.pending() == [(ID, 1), (OTHER.id, 2)]
    await runs.cancel(ID)
    assert await runs.pending() == [(OTHER.id, 2)]


async def test_pending_records_are_listed_by_run(runs: Runs) -> None:
    numbers = [5, 3, 4, 1, 2]
    for number in numbers:
        await submit(runs, submission(number))
    assert await runs.pending() == [(submission(number).id, run) for run, number in enumerate(numbers, 1)]


async def test_a_run_has_the_time_and_the_number_of_its_attempt(runs: Runs, redis: Redis) -> None:
    run = await submit(runs)
    queued = await found(runs)
    assert (queued.attempts, queued.started_at, queued.finished_at) == (0, None, None)
    await runs.start(ID, run)
    await next_millisecond(redis)
    await runs.progress(ID, run, Phase.COUNTING, 1, 2)
    running = await found(runs)
    assert running.started_at is not None
    assert queued.created_at <= running.started_at < running.updated_at
    assert (running.attempts, running.finished_at) == (1, None)
    await runs.give_back(ID, run, counted=True)
    assert ((await found(runs)).attempts, (await found(runs)).started_at) == (1, None)
    await next_millisecond(redis)
    await runs.start(ID, run)
    again = await found(runs)
    assert again.attempts == 2
    assert again.started_at is not None
    assert again.started_at > running.updated_at
    await next_millisecond(redis)
    await runs.fail(ID, run, ERROR)
    failed = await found(runs)
    assert (failed.attempts, failed.started_at, failed.finished_at) == (2, again.started_at, failed.updated_at)


async def test_a_run_whose_worker_died_before_it_could_stop_is_not_started_again(runs: Runs) -> None:
    run = await submit(runs)
    await runs.start(ID, run)
    await runs.cancel(ID)
    assert await runs.start(ID, run) == 0
    assert (await found(runs)).state is State.CANCELLED
    assert await runs.pending() == []


@pytest.mark.parametrize("counted", [True, False])
async def test_giving_back_a_cancelled_run_finishes_it(runs: Runs, counted: bool) -> None:
    run = await submit(runs)
    await runs.start(ID, run)
    await runs.cancel(ID)
    await runs.give_back(ID, run, counted=counted)
    assert (await found(runs)).state is State.CANCELLED
    assert await runs.pending() == []


async def test_attempts_are_counted_unless_the_worker_is_stopping(runs: Runs) -> None:
    run = await submit(runs)
    assert await runs.start(ID, run) == 1
    await runs.give_back(ID, run, counted=False)
    assert (await found(runs)).state is State.QUEUED
    assert await runs.start(ID, run) == 1
    await runs.give_back(ID, run, counted=True)
    assert await runs.start(ID, run) == 2
    assert await runs.start(ID, run) == 3, "redelivered, as its worker was killed"


async def test_giving_a_run_back_resets_its_progress(runs: Runs) -> None:
    run = await submit(runs)
    await runs.start(ID, run)
    await runs.progress(ID, run, Phase.ARRANGING, 3, 4)
    await runs.give_back(ID, run, counted=False)
    record = await found(runs)
    assert (record.phase, record.done, record.total) == (None, 0, 7)


async def test_a_finished_run_does_not_change(runs: Runs) -> None:
    run = await submit(runs)
    await runs.start(ID, run)
    await runs.succeed(ID, run, b"1")
    before, events = await found(runs), await history(runs)
    await runs.fail(ID, run, ERROR)
    await runs.end_cancelled(ID, run)
    await runs.progress(ID, run, Phase.ARRANGING, 1, 2)
    await runs.give_back(ID, run, counted=True)
    assert await runs.start(ID, run) == 0
    assert await runs.keep(ID, run) is Verdict.LEAVE
    assert not await runs.cancel(ID)
    assert await found(runs) == before
    assert await history(runs) == events


async def test_calls_of_an_earlier_run_change_nothing(runs: Runs) -> None:
    old = await submit(runs)
    await runs.start(ID, old)
    await runs.fail(ID, old, ERROR)
    failed = await found(runs)
    if runs.kind.policy.until_fetched:
        await runs.fetched(failed)
    run = await submit(runs)
    assert run > old
    await runs.start(ID, run)
    before, events = await found(runs), await history(runs)
    assert await runs.start(ID, old) == 0
    assert await runs.keep(ID, old) is Verdict.LEAVE
    await runs.progress(ID, old, Phase.ARRANGING, 1, 2)
    await runs.give_back(ID, old, counted=False)
    await runs.fail(ID, old, ERROR)
    await runs.succeed(ID, old, b"9")
    await runs.end_cancelled(ID, old)
    await runs.fetched(failed)
    assert await found(runs) == before
    assert await history(runs) == events


async def test_a_record_without_attempts_can_be_read(runs: Runs, redis: Redis) -> None:
    await submit(runs)
    await redis.hdel(KEYS.record(runs.kind.name, ID), "attempts")
    assert (await found(runs)).attempts == 0


async def test_a_full_queue_refuses_a_submission(runs: Runs, redis: Redis) -> None:
    others = [submission(number) for number in range(11, 14)]
    taken = [await submit(runs, each, most_active=3) for each in others]
    keys = await redis.keys("*")
    with pytest.raises(QueueFull):
        await submit(runs, most_active=3)
    assert await redis.keys("*") == keys, "nothing is left of a refused one"
    assert await submit(runs, others[0], most_active=3) == taken[0], "one that is in already is no more work"


# ---- jobs


async def test_submitting_a_cancelled_job_begins_the_next_run(jobs: Runs) -> None:
    run = await submit(jobs)
    await jobs.start(ID, run)
    await jobs.cancel(ID)
    assert await submit(jobs, most_active=1) == run + 1, "it takes the place that it has, also in a full queue"
    assert await jobs.keep(ID, run) is Verdict.LEAVE
    await jobs.end_cancelled(ID, run)
    job = await found(jobs)
    assert (job.run, job.state, job.cancel_requested) == (run + 1, State.QUEUED, False)
    assert await jobs.pending() == [(ID, run + 1)]
    assert await jobs.start(ID, run + 1) == 1


async def test_a_succeeded_job_runs_again_only_on_request(jobs: Runs) -> None:
    run = await submit(jobs)
    await jobs.start(ID, run)
    await jobs.succeed(ID, run, b"1")
    before = await found(jobs)
    assert await jobs.submit(SUBMISSION, most_active=1) is None
    assert await found(jobs) == before
    assert await submit(jobs, again=True) == run + 1


@pytest.mark.parametrize("end", ["failed", "cancelled"])
async def test_submitting_a_finished_job_starts_it_anew(jobs: Runs, redis: Redis, end: str) -> None:
    await submit(jobs)
    await jobs.start(ID, 1)
    await jobs.progress(ID, 1, Phase.ARRANGING, 1, 2)
    await jobs.cancel(ID)
    await (jobs.fail(ID, 1, ERROR) if end == "failed" else jobs.end_cancelled(ID, 1))
    assert await active(redis, jobs) == set()
    assert await submit(jobs) == 2
    job = await found(jobs)
    assert (job.run, job.state, job.error, job.cancel_requested) == (2, State.QUEUED, None, False)
    assert (job.phase, job.done, job.total) == (None, 0, 7)
    assert await jobs.request(ID) == SUBMISSION.canonical
    assert await active(redis, jobs) == {ID.encode()}
    assert await jobs.start(ID, 2) == 1


async def test_a_finished_job_does_not_count_as_active(jobs: Runs) -> None:
    await submit(jobs, most_active=1)
    await jobs.cancel(ID)
    assert await submit(jobs, OTHER, most_active=1) == 2


async def test_finished_jobs_expire_and_active_ones_do_not(jobs: Runs, redis: Redis) -> None:
    async def lives() -> list[int]:
        return [await redis.ttl(key) for key in sorted(await redis.keys(f"*{ID}*"))]

    await submit(jobs)
    assert await lives() == [-1, -1, -1]
    await jobs.start(ID, 1)
    await jobs.fail(ID, 1, ERROR)
    assert [7 * DAY - 60 < each <= 7 * DAY for each in await lives()] == [True, True]
    await submit(jobs)
    assert await lives() == [-1, -1, -1]
    await jobs.cancel(ID)
    assert [7 * DAY - 60 < each <= 7 * DAY for each in await lives()] == [True, True]


async def test_the_number_of_jobs_ahead_follows_submissions(jobs: Runs) -> None:
    numbers = [5, 3, 4, 1]
    runs = [await submit(jobs, submission(number)) for number in numbers]
    records = [await found(jobs, submission(number).id) for number in numbers]
    assert [await jobs.ahead(each) for each in records] == [0, 1, 2, 3]
    await jobs.start(records[0].id, runs[0])
    assert [await jobs.ahead(each) for each in records] == [None, 1, 2, 3], "one that runs is ahead of the others"
    await jobs.succeed(records[0].id, runs[0], b"1")
    await jobs.cancel(records[2].id)
    assert [await jobs.ahead(each) for each in records] == [None, 0, None, 1]
    await submit(jobs, submission(4))
    assert await jobs.ahead(records[2]) is None, "this is an earlier run"
    assert await jobs.ahead(await found(jobs, records[2].id)) == 2


async def test_every_change_is_an_event_and_reading_resumes_after_any(jobs: Runs) -> None:
    await submit(jobs)
    await jobs.start(ID, 1)
    for done in range(5):
        await jobs.progress(ID, 1, Phase.ARRANGING, done, 5)
    await jobs.succeed(ID, 1, b"1")
    record = await found(jobs)
    events = await jobs.events(record, "0")
    states = [State.QUEUED, *[State.RUNNING] * 6, State.SUCCEEDED]
    assert [then.state for _, then in events] == states
    assert [then.done for _, then in events][2:7] == [0, 1, 2, 3, 4]
    assert events[-1][1] == record
    for i, (event, _) in enumerate(events):
        assert await jobs.events(record, event) == events[i + 1 :]


async def test_an_event_has_only_the_fields_that_change(jobs: Runs, redis: Redis) -> None:
    await submit(jobs)
    await jobs.start(ID, 1)
    await jobs.progress(ID, 1, Phase.ARRANGING, 1, 2)
    await jobs.cancel(ID)
    await jobs.fail(ID, 1, ERROR)
    await submit(jobs)
    await jobs.start(ID, 2)
    await jobs.give_back(ID, 2, counted=False, note=NOTE)
    await jobs.start(ID, 2)
    await jobs.succeed(ID, 2, b"1")
    entries: Any = await redis.xrange(KEYS.events("job", ID))
    names = [json.loads(fields[b"job"])[::2] for _, fields in entries]
    for each in names:
        assert each == [name for name in CHANGING if name in each], "in the order in which they are declared"
    assert {name for each in names for name in each} == set(CHANGING)


async def test_the_history_is_bounded_and_keeps_its_end(jobs: Runs) -> None:
    await submit(jobs)
    await jobs.start(ID, 1)
    for done in range(1500):
        await jobs.progress(ID, 1, Phase.EMBEDDING, done, 1500)
    await jobs.succeed(ID, 1, b"1")
    events = await history(jobs)
    assert events[-1].state is State.SUCCEEDED
    assert len(events) <= 1200


# ---- looks


async def test_a_fetched_look_is_deleted(looks: Runs, redis: Redis) -> None:
    run = await submit(looks)
    await looks.start(ID, run)
    await looks.succeed(ID, run, b"\x00\xff")
    assert await submit(looks) == run, "who asks next gets the same answer"
    await looks.fetched(await found(looks))
    assert await looks.get(ID) is None
    assert await redis.keys(f"*{ID}*") == []
    assert await submit(looks) > run


async def test_an_unfinished_look_is_not_deleted_as_fetched(looks: Runs) -> None:
    await submit(looks)
    await looks.fetched(await found(looks))
    assert (await found(looks)).state is State.QUEUED


async def test_a_look_has_no_history(looks: Runs, redis: Redis) -> None:
    run = await submit(looks)
    await looks.start(ID, run)
    assert await redis.exists(KEYS.events("look", ID)) == 0


async def test_a_failure_is_kept_for_half_a_minute(looks: Runs, redis: Redis) -> None:
    run = await submit(looks, most_active=1)
    await looks.start(ID, run)
    await looks.fail(ID, run, ERROR)
    assert 0 < await redis.ttl(KEYS.record("look", ID)) <= 30
    await redis.delete(KEYS.record("look", ID))  # as after its expiry
    await pass_time(redis, LOOK, 31)
    assert await submit(looks, most_active=1) > run


async def test_an_answer_counts_as_active_until_it_is_fetched(looks: Runs) -> None:
    run = await submit(looks, most_active=1)
    await looks.start(ID, run)
    await looks.succeed(ID, run, b"answer")
    with pytest.raises(QueueFull):
        await submit(looks, OTHER, most_active=1)
    await looks.fetched(await found(looks))
    assert await submit(looks, OTHER, most_active=1)


async def test_an_answer_that_is_not_fetched_expires(looks: Runs, redis: Redis) -> None:
    run = await submit(looks, most_active=1)
    await looks.start(ID, run)
    await looks.succeed(ID, run, b"answer")
    assert 0 < await redis.ttl(KEYS.record("look", ID)) <= 300
    await pass_time(redis, LOOK, 301)
    assert await submit(looks, OTHER, most_active=1)


async def test_a_running_look_that_no_client_submits_again_is_deleted(looks: Runs, redis: Redis) -> None:
    run = await submit(looks, most_active=2)
    assert await submit(looks, OTHER, most_active=2)
    assert await looks.start(ID, run)
    await pass_time(redis, LOOK, 350)
    assert await looks.keep(ID, run) is Verdict.GO_ON
    assert await submit(looks, most_active=2) == run
    await pass_time(redis, LOOK, 350)
    assert await looks.keep(ID, run) is Verdict.GO_ON
    await pass_time(redis, LOOK, 20)
    assert await looks.keep(ID, run) is Verdict.LEAVE
    assert await looks.get(ID) is None
    await looks.succeed(ID, run, b"late")
    assert await looks.get(ID) is None
    # It can be submitted again.
    assert await submit(looks, most_active=2) > run


async def test_a_queued_look_that_no_client_submits_again_is_not_started(looks: Runs, redis: Redis) -> None:
    run = await submit(looks, most_active=1)
    await pass_time(redis, LOOK, 370)
    assert await looks.start(ID, run) == 0
    assert await looks.get(ID) is None
    assert await submit(looks, OTHER, most_active=1)


async def test_a_look_expires_unless_a_worker_renews_it(looks: Runs, redis: Redis) -> None:
    run = await submit(looks)
    keys = [KEYS.record("look", ID), KEYS.request("look", ID)]
    assert [0 < await redis.ttl(key) <= 3600 for key in keys] == [True, True]
    await looks.start(ID, run)
    for key in keys:
        await redis.expire(key, 10)
    await looks.keep(ID, run)
    assert [3500 < await redis.ttl(key) <= 3600 for key in keys] == [True, True]


# ---- The model: all calls of clients and workers in any order.


@dataclass
class Model:
    """The expected state of one record."""

    run: int = 0
    state: State | None = None
    attempts: int = 0
    cancel: bool = False
    progress: tuple[str | None, int, int] = (None, 0, 7)
    result: bytes | None = None
    error: dict[str, str] | None = None
    states: list[State] = field(default_factory=list)

    @property
    def pending(self) -> bool:
        return self.state in (State.QUEUED, State.RUNNING)

    def publish(self) -> None:
        assert self.state is not None
        self.states.append(self.state)

    def end(self, state: State) -> None:
        self.state = state
        self.publish()


_T = TypeVar("_T")
LATE = st.integers(-1, 0)
RECORDS = st.integers(0, 2)


class RunsMachine(RuleBasedStateMachine):
    """Three records, of which two may be active; clients, workers and late deliveries call in any order."""

    url: str
    kind: Kind

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.redis = open_redis(self.url)
        self.runs = Runs(self.redis, KEYS, self.kind)
        self.do(self.redis.flushall())
        self.submissions = [submission(number) for number in range(3)]
        self.ids = [each.id for each in self.submissions]
        self.models = [Model() for _ in range(3)]
        self.last = 0

    def do(self, work: Awaitable[_T]) -> _T:
        async def done() -> _T:
            return await work

        return self.runner.run(done())

    def teardown(self) -> None:
        self.do(self.redis.aclose())
        self.runner.close()

    def takes_a_place(self, model: Model) -> bool:
        return model.pending or (self.kind.policy.until_fetched and model.state is not None)

    @rule(i=RECORDS, again=st.booleans())
    def submit(self, i: int, again: bool) -> None:
        model = self.models[i]
        full = sum(map(self.takes_a_place, self.models)) >= 2
        try:
            run = self.do(self.runs.submit(self.submissions[i], most_active=2, again=again))
        except QueueFull:
            assert full
            assert not self.takes_a_place(model)
            return
        if self.kind.policy.until_fetched and model.state is not None:
            assert run == model.run
            return
        if model.state is State.SUCCEEDED and not again:
            assert run is None
            return
        if not model.pending or model.cancel:
            assert model.pending or not full
            self.last += 1
            self.models[i] = Model(run=self.last, states=model.states)
            self.models[i].end(State.QUEUED)
        assert run == self.models[i].run

    @rule(i=RECORDS, late=LATE)
    def start(self, i: int, late: int) -> None:
        model = self.models[i]
        attempt = self.do(self.runs.start(self.ids[i], model.run + late))
        if late or not model.pending:
            assert attempt == 0
        elif model.cancel:
            assert attempt == 0
            model.end(State.CANCELLED)
        else:
            model.attempts += 1
            model.progress = (None, 0, 7)
            model.end(State.RUNNING)
            assert attempt == model.attempts

    @rule(i=RECORDS, late=LATE)
    def keep(self, i: int, late: int) -> None:
        model = self.models[i]
        verdict = self.do(self.runs.keep(self.ids[i], model.run + late))
        if late or model.state is not State.RUNNING:
            assert verdict is Verdict.LEAVE
        else:
            assert verdict is (Verdict.STOP if model.cancel else Verdict.GO_ON)

    @rule(i=RECORDS, late=LATE, counted=st.booleans())
    def give_back(self, i: int, late: int, counted: bool) -> None:
        model = self.models[i]
        self.do(self.runs.give_back(self.ids[i], model.run + late, counted=counted))
        if late or model.state is not State.RUNNING:
            return
        if model.cancel:
            model.end(State.CANCELLED)
            return
        model.attempts -= not counted
        model.progress = (None, 0, 7)
        model.end(State.QUEUED)

    @rule(i=RECORDS, late=LATE, phase=st.sampled_from(Phase), done=st.integers(0, 20_000))
    def progress(self, i: int, late: int, phase: Phase, done: int) -> None:
        model = self.models[i]
        self.do(self.runs.progress(self.ids[i], model.run + late, phase, done, 20_000))
        if not late and model.state is State.RUNNING:
            model.progress = (phase.value, done, 20_000)
            model.publish()

    @rule(i=RECORDS)
    def cancel(self, i: int) -> None:
        model = self.models[i]
        assert self.do(self.runs.cancel(self.ids[i])) == model.pending
        if model.state is State.QUEUED:
            model.end(State.CANCELLED)
        elif model.state is State.RUNNING:
            model.cancel = True
            model.publish()

    @rule(i=RECORDS, late=LATE, end=st.sampled_from([State.SUCCEEDED, State.FAILED, State.CANCELLED]))
    def finish(self, i: int, late: int, end: State) -> None:
        model = self.models[i]
        run = model.run + late
        match end:
            case State.SUCCEEDED:
                self.do(self.runs.succeed(self.ids[i], run, b"3"))
            case State.FAILED:
                self.do(self.runs.fail(self.ids[i], run, ERROR))
            case _:
                self.do(self.runs.end_cancelled(self.ids[i], run))
        if not late and model.state is State.RUNNING:
            model.result = b"3" if end is State.SUCCEEDED else None
            model.error = ERROR if end is State.FAILED else None
            model.end(end)

    @rule(i=RECORDS)
    def fetch(self, i: int) -> None:
        record = self.do(self.runs.get(self.ids[i]))
        if record is None or not self.kind.policy.until_fetched:
            return
        self.do(self.runs.fetched(record))
        if record.state.final:
            self.models[i] = Model()

    @invariant()
    def records_are_as_in_the_model(self) -> None:
        for identifier, model in zip(self.ids, self.models, strict=True):
            record = self.do(self.runs.get(identifier))
            if model.state is None:
                assert record is None
                continue
            assert record is not None
            assert (record.run, record.state) == (model.run, model.state)
            assert (record.result, record.error) == (model.result, model.error)
            assert (record.phase, record.done, record.total) == model.progress
            assert record.cancel_requested == model.cancel
            assert record.attempts == model.attempts
            if not record.state.final:
                assert (record.started_at is not None) == (record.state is State.RUNNING)

    @invariant()
    def queued_jobs_know_how_many_are_ahead(self) -> None:
        if self.kind is not JOB:
            return
        for identifier, model in zip(self.ids, self.models, strict=True):
            record = self.do(self.runs.get(identifier))
            if record is not None:
                before = sum(each.pending and each.run < model.run for each in self.models)
                assert self.do(self.runs.ahead(record)) == (before if model.state is State.QUEUED else None)

    @invariant()
    def the_active_set_is_exact_and_requests_are_kept_as_long_as_needed(self) -> None:
        both = list(zip(self.ids, self.models, strict=True))
        assert {each.decode() for each in self.do(active(self.redis, self.runs))} == {
            each for each, model in both if self.takes_a_place(model)
        }
        pending = sorted((model.run, each) for each, model in both if model.pending)
        assert self.do(self.runs.pending()) == [(each, run) for run, each in pending]
        for what, model in zip(self.submissions, self.models, strict=True):
            assert self.do(self.runs.request(what.id)) == (what.canonical if model.pending else None)

    @invariant()
    def events_are_complete_and_end_in_the_record(self) -> None:
        for identifier, model in zip(self.ids, self.models, strict=True):
            record = self.do(self.runs.get(identifier))
            if record is None:
                continue
            events = self.do(self.runs.events(record, "0"))
            assert [then.state for _, then in events] == (model.states if self.kind.policy.events_kept else [])
            if events:
                assert events[-1][1] == record

    @invariant()
    def records_expire_as_their_kind_says(self) -> None:
        for identifier, model in zip(self.ids, self.models, strict=True):
            if model.state is not None:
                expires = model.state.final or self.kind.policy.pending_seconds > 0
                assert (self.do(self.redis.ttl(KEYS.record(self.kind.name, identifier))) > 0) == expires


@pytest.mark.slow
@pytest.mark.parametrize("kind", [JOB, LOOK], ids=lambda kind: kind.name)
def test_any_order_of_events_agrees_with_the_model(valkey: Valkey, kind: Kind) -> None:
    RunsMachine.url, RunsMachine.kind = valkey.url, kind
    run_state_machine_as_test(
        RunsMachine,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
