"""Job records on a real Valkey: each transition by itself, then all of them against a model."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from redis.asyncio import Redis

from concept_orderings.request import StreamRequest, parse_request
from store.jobs import KEPT_SECONDS, Job, Jobs, Phase, QueueFull, State, Verdict, job_id
from store.queue import open_redis
from support.processes import Valkey
from support.requests import random_request

pytestmark = pytest.mark.anyio

ACTIVE = "concept-orderings:jobs:active"
REQUEST = parse_request(random_request("s"))
ID = job_id(REQUEST)
ERROR = {"code": "source_unavailable", "detail": 'Why: \N{SNOWMAN} "quoted" \\ and\nnext.'}


@pytest.fixture
async def redis(valkey: Valkey) -> Any:
    async with open_redis(valkey.url) as client:
        yield client


@pytest.fixture
def jobs(redis: Redis) -> Jobs:
    return Jobs(redis)


async def submit(jobs: Jobs, request: StreamRequest = REQUEST, most_active: int = 100, again: bool = False) -> int:
    run = await jobs.submit(request, most_active=most_active, again=again)
    assert run is not None
    return run


async def found(jobs: Jobs, identifier: str = ID) -> Job:
    job = await jobs.get(identifier)
    assert job is not None
    return job


async def history(jobs: Jobs, after: str = "0") -> list[Job]:
    return [job for _, job in await jobs.events(ID, after)]


async def active(redis: Redis) -> set[bytes]:
    members: Any = redis.smembers(ACTIVE)
    answer: set[bytes] = await members
    return answer


async def test_the_id_is_the_request(jobs: Jobs) -> None:
    assert REQUEST.digest.startswith(ID)
    assert len(ID) == 32


async def test_an_unknown_job(jobs: Jobs) -> None:
    assert await jobs.get(ID) is None
    assert await jobs.canonical_request(ID) is None
    assert await jobs.start(ID, 1) == 0
    assert not await jobs.cancel(ID)
    assert await history(jobs) == []
    assert await jobs.get(ID) is None, "asking after it makes no record"


async def test_a_submitted_job(jobs: Jobs, redis: Redis) -> None:
    assert await submit(jobs) == 1
    job = await found(jobs)
    assert (job.id, job.stream, job.run, job.state) == (ID, "s", 1, State.QUEUED)
    assert (job.phase, job.done, job.total, job.version, job.error) == (None, 0, 0, None, None)
    assert job.ordering == REQUEST.ordering.as_json()
    assert job.created_at == job.updated_at
    assert not job.cancel_requested
    assert await jobs.canonical_request(ID) == REQUEST.canonical
    assert await active(redis) == {ID.encode()}


async def test_asking_twice_is_asking_once(jobs: Jobs) -> None:
    assert [await submit(jobs) for _ in range(3)] == [1, 1, 1]
    await jobs.start(ID, 1)
    assert await submit(jobs) == 1
    assert [each.state for each in await history(jobs)] == [State.QUEUED, State.RUNNING]


async def test_asking_from_everywhere_at_once_is_asking_once(valkey: Valkey) -> None:
    clients = [open_redis(valkey.url) for _ in range(50)]
    assert await asyncio.gather(*(submit(Jobs(each)) for each in clients)) == [1] * 50
    assert len(await history(Jobs(clients[0]))) == 1
    for each in clients:
        await each.aclose()


async def test_a_whole_life(jobs: Jobs, redis: Redis) -> None:
    run = await submit(jobs)
    assert await jobs.start(ID, run) == 1
    await jobs.progress(ID, run, Phase.EMBEDDING, 256, 1024)
    job = await found(jobs)
    assert (job.state, job.phase, job.done, job.total) == (State.RUNNING, "embedding", 256, 1024)
    await jobs.succeed(ID, run, 7)
    job = await found(jobs)
    assert (job.state, job.version, job.error) == (State.SUCCEEDED, 7, None)
    assert await active(redis) == set()
    assert await jobs.canonical_request(ID) is None


async def test_a_failure_keeps_its_error(jobs: Jobs, redis: Redis) -> None:
    run = await submit(jobs)
    await jobs.start(ID, run)
    await jobs.fail(ID, run, ERROR)
    job = await found(jobs)
    assert (job.state, job.error, job.version) == (State.FAILED, ERROR, None)
    assert (await history(jobs))[-1] == job
    assert await active(redis) == set()


async def test_a_queued_job_is_cancelled_at_once(jobs: Jobs, redis: Redis) -> None:
    await submit(jobs)
    assert await jobs.cancel(ID)
    assert (await found(jobs)).state is State.CANCELLED
    assert await active(redis) == set()
    assert await jobs.start(ID, 1) == 0, "the delivery that is still in the queue does nothing"
    assert not await jobs.cancel(ID)


async def test_a_running_job_is_asked_to_stop(jobs: Jobs) -> None:
    run = await submit(jobs)
    await jobs.start(ID, run)
    assert await jobs.keep(ID, run) is Verdict.GO_ON
    assert await jobs.cancel(ID)
    assert await jobs.keep(ID, run) is Verdict.STOP
    job = await found(jobs)
    assert job.state is State.RUNNING
    assert job.cancel_requested
    await jobs.end_cancelled(ID, run)
    assert (await found(jobs)).state is State.CANCELLED


async def test_asking_again_for_a_job_that_is_to_stop_begins_the_next_run(jobs: Jobs, redis: Redis) -> None:
    run = await submit(jobs)
    await jobs.start(ID, run)
    await jobs.cancel(ID)
    assert await submit(jobs, most_active=1) == run + 1, "it takes the place that it has, also in a full queue"
    assert await jobs.keep(ID, run) is Verdict.LEAVE
    await jobs.end_cancelled(ID, run)
    job = await found(jobs)
    assert (job.run, job.state, job.cancel_requested) == (run + 1, State.QUEUED, False)
    assert await active(redis) == {ID.encode()}
    assert await jobs.start(ID, run + 1) == 1


async def test_a_run_is_one_worker_s_at_a_time(jobs: Jobs, redis: Redis) -> None:
    other = Jobs(redis)
    run = await submit(jobs)
    assert await jobs.start(ID, run) == 1
    assert await other.start(ID, run) == 0
    assert await other.keep(ID, run) is Verdict.LEAVE
    assert await jobs.keep(ID, run) is Verdict.GO_ON
    await jobs.give_back(ID, run, counted=True)
    assert await other.start(ID, run) == 2
    assert await jobs.keep(ID, run) is Verdict.LEAVE


async def test_a_run_whose_worker_is_silent_can_be_taken_over(redis: Redis) -> None:
    silent, other = Jobs(redis, lease_seconds=0.05), Jobs(redis)
    run = await submit(silent)
    assert await silent.start(ID, run) == 1
    async with asyncio.timeout(30):
        while await other.start(ID, run) != 2:  # noqa: ASYNC110  # Redis tells nobody of a lease that is over
            await asyncio.sleep(0.01)
    assert await silent.keep(ID, run) is Verdict.LEAVE
    assert (await found(other)).state is State.RUNNING


async def test_a_job_that_has_succeeded_is_not_run_again_by_accident(jobs: Jobs) -> None:
    run = await submit(jobs)
    await jobs.start(ID, run)
    await jobs.succeed(ID, run, 1)
    before = await found(jobs)
    assert await jobs.submit(REQUEST, most_active=1) is None
    assert await found(jobs) == before
    assert await submit(jobs, again=True) == run + 1


async def test_what_is_active_can_be_listed_with_its_run(jobs: Jobs) -> None:
    other = parse_request(random_request("s", seed=9))
    await submit(jobs)
    await submit(jobs, other)
    assert await jobs.active() == sorted([(ID, 1), (job_id(other), 1)])
    await jobs.cancel(ID)
    assert await jobs.active() == [(job_id(other), 1)]


async def test_a_job_whose_worker_died_before_it_could_stop_is_not_started_again(jobs: Jobs, redis: Redis) -> None:
    run = await submit(jobs)
    await jobs.start(ID, run)
    await jobs.cancel(ID)
    assert await jobs.start(ID, run) == 0
    assert (await found(jobs)).state is State.CANCELLED
    assert await active(redis) == set()


@pytest.mark.parametrize("counted", [True, False])
async def test_a_job_that_was_to_stop_is_not_given_back(jobs: Jobs, redis: Redis, counted: bool) -> None:
    run = await submit(jobs)
    await jobs.start(ID, run)
    await jobs.cancel(ID)
    await jobs.give_back(ID, run, counted=counted)
    assert (await found(jobs)).state is State.CANCELLED
    assert await active(redis) == set()


async def test_attempts_are_counted_unless_the_worker_is_told_to_stop(jobs: Jobs) -> None:
    run = await submit(jobs)
    assert await jobs.start(ID, run) == 1
    await jobs.give_back(ID, run, counted=False)
    assert (await found(jobs)).state is State.QUEUED
    assert await jobs.start(ID, run) == 1
    await jobs.give_back(ID, run, counted=True)
    assert await jobs.start(ID, run) == 2
    assert await jobs.start(ID, run) == 3, "redelivered, as its worker was killed"


async def test_a_job_given_back_shows_no_progress(jobs: Jobs) -> None:
    run = await submit(jobs)
    await jobs.start(ID, run)
    await jobs.progress(ID, run, Phase.ARRANGING, 3, 4)
    await jobs.give_back(ID, run, counted=False)
    job = await found(jobs)
    assert (job.phase, job.done, job.total) == (None, 0, 0)


async def test_a_finished_job_changes_no_more(jobs: Jobs) -> None:
    run = await submit(jobs)
    await jobs.start(ID, run)
    await jobs.succeed(ID, run, 1)
    before, events = await found(jobs), await history(jobs)
    await jobs.fail(ID, run, ERROR)
    await jobs.end_cancelled(ID, run)
    await jobs.progress(ID, run, Phase.ARRANGING, 1, 2)
    await jobs.give_back(ID, run, counted=True)
    assert await jobs.start(ID, run) == 0
    assert not await jobs.cancel(ID)
    assert await found(jobs) == before
    assert await history(jobs) == events


@pytest.mark.parametrize("end", ["failed", "cancelled"])
async def test_asked_again_after_its_end_it_starts_afresh(jobs: Jobs, redis: Redis, end: str) -> None:
    await submit(jobs)
    await jobs.start(ID, 1)
    await jobs.progress(ID, 1, Phase.ARRANGING, 1, 2)
    await jobs.cancel(ID)
    await (jobs.fail(ID, 1, ERROR) if end == "failed" else jobs.end_cancelled(ID, 1))
    assert await submit(jobs) == 2
    job = await found(jobs)
    assert (job.run, job.state, job.error, job.cancel_requested) == (2, State.QUEUED, None, False)
    assert (job.phase, job.done, job.total) == (None, 0, 0)
    assert await jobs.canonical_request(ID) == REQUEST.canonical
    assert await active(redis) == {ID.encode()}
    assert await jobs.start(ID, 2) == 1


async def test_what_an_earlier_run_still_does_changes_nothing(jobs: Jobs) -> None:
    await submit(jobs)
    await jobs.start(ID, 1)
    await jobs.fail(ID, 1, ERROR)
    await submit(jobs)
    await jobs.start(ID, 2)
    before, events = await found(jobs), await history(jobs)
    assert await jobs.start(ID, 1) == 0
    await jobs.progress(ID, 1, Phase.ARRANGING, 1, 2)
    await jobs.give_back(ID, 1, counted=False)
    await jobs.fail(ID, 1, ERROR)
    await jobs.succeed(ID, 1, 9)
    await jobs.end_cancelled(ID, 1)
    assert await found(jobs) == before
    assert await history(jobs) == events


async def test_a_full_queue_takes_no_more(jobs: Jobs, redis: Redis) -> None:
    others = [parse_request(random_request("s", seed=seed)) for seed in range(1, 4)]
    for each in others:
        await submit(jobs, each, most_active=3)
    keys = await redis.keys("*")
    with pytest.raises(QueueFull):
        await submit(jobs, most_active=3)
    assert await redis.keys("*") == keys, "nothing is left of a refused one"
    assert await submit(jobs, others[0], most_active=3) == 1, "one that is in already is no more work"
    await jobs.cancel(job_id(others[0]))
    assert await submit(jobs, most_active=3) == 1


async def test_finished_jobs_are_forgotten_in_the_end_and_active_ones_never(jobs: Jobs, redis: Redis) -> None:
    async def lives() -> list[int]:
        return [await redis.ttl(key) for key in sorted(await redis.keys(f"concept-orderings:job:{ID}*"))]

    await submit(jobs)
    assert await lives() == [-1, -1, -1]
    await jobs.start(ID, 1)
    await jobs.fail(ID, 1, ERROR)
    assert [KEPT_SECONDS - 60 < each <= KEPT_SECONDS for each in await lives()] == [True, True]
    await submit(jobs)
    assert await lives() == [-1, -1, -1]
    await jobs.cancel(ID)
    assert [KEPT_SECONDS - 60 < each <= KEPT_SECONDS for each in await lives()] == [True, True]


async def test_events_are_every_change_and_can_be_resumed_anywhere(jobs: Jobs) -> None:
    await submit(jobs)
    await jobs.start(ID, 1)
    for done in range(5):
        await jobs.progress(ID, 1, Phase.ARRANGING, done, 5)
    await jobs.succeed(ID, 1, 1)
    events = await jobs.events(ID, "0")
    states = [State.QUEUED, *[State.RUNNING] * 6, State.SUCCEEDED]
    assert [job.state for _, job in events] == states
    assert [job.done for _, job in events][2:7] == [0, 1, 2, 3, 4]
    for i, (event, _) in enumerate(events):
        assert await jobs.events(ID, event) == events[i + 1 :]


async def test_the_history_is_bounded_and_keeps_its_end(jobs: Jobs) -> None:
    await submit(jobs)
    await jobs.start(ID, 1)
    for done in range(1500):
        await jobs.progress(ID, 1, Phase.EMBEDDING, done, 1500)
    await jobs.succeed(ID, 1, 1)
    events = await jobs.events(ID, "0")
    last = events
    while last:
        events, last = last, await jobs.events(ID, last[-1][0])
    assert events[-1][1].state is State.SUCCEEDED
    assert len(await history(jobs)) <= 1200


# --- The model: what a client and workers may do in any order.


@dataclass
class Model:
    """One job, as it should be."""

    run: int = 0
    state: State | None = None
    attempts: int = 0
    cancel: bool = False
    progress: tuple[str | None, int, int] = (None, 0, 0)
    version: int | None = None
    error: dict[str, str] | None = None
    states: list[State] = field(default_factory=list)

    @property
    def pending(self) -> bool:
        return self.state in (State.QUEUED, State.RUNNING)

    def tell(self) -> None:
        assert self.state is not None
        self.states.append(self.state)

    def end(self, state: State) -> None:
        self.state = state
        self.tell()


_T = TypeVar("_T")
RUNS = st.integers(-1, 0)
JOBS = st.integers(0, 2)


class JobsMachine(RuleBasedStateMachine):
    """Three jobs, room for two of them; clients, workers and late deliveries do what they like."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.redis = open_redis(self.url)
        self.jobs = Jobs(self.redis)
        self.do(self.redis.flushall())
        self.requests = [parse_request(random_request("s", seed=seed)) for seed in range(3)]
        self.ids = [job_id(each) for each in self.requests]
        self.models = [Model() for _ in range(3)]

    def do(self, work: Awaitable[_T]) -> _T:
        async def done() -> _T:
            return await work

        return self.runner.run(done())

    def teardown(self) -> None:
        self.do(self.redis.aclose())
        self.runner.close()

    @rule(i=JOBS, again=st.booleans())
    def submit(self, i: int, again: bool) -> None:
        model = self.models[i]
        full = sum(each.pending for each in self.models) >= 2
        try:
            run = self.do(self.jobs.submit(self.requests[i], most_active=2, again=again))
        except QueueFull:
            assert full
            assert not model.pending
            return
        if model.state is State.SUCCEEDED and not again:
            assert run is None
            return
        if not model.pending or model.cancel:
            assert model.pending or not full
            self.models[i] = Model(run=model.run + 1, states=model.states)
            self.models[i].end(State.QUEUED)
        assert run == self.models[i].run

    @rule(i=JOBS, late=RUNS)
    def start(self, i: int, late: int) -> None:
        model = self.models[i]
        attempt = self.do(self.jobs.start(self.ids[i], model.run + late))
        if late or not model.pending:
            assert attempt == 0
        elif model.cancel:
            assert attempt == 0
            model.end(State.CANCELLED)
        else:
            model.attempts += 1
            model.progress = (None, 0, 0)
            model.end(State.RUNNING)
            assert attempt == model.attempts

    @rule(i=JOBS, late=RUNS, counted=st.booleans())
    def give_back(self, i: int, late: int, counted: bool) -> None:
        model = self.models[i]
        self.do(self.jobs.give_back(self.ids[i], model.run + late, counted=counted))
        if late or model.state is not State.RUNNING:
            return
        if model.cancel:
            model.end(State.CANCELLED)
            return
        model.attempts -= not counted
        model.progress = (None, 0, 0)
        model.end(State.QUEUED)

    @rule(i=JOBS, late=RUNS, phase=st.sampled_from(Phase), done=st.integers(0, 20_000))
    def progress(self, i: int, late: int, phase: Phase, done: int) -> None:
        model = self.models[i]
        self.do(self.jobs.progress(self.ids[i], model.run + late, phase, done, 20_000))
        if not late and model.state is State.RUNNING:
            model.progress = (phase.value, done, 20_000)
            model.tell()

    @rule(i=JOBS)
    def cancel(self, i: int) -> None:
        model = self.models[i]
        assert self.do(self.jobs.cancel(self.ids[i])) == model.pending
        if model.state is State.QUEUED:
            model.end(State.CANCELLED)
        elif model.state is State.RUNNING:
            model.cancel = True
            model.tell()

    @rule(i=JOBS, late=RUNS, end=st.sampled_from([State.SUCCEEDED, State.FAILED, State.CANCELLED]))
    def finish(self, i: int, late: int, end: State) -> None:
        model = self.models[i]
        run = model.run + late
        match end:
            case State.SUCCEEDED:
                self.do(self.jobs.succeed(self.ids[i], run, 3))
            case State.FAILED:
                self.do(self.jobs.fail(self.ids[i], run, ERROR))
            case _:
                self.do(self.jobs.end_cancelled(self.ids[i], run))
        if not late and model.pending:
            model.version = 3 if end is State.SUCCEEDED else None
            model.error = ERROR if end is State.FAILED else None
            model.end(end)

    @invariant()
    def records_are_as_in_the_model(self) -> None:
        for identifier, model in zip(self.ids, self.models, strict=True):
            job = self.do(self.jobs.get(identifier))
            if model.state is None:
                assert job is None
                continue
            assert job is not None
            assert (job.run, job.state, job.version, job.error) == (model.run, model.state, model.version, model.error)
            assert (job.phase, job.done, job.total) == model.progress
            assert job.cancel_requested == model.cancel

    @invariant()
    def the_active_set_is_exact_and_requests_are_kept_as_long_as_needed(self) -> None:
        active: Any = self.redis.smembers(ACTIVE)
        pending = {each for each, model in zip(self.ids, self.models, strict=True) if model.pending}
        assert {each.decode() for each in self.do(active)} == pending
        for identifier, request in zip(self.ids, self.requests, strict=True):
            kept = self.do(self.jobs.canonical_request(identifier))
            assert kept == (request.canonical if identifier in pending else None)

    @invariant()
    def events_are_complete_and_end_in_the_record(self) -> None:
        for identifier, model in zip(self.ids, self.models, strict=True):
            events = self.do(self.jobs.events(identifier, "0"))
            assert [job.state for _, job in events] == model.states
            if events:
                assert events[-1][1] == self.do(self.jobs.get(identifier))

    @invariant()
    def only_finished_jobs_expire(self) -> None:
        for identifier, model in zip(self.ids, self.models, strict=True):
            for key in (f"concept-orderings:job:{identifier}", f"concept-orderings:job:{identifier}:events"):
                assert (self.do(self.redis.ttl(key)) > 0) == (model.state is not None and model.state.final)


@pytest.mark.slow
def test_any_order_of_events_agrees_with_the_model(valkey: Valkey) -> None:
    JobsMachine.url = valkey.url
    run_state_machine_as_test(
        JobsMachine,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
