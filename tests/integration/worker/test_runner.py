"""The delivery of a run of either kind: how it may end, and the record afterwards."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from redis.asyncio import Redis

from concept_orderings.errors import SourceError, StoreError, UnreadableRequest
from concept_orderings.progress import Phase
from store.disk_space import store_full
from store.queue import open_redis
from store.runs import ATTEMPTS, JOB, LOOK, Kind, Lane, Record, Runs, State, Submission, Verdict
from support.keys import KEYS
from support.processes import Valkey
from worker.left_runs import LeftForLater
from worker.look_at_counts import LookAtCounts
from worker.monitor import Monitor
from worker.publish_stream import PublishStream
from worker.runner import Runner, TryAgain, Work

pytestmark = pytest.mark.anyio

ID = "0" * 32
SUBMISSION = Submission(id=ID, canonical=b'{"a":1}', about={"source": "c4"}, lane=Lane.LOOK)
KINDS: list[tuple[Kind, type[Work]]] = [(JOB, PublishStream), (LOOK, LookAtCounts)]


class Place:
    """A runner, and work that a test defines."""

    def __init__(self, redis: Redis, kind: Kind, like: type[Work]) -> None:
        self.runs = Runs(redis, KEYS, kind)
        self.stopping = threading.Event()
        self.begun = asyncio.Event()
        self.requests: list[bytes] = []
        self.do: Callable[[Monitor], Awaitable[bytes]] = self.succeed
        place = self

        class TestWork(Work):
            noun = like.noun
            after_crashes = like.after_crashes
            tries_again = like.tries_again

            async def do(self, request: bytes, monitor: Monitor) -> bytes:
                place.requests.append(request)
                return await place.do(monitor)

        self.tries_again = like.tries_again
        self.after_crashes = like.after_crashes
        self.noun = like.noun
        self.work = TestWork()
        self.runner = Runner(self.runs, self.work, self.stopping)

    async def succeed(self, monitor: Monitor) -> bytes:
        await monitor.enter(Phase.COUNTING, 3)
        return b"done"

    async def go_on(self, monitor: Monitor) -> bytes:
        """Work until the monitor ends it."""
        await monitor.enter(Phase.COUNTING, 3)
        self.begun.set()
        while True:
            monitor.report(1, 3)
            await asyncio.sleep(0.01)

    def fail(self, error: Exception) -> None:
        async def fail(monitor: Monitor) -> bytes:
            raise error

        self.do = fail

    async def submit(self) -> int:
        run = await self.runs.submit(SUBMISSION, most_active=9)
        assert run is not None
        return run

    async def record(self) -> Record:
        record = await self.runs.get(ID)
        assert record is not None
        return record


@pytest.fixture(params=KINDS, ids=lambda each: each[0].name)
async def place(request: pytest.FixtureRequest, valkey: Valkey) -> AsyncIterator[Place]:
    async with open_redis(valkey.url) as redis:
        yield Place(redis, *request.param)


async def test_a_run_succeeds_with_what_the_work_returns(place: Place) -> None:
    await place.runner.deliver(ID, await place.submit())
    record = await place.record()
    assert (record.state, record.result, place.requests) == (State.SUCCEEDED, b"done", [SUBMISSION.canonical])


async def test_delivering_an_unknown_run_does_nothing(place: Place) -> None:
    await place.runner.deliver(ID, 1)
    assert place.requests == []
    assert await place.runs.get(ID) is None


async def test_a_second_delivery_changes_nothing(place: Place) -> None:
    run = await place.submit()
    await place.runner.deliver(ID, run)
    before = await place.record()
    await place.runner.deliver(ID, run)
    assert await place.record() == before
    assert len(place.requests) == 1


async def test_a_run_that_another_worker_holds_is_left_alone(place: Place) -> None:
    run = await place.submit()
    other = Runs(place.runs._redis, KEYS, place.runs.kind)
    await other.start(ID, run)
    await place.runner.deliver(ID, run)
    assert place.requests == []
    assert (await place.record()).state is State.RUNNING


async def test_a_run_lost_to_another_worker_is_not_finished(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that cannot stop at once must not finish a run that it has lost, also if the other worker is gone."""
    monkeypatch.setattr("worker.monitor._INTERVAL_SECONDS", 0.01)
    run = await place.submit()
    lease = KEYS.lease(place.runs.kind.name, ID, run)
    redis = place.runs._redis
    other = Runs(redis, KEYS, place.runs.kind)

    async def hang(monitor: Monitor) -> bytes:
        await monitor.enter(Phase.COUNTING, 3)
        await redis.delete(lease)
        while await other.start(ID, run) == 0:  # the monitor may renew the lease in between
            await redis.delete(lease)
        while monitor.verdict is Verdict.GO_ON:  # noqa: ASYNC110  # a monitor announces no verdict
            await asyncio.sleep(0.01)
        await redis.delete(lease)
        await asyncio.sleep(0.1)
        return b"never"

    place.do = hang
    await place.runner.deliver(ID, run)

    record = await place.record()
    assert (record.state, record.done, record.attempts) == (State.RUNNING, 0, 2)
    assert await redis.get(lease) is None


