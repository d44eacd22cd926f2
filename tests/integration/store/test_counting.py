"""Questions about counts in a real Valkey: asked once, answered once, forgotten once the answer was had."""

import time
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import pytest
from redis.asyncio import Redis

from concept_orderings.queries import Query
from store.counting import ANSWER_SECONDS, UNASKED_SECONDS, Answer, Countings, CountOf, Question
from store.jobs import QueueFull, State
from store.queue import open_redis
from support.processes import Valkey

pytestmark = pytest.mark.anyio

QUESTION = Question("c4", (Query(("a", "b")), Query(('ç\u2028"',))), "2026-01-31T12:00:00Z")
OTHER = Question("c4", QUESTION.queries, "")
ANSWER = Answer(
    {"name": "c4", "unit": "documents", "documents": None},
    [
        CountOf(asked=Query(("a",)), value=2**53 - 1, approximate=True, counted_at="2026-01-31T12:00:01Z"),
        CountOf(asked=Query(()), value=0, approximate=False, counted_at="2026-01-31T12:00:02Z"),
    ],
)


@pytest.fixture
async def redis(valkey: Valkey) -> AsyncIterator[Redis]:
    async with open_redis(valkey.url) as client:
        yield client


@pytest.fixture
def countings(redis: Redis) -> Countings:
    return Countings(redis)


async def state(countings: Countings, question: Question = QUESTION) -> State | None:
    counting = await countings.get(question.id)
    return counting.state if counting else None


async def test_asking_twice_is_asking_once(countings: Countings) -> None:
    run = await countings.submit(QUESTION, most_active=9)
    assert await countings.submit(QUESTION, most_active=9) == run
    assert await countings.submit(OTHER, most_active=9) != run
    counting = await countings.get(QUESTION.id)
    assert counting is not None
    assert (counting.run, counting.state, counting.done, counting.total) == (run, State.QUEUED, 0, 2)


async def test_a_question_gets_to_the_worker_and_its_answer_back(countings: Countings) -> None:
    run = await countings.submit(QUESTION, most_active=9)
    assert await countings.start(QUESTION.id, run) == (1, QUESTION)
    await countings.progress(QUESTION.id, run, 1, 2)
    counting = await countings.get(QUESTION.id)
    assert counting is not None
    assert (counting.state, counting.done, counting.answer) == (State.RUNNING, 1, None)
    await countings.succeed(QUESTION.id, run, ANSWER)
    counting = await countings.get(QUESTION.id)
    assert counting is not None
    assert counting.state is State.SUCCEEDED
    assert counting.answer is not None
    assert Answer.from_bytes(counting.answer) == ANSWER
    await countings.delivered(counting)
    assert await state(countings) is None
    assert await countings.submit(QUESTION, most_active=9) > run


async def test_a_failure_is_told_once(countings: Countings) -> None:
    run = await countings.submit(QUESTION, most_active=9)
    await countings.start(QUESTION.id, run)
    await countings.fail(QUESTION.id, run, {"code": "source_refused", "detail": "No."})
    counting = await countings.get(QUESTION.id)
    assert counting is not None
    assert (counting.state, counting.error) == (State.FAILED, {"code": "source_refused", "detail": "No."})
    await countings.delivered(counting)
    assert await state(countings) is None


async def test_a_failure_is_not_told_of_another_day(
    redis: Redis, countings: Countings, pass_time: Callable[[float], None]
) -> None:
    run = await countings.submit(QUESTION, most_active=1)
    await countings.start(QUESTION.id, run)
    await countings.fail(QUESTION.id, run, {"code": "source_unavailable", "detail": "No."})
    [record] = await redis.keys(f"*{QUESTION.id}*")
    assert 0 < await redis.ttl(record) <= 30
    await redis.delete(record)  # as it is then
    pass_time(31)
    assert await countings.submit(QUESTION, most_active=1) > run


async def test_an_earlier_run_changes_nothing(countings: Countings) -> None:
    old = await countings.submit(QUESTION, most_active=9)
    await countings.start(QUESTION.id, old)
    await countings.fail(QUESTION.id, old, {"code": "a", "detail": "b"})
    failed = await countings.get(QUESTION.id)
    assert failed is not None
    await countings.delivered(failed)
    run = await countings.submit(QUESTION, most_active=9)
    assert await countings.start(QUESTION.id, old) is None
    await countings.progress(QUESTION.id, old, 1, 1)
    await countings.succeed(QUESTION.id, old, ANSWER)
    await countings.delivered(failed)
    assert await state(countings) is State.QUEUED
    assert await countings.start(QUESTION.id, run) == (1, QUESTION)


