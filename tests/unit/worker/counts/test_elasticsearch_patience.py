from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.evidence.counts.elasticsearch.answers import NotCounted, may_pass
from worker.evidence.counts.elasticsearch.patience import Patience
from worker.evidence.counts.elasticsearch.server import _retry_after

pytestmark = pytest.mark.anyio

BUSY = may_pass("it is busy")
REFUSED = NotCounted(code="source_refused", reason="it will not")


@given(st.floats(0, 1, exclude_max=True))
def test_pauses_double_and_are_cut_at_random(chance: float) -> None:
    patience = Patience(chance=lambda: chance, attempts=8)

    pauses = [patience.pause(attempt, BUSY) for attempt in range(1, 9)]

    assert pauses == [longest * (1 + chance) / 2 for longest in (1, 2, 4, 8, 16, 30, 30)] + [None]


@given(st.floats(0, 300), st.integers(1, 5))
def test_a_pause_is_never_shorter_than_the_server_asks_for(seconds: float, attempt: int) -> None:
    pause = Patience().pause(attempt, may_pass("it is busy", retry_after=seconds))

    assert pause is not None
    assert seconds < pause <= seconds + 30


def test_there_is_no_pause_after_a_refusal_or_for_a_request_of_a_too_long_one() -> None:
    assert Patience().pause(1, REFUSED) is None
    assert Patience().pause(1, may_pass("it is busy", retry_after=301.0)) is None


async def test_retries_end_with_the_first_answer() -> None:
    answers: list[int | NotCounted] = [BUSY, BUSY, 7, 8]
    pauses: list[float] = []

    async def question() -> int | NotCounted:
        return answers.pop(0)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    assert await Patience(sleep=sleep, chance=lambda: 0.0).ask(question) == 7
    assert (answers, pauses) == ([8], [0.5, 1.0])


@pytest.mark.parametrize(("answer", "asked"), [(BUSY, 4), (REFUSED, 1)])
async def test_retries_end_after_the_last_attempt_or_a_refusal(answer: NotCounted, asked: int) -> None:
    questions: list[None] = []

    async def question() -> int | NotCounted:
        questions.append(None)
        return answer

    async def sleep(seconds: float) -> None:
        pass

    assert await Patience(attempts=4, sleep=sleep).ask(question) == answer
    assert len(questions) == asked


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("0", 0.0), ("7", 7.0), ("1.5", 1.5), ("-3", 0.0), ("nan", 0.0), ("soon", None), ("", None)],
)
def test_a_pause_is_read_in_seconds(header: str | None, seconds: float | None) -> None:
    assert _retry_after(header) == seconds


def test_a_pause_is_read_as_a_time() -> None:
    now = datetime.now(UTC)

    seconds = _retry_after(format_datetime(now + timedelta(hours=1), usegmt=True))

    assert seconds is not None
    assert 3_000 < seconds <= 3_600
    assert _retry_after(format_datetime(now - timedelta(hours=1), usegmt=True)) == 0.0