async def test_a_damaged_record_fails_its_run_alone(place: Place) -> None:
    run = await place.submit()
    await place.runs._redis.hset(KEYS.record(place.runs.kind.name, ID), "about", "no JSON")
    await place.runner.deliver(ID, run)
    assert place.requests == []
    assert await place.runs.pending() == []
    with pytest.raises(StoreError, match=f"The record of {ID} in Redis is damaged"):
        await place.runs.get(ID)
    await place.runs._redis.hset(KEYS.record(place.runs.kind.name, ID), "about", "{}")
    record = await place.record()
    assert record.error is not None
    assert record.error["code"] == "record_damaged"


async def test_a_damaged_request_fails_its_run_at_the_first_attempt(place: Place) -> None:
    run = await place.submit()
    await place.runs._redis.set(KEYS.request(place.runs.kind.name, ID), b"{}")
    await place.runner.deliver(ID, run)
    record = await place.record()
    assert (record.state, record.attempts) == (State.FAILED, 1)
    assert record.error is not None
    assert record.error["code"] == "job_crashed"
    assert str(record.error["detail"]).startswith("The request in Redis is damaged or too large: ")


async def test_a_run_fails_after_three_deaths_of_its_worker(place: Place) -> None:
    run = await place.submit()
    for _ in range(ATTEMPTS):
        await place.runs.start(ID, run)
    await place.runner.deliver(ID, run)
    record = await place.record()
    assert place.requests == []
    assert record.error is not None
    assert record.error["code"] == "job_crashed"
    assert str(record.error["detail"]).endswith(f", then {place.after_crashes}.")


async def test_a_run_without_its_request_fails(place: Place) -> None:
    run = await place.submit()
    await place.runs._redis.delete(KEYS.request(place.runs.kind.name, ID))
    await place.runner.deliver(ID, run)
    error = (await place.record()).error
    assert error is not None
    assert error["code"] == "job_crashed"


