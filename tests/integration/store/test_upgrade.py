"""The data that release 0.1.0 left in Redis is moved to the current keys, however often the move is interrupted."""

import asyncio
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError

from concept_orderings.errors import SettingError
from concept_orderings.progress import Phase
from store.compressed import compress
from store.format import CURRENT, FORMAT, READ_BY, Format
from store.keys import Keys, KeysOfRelease010
from store.looks import LookAnswer, source_of
from store.queue import open_redis
from store.runs import JOB, LOOK, Lane, Record, Runs, State, Submission
from store.upgrade import UnknownFormat, Upgrade, upgrade
from store.upgrade.from_0_1_0 import move_again
from store.upgrade.running_0_1_0 import NONE, Running, find_running
from support.data_of_0_1_0 import FACTS, unpack
from support.keys import KEYS
from support.processes import Valkey

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
QUEUES = (b"concept-orderings:", b"concept-orderings-counts:")
JOBS = {url.rpartition("/")[2]: job for url, job in FACTS["jobs"].items()}


@dataclass(frozen=True)
class Entry:
    """A key of release 0.1.0, as Redis dumps it.

    Attributes
    ----------
    key, data : bytes
    left : int
        Milliseconds until it expires; 0: never.
    """

    key: bytes
    data: bytes
    left: int


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    """All keys that release 0.1.0 left, except those that expire in less than two minutes."""
    data = unpack(tmp_path_factory.mktemp("data-of-0.1.0"))
    valkey = Valkey(durable=True, data=data / "valkey")
    try:
        with valkey.client() as client:
            entries: list[Entry] = []
            for key in client.scan_iter():
                left, dumped = client.pttl(key), client.dump(key)
                if dumped is not None and (left < 0 or left > 120_000):
                    entries.append(Entry(key, dumped, max(0, left)))
    finally:
        valkey.close()
    assert len(entries) > 100
    return entries


async def restore(redis: Redis, entries: list[Entry]) -> None:
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.flushdb()
        for each in entries:
            pipeline.restore(each.key, each.left, each.data)
        await pipeline.execute()


async def snapshot(redis: Redis) -> dict[bytes, Any]:
    """Return the values of all keys, and whether each expires."""
    found: dict[bytes, Any] = {}
    async for key in redis.scan_iter(count=1000):
        match await redis.type(key):
            case b"hash":
                value: Any = await redis.hgetall(key)
            case b"stream":
                value = await redis.xrange(key)
            case b"zset":
                value = await redis.zrange(key, 0, -1, withscores=True)
            case b"set":
                value = await redis.smembers(key)
            case b"string":
                value = await redis.get(key)
            case other:
                raise AssertionError(f"{key!r} is a {other!r}")
        found[key] = (value, await redis.ttl(key) > 0)
    return found


class Killed(Exception):
    """The program was killed."""


class Dying(Redis):
    """A client whose program is killed at a command: before Redis runs it, or before the answer arrives."""

    left = -1
    before = False

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:
        if self.left == 0 and self.before:
            raise Killed
        answer = await super().execute_command(*arguments, **options)  # type: ignore[no-untyped-call]
        if self.left == 0:
            raise Killed
        self.left -= 1
        return answer


async def dies_at(url: str, command: int, *, before: bool) -> bool:
    """Upgrade with a client that dies at a command; return whether it did."""
    client = Dying(connection_pool=ConnectionPool.from_url(url))
    client.left, client.before = command, before
    try:
        await upgrade(client, KEYS, now=NOW)
    except Killed:
        return True
    finally:
        await client.connection_pool.aclose()
    return False


@pytest.mark.slow
async def test_a_move_may_be_interrupted_at_any_command(valkey: Valkey, redis: Redis, left_behind: list[Entry]) -> None:
    await restore(redis, left_behind)
    await upgrade(redis, KEYS, now=NOW)
    right = await snapshot(redis)
    commands = 0
    for command in itertools.count():
        died = False
        for before in (True, False):
            await restore(redis, left_behind)
            died = await dies_at(valkey.url, command, before=before)
            await upgrade(redis, KEYS, now=NOW)
            assert await snapshot(redis) == right, (command, before)
        if not died:
            break
        commands += 1
    assert commands > len(JOBS)