async def test_what_is_over_is_not_started_again(countings: Countings) -> None:
    run = await countings.submit(QUESTION, most_active=9)
    await countings.start(QUESTION.id, run)
    await countings.succeed(QUESTION.id, run, ANSWER)
    await countings.fail(QUESTION.id, run, {"code": "late", "detail": "Late."})
    assert await countings.start(QUESTION.id, run) is None
    assert await state(countings) is State.SUCCEEDED


async def test_what_nobody_asked_is_not_there(countings: Countings) -> None:
    assert await countings.get(QUESTION.id) is None
    assert await countings.start(QUESTION.id, 1) is None
    await countings.progress(QUESTION.id, 1, 1, 1)
    await countings.give_back(QUESTION.id, 1)
    await countings.succeed(QUESTION.id, 1, ANSWER)
    assert await countings.get(QUESTION.id) is None


async def test_attempts_are_counted_but_for_those_given_back(countings: Countings) -> None:
    run = await countings.submit(QUESTION, most_active=9)
    attempts = []
    for _ in range(2):
        started = await countings.start(QUESTION.id, run)
        assert started is not None
        attempts.append(started[0])
    await countings.give_back(QUESTION.id, run)
    assert await state(countings) is State.QUEUED
    started = await countings.start(QUESTION.id, run)
    assert started is not None
    assert [*attempts, started[0]] == [1, 2, 2]


async def test_there_is_an_end_to_what_is_taken(countings: Countings) -> None:
    questions = [Question(f"source-{number}", QUESTION.queries, "") for number in range(4)]
    runs = [await countings.submit(each, most_active=3) for each in questions[:3]]
    with pytest.raises(QueueFull):
        await countings.submit(questions[3], most_active=3)
    assert await countings.submit(questions[0], most_active=3) == runs[0]
    await countings.start(questions[0].id, runs[0])
    await countings.succeed(questions[0].id, runs[0], ANSWER)
    # Nor to what is kept for those who never come for it.
    with pytest.raises(QueueFull):
        await countings.submit(questions[3], most_active=3)
    answered = await countings.get(questions[0].id)
    assert answered is not None
    await countings.delivered(answered)
    assert await countings.submit(questions[3], most_active=3)


async def test_an_answer_that_nobody_fetches_makes_room_in_the_end(
    countings: Countings, pass_time: Callable[[float], None]
) -> None:
    run = await countings.submit(QUESTION, most_active=1)
    await countings.start(QUESTION.id, run)
    await countings.succeed(QUESTION.id, run, ANSWER)
    pass_time(ANSWER_SECONDS + 1)
    assert await countings.submit(OTHER, most_active=1)


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass at once."""
    passed = 0.0

    def pass_time(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    real = time.time
    monkeypatch.setattr("store.counting.time", SimpleNamespace(time=lambda: real() + passed))
    return pass_time


async def test_what_nobody_asks_any_more_is_given_up(countings: Countings, pass_time: Callable[[float], None]) -> None:
    run = await countings.submit(QUESTION, most_active=2)
    assert await countings.submit(OTHER, most_active=2)
    assert await countings.source(QUESTION.id) == "c4"
    assert await countings.start(QUESTION.id, run)
    pass_time(UNASKED_SECONDS - 10)
    assert await countings.progress(QUESTION.id, run, 1, 2)
    assert await countings.submit(QUESTION, most_active=2) == run
    pass_time(UNASKED_SECONDS - 10)
    assert await countings.progress(QUESTION.id, run, 1, 2)
    pass_time(20)
    assert not await countings.progress(QUESTION.id, run, 1, 2)
    assert await state(countings) is None
    assert await countings.source(QUESTION.id) is None
    await countings.succeed(QUESTION.id, run, ANSWER)
    assert await state(countings) is None
    # There is room for it again.
    assert await countings.submit(QUESTION, most_active=2) > run


async def test_what_nobody_asks_any_more_is_not_begun(countings: Countings, pass_time: Callable[[float], None]) -> None:
    run = await countings.submit(QUESTION, most_active=1)
    pass_time(UNASKED_SECONDS + 10)
    assert await countings.start(QUESTION.id, run) is None
    assert await state(countings) is None
    assert await countings.submit(OTHER, most_active=1)


async def test_everything_is_forgotten_in_the_end(redis: Redis, countings: Countings) -> None:
    run = await countings.submit(QUESTION, most_active=9)
    [record] = await redis.keys(f"*{QUESTION.id}*")
    assert 0 < await redis.ttl(record) <= 3600
    await countings.start(QUESTION.id, run)
    await countings.succeed(QUESTION.id, run, ANSWER)
    assert 0 < await redis.ttl(record) <= ANSWER_SECONDS