async def test_clients_see_no_path_of_the_machine(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.fail(SourceError("source_damaged", "The index is damaged: /tmp/data/indexes/c4/index.json: it is cut off."))
    await place.runner.deliver(ID, await place.submit())
    error = (await place.record()).error
    assert error is not None
    assert error["detail"] == "The index is damaged: …/index.json: it is cut off."
    assert "/tmp/data/indexes/c4/index.json" in caplog.text, "the operator's log has it"


async def test_a_permanent_error_is_not_retried(place: Place) -> None:
    place.fail(SourceError("source_damaged", "Why.", ["/a"]))
    await place.runner.deliver(ID, await place.submit())
    record = await place.record()
    assert (record.state, record.error) == (
        State.FAILED,
        {"code": "source_damaged", "detail": "Why.", "pointers": ["/a"]},
    )


def unread(place: Place) -> UnreadableRequest:
    """Let the work find that a later release wrote the request."""
    error = UnreadableRequest.with_unknown("the ordering 'spiral'")
    place.fail(error)
    return error


async def test_a_run_of_a_later_release_stays_queued_and_says_why(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    run = await place.submit()
    error = unread(place)
    with pytest.raises(LeftForLater):
        await place.runner.deliver(ID, run)
    record = await place.record()
    assert (record.state, record.attempts, record.error) == (State.QUEUED, 0, None)
    assert record.note is not None
    assert record.note["code"] == "request_of_later_release"
    assert "waits for a worker of a later release" in str(record.note["detail"])
    assert error.detail in str(record.note["detail"])
    assert await place.runs.pending() == [(ID, run)]
    # Further deliveries to the same worker neither start it nor fill the log.
    for _ in range(5):
        with pytest.raises(LeftForLater):
            await place.runner.deliver(ID, run)
    assert await place.record() == record
    assert len(place.requests) == 1
    assert [each.getMessage() for each in caplog.records if "stays queued" in each.getMessage()] == [
        f"{place.noun} {ID} stays queued: {error.detail}"
    ]


async def test_a_worker_of_the_later_release_does_the_run(place: Place) -> None:
    run = await place.submit()
    unread(place)
    with pytest.raises(LeftForLater):
        await place.runner.deliver(ID, run)
    place.do = place.succeed
    later = Runner(Runs(place.runs._redis, KEYS, place.runs.kind), place.work, place.stopping)
    await later.deliver(ID, run)
    record = await place.record()
    assert (record.state, record.note, record.attempts) == (State.SUCCEEDED, None, 1)
    await place.runner.deliver(ID, run)
    assert await place.record() == record, "a late delivery to the earlier worker does nothing"


async def test_a_run_of_a_later_release_can_be_cancelled_while_it_waits(place: Place) -> None:
    run = await place.submit()
    unread(place)
    with pytest.raises(LeftForLater):
        await place.runner.deliver(ID, run)
    await place.runs.cancel(ID)
    await place.runner.deliver(ID, run)
    record = await place.record()
    assert (record.state, record.note) == (State.CANCELLED, None)


class Disk:
    """A disk that a test fills."""

    def __init__(self) -> None:
        self.full = True

    def check(self) -> None:
        if self.full:
            raise store_full("3 MB are free")


async def test_a_run_waits_for_room_before_it_begins_and_is_no_attempt(place: Place) -> None:
    disk = Disk()
    runner = Runner(place.runs, place.work, place.stopping, check_room=disk.check)
    run = await place.submit()
    for _ in range(5):
        with pytest.raises(LeftForLater):
            await runner.deliver(ID, run)
    waiting = await place.record()
    assert (waiting.state, waiting.attempts, waiting.error) == (State.QUEUED, 0, None)
    assert waiting.note is not None
    assert waiting.note["code"] == "store_full"
    assert "waits until there is room" in str(waiting.note["detail"])
    assert place.requests == [], "it is not computed again and again"
    disk.full = False
    await runner.deliver(ID, run)
    record = await place.record()
    assert (record.state, record.note, record.attempts) == (State.SUCCEEDED, None, 1)


async def test_a_run_whose_result_finds_no_room_waits_however_often(place: Place) -> None:
    disk = Disk()
    disk.full = False
    runner = Runner(place.runs, place.work, place.stopping, check_room=disk.check)

    async def fill(monitor: Monitor) -> bytes:
        disk.full = True
        raise store_full("a file could not be written")

    place.do = fill
    run = await place.submit()
    for _ in range(ATTEMPTS + 2):
        disk.full = False
        with pytest.raises(LeftForLater):
            await runner.deliver(ID, run)
    assert (await place.record()).attempts == 0
    disk.full, place.do = False, place.succeed
    await runner.deliver(ID, run)
    assert (await place.record()).state is State.SUCCEEDED


async def test_a_result_that_does_not_fit_although_there_is_room_fails(place: Place) -> None:
    place.fail(store_full("a file could not be written"))
    run = await place.submit()
    for _ in range(ATTEMPTS):
        with suppress(TryAgain):  # it is offered again
            await place.runner.deliver(ID, run)
    record = await place.record()
    assert record.error is not None
    assert (record.state, record.error["code"]) == (State.FAILED, "store_full")


async def test_attempts_that_failed_before_still_count_when_a_run_is_left(place: Place) -> None:
    run = await place.submit()
    await place.runs.start(ID, run)  # by a worker that died
    unread(place)
    with pytest.raises(LeftForLater):
        await place.runner.deliver(ID, run)
    assert (await place.record()).attempts == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [(SourceError("source_unavailable", "Why."), "source_unavailable"), (OverflowError("s3cret"), "internal_error")],
    ids=["may pass", "unforeseen"],
)
async def test_a_passing_error_is_retried_if_the_kind_allows_it(place: Place, error: Exception, code: str) -> None:
    place.fail(error)
    run = await place.submit()
    for _ in range(ATTEMPTS - 1 if place.tries_again else 0):
        with pytest.raises(TryAgain):
            await place.runner.deliver(ID, run)
        assert (await place.record()).state is State.QUEUED
    await place.runner.deliver(ID, run)
    record = await place.record()
    assert record.state is State.FAILED
    assert record.error is not None
    assert record.error["code"] == code
    assert "s3cret" not in str(record.error)
    assert len(place.requests) == (ATTEMPTS if place.tries_again else 1)


async def test_a_stopping_worker_gives_its_run_back(place: Place) -> None:
    run = await place.submit()
    place.stopping.set()
    with pytest.raises(asyncio.CancelledError):
        await place.runner.deliver(ID, run)
    assert (await place.record()).state is State.QUEUED
    place.stopping.clear()
    await place.runner.deliver(ID, run)
    assert (await place.record()).state is State.SUCCEEDED
    assert await place.runs.start(ID, run) == 0


async def test_a_cancelled_delivery_gives_its_run_back(place: Place) -> None:
    begun = asyncio.Event()

    async def hang(monitor: Monitor) -> bytes:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    place.do = hang
    run = await place.submit()
    delivery = asyncio.create_task(place.runner.deliver(ID, run))
    await begun.wait()
    delivery.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivery
    assert (await place.record()).state is State.QUEUED
    assert await place.runs.start(ID, run) == 1, "this was no attempt"


async def test_a_run_that_is_cancelled_stops(place: Place) -> None:
    place.do = place.go_on
    delivery = asyncio.create_task(place.runner.deliver(ID, await place.submit()))
    await place.begun.wait()
    await place.runs.cancel(ID)
    async with asyncio.timeout(30):
        await delivery
    assert (await place.record()).state is State.CANCELLED


async def test_a_finished_run_is_not_changed(place: Place) -> None:
    place.do = place.go_on
    run = await place.submit()
    delivery = asyncio.create_task(place.runner.deliver(ID, run))
    await place.begun.wait()
    await place.runs.succeed(ID, run, b"by another worker")
    async with asyncio.timeout(30):
        await delivery
    record = await place.record()
    assert (record.state, record.result) == (State.SUCCEEDED, b"by another worker")