async def test_a_move_may_be_interrupted_many_times(valkey: Valkey, redis: Redis, left_behind: list[Entry]) -> None:
    await restore(redis, left_behind)
    await upgrade(redis, KEYS, now=NOW)
    right = await snapshot(redis)
    await restore(redis, left_behind)
    for times in itertools.count():
        if not await dies_at(valkey.url, 5 + times, before=times % 2 == 0):
            break
    assert times > 2
    assert await snapshot(redis) == right


async def test_four_programs_may_move_at_the_same_time(valkey: Valkey, redis: Redis, left_behind: list[Entry]) -> None:
    await restore(redis, left_behind)
    await upgrade(redis, KEYS, now=NOW)
    right = await snapshot(redis)
    await restore(redis, left_behind)
    others = [open_redis(valkey.url) for _ in range(3)]
    await asyncio.gather(*(upgrade(each, KEYS, now=NOW) for each in others))
    for each in others:
        await each.aclose()
    assert await snapshot(redis) == right


async def test_caches_are_unchanged_and_queues_are_deleted(redis: Redis, left_behind: list[Entry]) -> None:
    await restore(redis, left_behind)
    before = await snapshot(redis)
    await upgrade(redis, KEYS)
    after = await snapshot(redis)
    kept = [key for key in before if b":counts:" in key or b":embeddings:" in key]
    assert len(kept) > 4
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
    new = {key for key in after if key.startswith(b"concept-orderings:run:")} | {KEYS.format.encode()}
    assert after.keys() - set(kept) == new
    assert not any(key.startswith(QUEUES[1]) for key in after)


async def test_every_job_is_moved_with_its_history(redis: Redis, left_behind: list[Entry]) -> None:
    await restore(redis, left_behind)
    histories: dict[str, list[tuple[bytes, dict[str, str]]]] = {}
    for identifier in JOBS:
        entries: Any = await redis.xrange(f"concept-orderings:job:{identifier}:events")
        flats = [(event, json.loads(fields[b"job"])) for event, fields in entries]
        histories[identifier] = [(event, dict(zip(flat[::2], flat[1::2], strict=True))) for event, flat in flats]
    await upgrade(redis, KEYS)
    jobs = Runs(redis, KEYS, JOB)
    for identifier, shown in JOBS.items():
        record = await jobs.get(identifier)
        assert record is not None
        assert_shown(record, shown)
        events = await jobs.events(record, "0")
        assert [event.encode() for event, _ in events] == [event for event, _ in histories[identifier]]
        for (_, then), (_, old) in zip(events, histories[identifier], strict=True):
            assert (str(then.run), then.state, then.updated_at) == (old["run"], old["state"], old["updated_at"])
            assert then.result == (old["version"].encode() if "version" in old else None)
            assert then.cancel_requested == ("cancel" in old)
        key = KEYS.record("job", identifier)
        assert (await redis.ttl(key) > 0) == record.state.final == (await redis.ttl(KEYS.events("job", identifier)) > 0)


def assert_shown(record: Record, shown: dict[str, Any]) -> None:
    """Compare a record with the job that the API of 0.1.0 showed."""
    assert (record.state, record.about["ordering"]) == (shown["state"], shown["ordering"])
    assert (record.phase, record.done, record.total) == tuple(shown["progress"].values())
    assert record.error == shown["error"]
    assert (record.created_at, record.updated_at) == (shown["created_at"], shown["updated_at"])
    assert record.result == (str(shown["stream"]["version"]).encode() if shown["stream"] else None)
    gathers = shown["ordering"]["kind"] == "similarity" or shown["ordering"].get("source", "request") != "request"
    assert (record.client, record.lane) == ("", Lane.COMPUTE if gathers else Lane.ORDER)


async def test_pending_jobs_stay_pending_and_can_be_started(redis: Redis, left_behind: list[Entry]) -> None:
    await restore(redis, left_behind)
    await upgrade(redis, KEYS)
    jobs = Runs(redis, KEYS, JOB)
    pending = await jobs.pending()
    records = [await jobs.get(identifier) for identifier, _ in pending]
    queued = [each for each in records if each is not None and each.state is State.QUEUED]
    assert [await jobs.ahead(each) for each in queued] == [records.index(each) for each in queued]
    assert {identifier for identifier, _ in pending} == {
        each["job"].rpartition("/")[2] for each in (FACTS["running"], *FACTS["queued"])
    }
    for identifier, run in pending:
        request = await jobs.request(identifier)
        assert request is not None
        assert json.loads(request)["ordering"]
        assert await jobs.start(identifier, run) >= 1
        await jobs.progress(identifier, run, Phase.ARRANGING, 1, 2)
        await jobs.succeed(identifier, run, b"9")
    assert await jobs.pending() == []


async def test_new_runs_get_new_numbers(redis: Redis, left_behind: list[Entry]) -> None:
    await restore(redis, left_behind)
    old_runs = [int(each) for each in [await redis.get("concept-orderings:counting:runs") or b"0"]]
    await upgrade(redis, KEYS)
    new = Submission(id="0" * 32, canonical=b"{}", about={"source": "x"}, lane=Lane.LOOK)
    look = await Runs(redis, KEYS, LOOK).submit(new, most_active=99)
    assert look == max(old_runs) + 1
    jobs = Runs(redis, KEYS, JOB)
    runs = [record.run for each in JOBS if (record := await jobs.get(each)) is not None]
    assert await jobs.submit(new, most_active=99) == max(runs) + 1


async def test_looks_are_moved_with_their_answers(redis: Redis, left_behind: list[Entry]) -> None:
    await restore(redis, left_behind)
    scores: Any = await redis.zrange("concept-orderings:counting:active", 0, -1, withscores=True)
    await upgrade(redis, KEYS)
    looks = Runs(redis, KEYS, LOOK)
    found = [await looks.get(identifier.decode()) for identifier, _ in scores]
    records = [record for record in found if record is not None]
    assert sorted(record.state for record in records) == [State.QUEUED, State.RUNNING, State.SUCCEEDED]
    for record in records:
        assert (source_of(record), record.lane) == ("tiny", Lane.LOOK)
        if record.state is State.SUCCEEDED:
            assert record.result is not None
            assert [each.value for each in LookAnswer.from_bytes(record.result).counts]
        else:
            assert await looks.request(record.id) is not None
            assert await looks.start(record.id, record.run) >= 1
        assert 0 < await redis.ttl(KEYS.record("look", record.id)) <= 3600
    assert await redis.zrange(KEYS.active("look"), 0, -1) == [identifier for identifier, _ in scores]


async def test_keys_of_another_type_keep_nothing_else_from_being_moved(redis: Redis) -> None:
    await take(redis)
    await redis.set(f"concept-orderings:job:{'a' * 32}", "no job")
    await redis.set(f"concept-orderings:counting:{'a' * 32}", "no look")
    await upgrade(redis, KEYS)
    assert await Runs(redis, KEYS, JOB).pending() == [(JOB_ID, 1)]


async def test_large_numbers_keep_their_digits(redis: Redis) -> None:
    ordering = '{"kind":"random","reverse":false,"seed":9007199254740991,"version":1}'
    times = ("created_at", "then", "updated_at", "then")
    old = ["id", "a" * 32, "stream", "s", "run", "1", "state", "queued", "ordering", ordering, *times]
    await redis.hset(f"concept-orderings:job:{'a' * 32}", items=old)
    await upgrade(redis, KEYS)
    record = await Runs(redis, KEYS, JOB).get("a" * 32)
    assert record is not None
    assert record.about == {"stream": "s", "ordering": json.loads(ordering)}


@pytest.mark.parametrize(
    "damage",
    [
        {"ordering": '{"bad'},
        {"ordering": "[]"},
        {"run": "x"},
        {"stream": b"\xff"},
        {"event": "no JSON"},
    ],
    ids=["ordering that is no JSON", "ordering of another type", "run", "stream", "event"],
)
async def test_a_damaged_record_stays_where_it_is_and_keeps_nothing_else_from_being_moved(
    redis: Redis, left_behind: list[Entry], damage: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    await restore(redis, left_behind)
    key = f"concept-orderings:job:{'0' * 32}"
    times = {"created_at": "then", "updated_at": "then"}
    event = damage.pop("event", None)
    record: dict[Any, Any] = {"id": "0" * 32, "stream": "s", "run": "1", "state": "failed", **times, **damage}
    await redis.hset(key, mapping=record)
    if event is not None:
        await redis.xadd(f"{key}:events", {"job": event})
    await upgrade(redis, KEYS)
    jobs = Runs(redis, KEYS, JOB)

    assert [each for each in JOBS if await jobs.get(each) is None] == []
    if await redis.exists(key):
        assert "is damaged" in caplog.text
    assert await redis.exists(KEYS.format)


async def test_another_namespace_changes_nothing(redis: Redis, left_behind: list[Entry]) -> None:
    await restore(redis, left_behind)
    before = await snapshot_or_type(redis)
    await upgrade(redis, Keys("lab"))
    after = await snapshot_or_type(redis)
    assert {key: each for key, each in after.items() if not key.startswith(b"lab:")} == before
    assert await redis.keys("lab:*") == [b"lab:format"]


async def snapshot_or_type(redis: Redis) -> dict[bytes, bytes | None]:
    return {key: await redis.dump(key) async for key in redis.scan_iter(count=1000)}


async def test_a_namespace_named_like_an_old_queue_keeps_its_keys(redis: Redis) -> None:
    other = Keys("concept-orderings-counts")
    await upgrade(redis, other)
    new = Submission(id="0" * 32, canonical=b"{}", about={}, lane=Lane.ORDER)
    await Runs(redis, other, JOB).submit(new, most_active=9)
    await redis.hset(other.counts("f"), "a", "b")
    await redis.set(f"{other.queue('job')}:stream", "of Docket")
    before = await redis.keys("*")
    await upgrade(redis, KEYS)
    assert set(await redis.keys("*")) == {*before, KEYS.format.encode()}


# ---- programs of 0.1.0 that still run

JOB_ID = "b" * 32
OLD_JOB = f"concept-orderings:job:{JOB_ID}"


async def take(
    redis: Redis, *, state: str = "queued", run: int = 1, more: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Record a job as an API of 0.1.0 does."""
    times = {"created_at": "2026-11-27T12:00:00.000+00:00", "updated_at": "2026-11-27T12:00:01.000+00:00"}
    fields: dict[str, str] = {"id": JOB_ID, "stream": "s", "run": str(run), "state": state, "attempts": "0", **times}
    record = {**fields, "ordering": '{"kind":"random"}', **more}
    await redis.hset(OLD_JOB, mapping=record)  # type: ignore[arg-type]
    if state in ("queued", "running"):
        await redis.set(f"{OLD_JOB}:request", compress(b'{"of":"0.1.0"}'))
        await redis.sadd("concept-orderings:jobs:active", JOB_ID)
    flat = [part for pair in record.items() for part in pair]
    await redis.xadd(f"{OLD_JOB}:events", {"job": json.dumps(flat)})
    await redis.xadd("concept-orderings:stream", {"key": f"{JOB_ID}:{run}"})


SAME = Submission(
    id=JOB_ID, canonical=b'{"of":"this"}', about={"stream": "s", "ordering": {"kind": "random"}}, lane=Lane.ORDER
)


async def keys_of_0_1_0(redis: Redis) -> list[bytes]:
    return [key async for key in redis.scan_iter("concept-orderings*") if b":run:" not in key and b":format" not in key]


async def test_what_comes_after_the_move_is_moved_again(redis: Redis) -> None:
    await upgrade(redis, KEYS)
    await take(redis)
    await move_again(redis, KEYS, now=NOW)
    jobs = Runs(redis, KEYS, JOB)
    assert await jobs.pending() == [(JOB_ID, 1)]
    assert await jobs.request(JOB_ID) == b'{"of":"0.1.0"}'
    assert await keys_of_0_1_0(redis) == []


async def test_looking_for_more_to_move_is_one_command(redis: Redis) -> None:
    await upgrade(redis, KEYS)
    await redis.config_resetstat()
    assert await move_again(redis, KEYS, now=NOW) == NONE
    stats = await redis.info("commandstats")
    assert {name: each["calls"] for name, each in stats.items() if "reset" not in name and "info" not in name} == {
        "cmdstat_exists": 1
    }


@pytest.mark.parametrize("here", ["queued", "running"])
async def test_a_job_that_is_pending_here_is_not_begun_again(redis: Redis, here: str) -> None:
    await upgrade(redis, KEYS)
    jobs = Runs(redis, KEYS, JOB)
    run = await jobs.submit(SAME, most_active=9)
    assert run is not None
    if here == "running":
        await jobs.start(JOB_ID, run)
    before = await jobs.get(JOB_ID)
    await take(redis, run=7)
    await move_again(redis, KEYS, now=NOW)
    assert await jobs.get(JOB_ID) == before
    assert await jobs.request(JOB_ID) == b'{"of":"this"}'
    assert await keys_of_0_1_0(redis) == []


@pytest.mark.parametrize("here", [State.SUCCEEDED, State.FAILED, State.CANCELLED])
async def test_a_job_that_is_finished_here_runs_again_if_0_1_0_has_taken_it(redis: Redis, here: State) -> None:
    await upgrade(redis, KEYS)
    jobs = Runs(redis, KEYS, JOB)
    run = await jobs.submit(SAME, most_active=9)
    assert run is not None
    await jobs.start(JOB_ID, run)
    match here:
        case State.SUCCEEDED:
            await jobs.succeed(JOB_ID, run, b"4")
        case State.FAILED:
            await jobs.fail(JOB_ID, run, {"code": "source_damaged", "detail": "Why."})
        case _:
            await jobs.end_cancelled(JOB_ID, run)
    await take(redis)
    await move_again(redis, KEYS, now=NOW)
    record = await jobs.get(JOB_ID)
    assert record is not None
    assert (record.run, record.state, record.result, record.error) == (run + 1, State.QUEUED, None, None)
    assert await jobs.pending() == [(JOB_ID, run + 1)]
    assert await jobs.request(JOB_ID) == b'{"of":"0.1.0"}'
    assert await redis.ttl(KEYS.record("job", JOB_ID)) == await redis.ttl(KEYS.events("job", JOB_ID)) == -1
    assert (await jobs.events(record, "0"))[-1][1].run == run + 1
    assert await jobs.start(JOB_ID, run + 1) == 1
    assert await jobs.submit(replace(SAME, id="c" * 32), most_active=9) == run + 2


@pytest.mark.parametrize(
    ("state", "more"), [("failed", {"error": '{"code":"x","detail":"y"}'}), ("queued", {"cancel": "1"})]
)
async def test_a_job_that_is_over_in_0_1_0_changes_none_here(redis: Redis, state: str, more: dict[str, str]) -> None:
    await upgrade(redis, KEYS)
    jobs = Runs(redis, KEYS, JOB)
    run = await jobs.submit(SAME, most_active=9)
    assert run is not None
    await jobs.start(JOB_ID, run)
    await jobs.succeed(JOB_ID, run, b"4")
    before = await jobs.get(JOB_ID)
    await take(redis, state=state, more=more)
    await move_again(redis, KEYS, now=NOW)
    assert await jobs.get(JOB_ID) == before
    assert await keys_of_0_1_0(redis) == []


async def test_the_request_of_a_job_that_is_taken_during_the_move_is_kept(redis: Redis) -> None:
    """The keys are listed first: the job's record may come after its request was listed as one without a job."""
    await take(redis)
    await redis.rename(OLD_JOB, "taken")
    real, listed = redis.scan_iter, 0

    async def list_then_take(*arguments: Any, **options: Any) -> Any:
        nonlocal listed
        async for key in real(*arguments, **options):
            yield key
        listed += 1
        if listed == 1:
            await redis.rename("taken", OLD_JOB)

    redis.scan_iter = list_then_take  # type: ignore[method-assign]
    await upgrade(redis, KEYS)
    assert await redis.exists(f"{OLD_JOB}:request")
    await redis.sadd("concept-orderings:jobs:active", JOB_ID)
    await move_again(redis, KEYS, now=NOW)
    assert await Runs(redis, KEYS, JOB).request(JOB_ID) == b'{"of":"0.1.0"}'


async def beat(redis: Redis, name: str = "host#1", *, ago: float = 0.0) -> None:
    seconds, microseconds = await redis.time()
    await redis.zadd(KeysOfRelease010.workers[0], {name: seconds + microseconds / 1e6 - ago})


async def test_nothing_is_moved_while_a_worker_of_0_1_0_is_running(
    redis: Redis, caplog: pytest.LogCaptureFixture, valkey: Valkey
) -> None:
    await take(redis)
    before = await snapshot(redis)

    async def beat_for_ever() -> None:
        while True:
            # Its clock is behind.
            await beat(redis, ago=20)
            await asyncio.sleep(0.1)

    beating = asyncio.create_task(beat_for_ever())
    checking = Upgrade(valkey.url, KEYS)
    try:
        await checking.ensure()
        for _ in range(3):
            await checking.move_again()
    finally:
        beating.cancel()
    after = await snapshot(redis)
    assert {key: after[key] for key in before} == before
    assert after.keys() - before.keys() == {KEYS.format.encode(), KeysOfRelease010.workers[0].encode()}
    assert [each.getMessage() for each in caplog.records if "host#1" in each.getMessage()] == [
        "Workers of release 0.1.0 are running: host#1. They go on with the jobs that programs of 0.1.0 have taken, "
        "which are moved to this release once the last of these workers is stopped."
    ]
    await checking.move_again()
    assert await Runs(redis, KEYS, JOB).pending() == [(JOB_ID, 1)]
    assert await keys_of_0_1_0(redis) == []


@pytest.mark.parametrize("ago", [0.5, 120.0])
async def test_the_heartbeat_of_a_killed_worker_keeps_nothing_from_being_moved(redis: Redis, ago: float) -> None:
    await take(redis)
    await beat(redis, ago=ago)
    assert (await upgrade(redis, KEYS)).workers == ()
    assert await Runs(redis, KEYS, JOB).pending() == [(JOB_ID, 1)]


async def test_apis_of_0_1_0_are_counted(redis: Redis, valkey: Valkey) -> None:
    async with open_redis(valkey.url) as listener, listener.pubsub() as channel:
        await channel.subscribe(KeysOfRelease010.changes)
        while (await find_running(redis)).apis == 0:  # the subscription takes a moment
            pass
        assert await find_running(redis) == Running((), 1)


# ---- the format number


async def test_the_current_format_is_written_once(redis: Redis) -> None:
    await upgrade(redis, KEYS)
    data = await redis.get(KEYS.format)
    assert isinstance(data, bytes)
    assert Format.from_bytes(data) == Format(FORMAT, READ_BY) == CURRENT


async def test_data_with_a_format_is_not_moved_again(redis: Redis) -> None:
    await upgrade(redis, KEYS)
    await redis.hset(f"concept-orderings:job:{'a' * 32}", "run", 1)
    await upgrade(redis, KEYS)
    assert await redis.exists(f"concept-orderings:job:{'a' * 32}")


@pytest.mark.parametrize("data", [b'{"format": 3, "read_by": "0.9.0"}', b"damaged"])
async def test_a_later_or_damaged_format_is_refused_and_nothing_is_changed(
    valkey: Valkey, redis: Redis, data: bytes
) -> None:
    await redis.set(KEYS.format, data)
    await redis.hset(f"concept-orderings:job:{'a' * 32}", "run", 1)
    before = await snapshot(redis)
    with pytest.raises(UnknownFormat) as caught:
        await Upgrade(valkey.url, KEYS).try_now()
    assert isinstance(caught.value, SettingError)
    assert caught.value.code == "unknown_data_format"
    assert ("0.9.0" if b"3" in data else "damaged") in caught.value.detail
    assert await snapshot(redis) == before


async def test_the_format_is_checked_at_the_first_use_if_redis_starts_late(valkey: Valkey, redis: Redis) -> None:
    checking = Upgrade(valkey.url, KEYS)
    async with open_redis(valkey.url, prepare=checking.ensure) as client:
        await redis.set(KEYS.format, b'{"format": 3, "read_by": "0.9.0"}')
        with pytest.raises(RedisError, match=r"0\.9\.0"):
            await client.get("a")
        with pytest.raises(RedisError):
            await Runs(client, KEYS, JOB).get("0" * 32)
        await redis.delete(KEYS.format)
        assert await client.get("a") is None
    assert await redis.get(KEYS.format) == CURRENT.to_bytes()


async def test_redis_may_be_away_at_start() -> None:
    await Upgrade("redis://127.0.0.1:1", KEYS).try_now()
