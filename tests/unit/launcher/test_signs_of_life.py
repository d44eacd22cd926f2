"""When a child counts as hung."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.patience import Patience
from launcher.signs_of_life import HEARTBEAT_FD, MOST_MISSED, Answer, Heartbeats, Questions
from worker import heartbeat

NEVER = Patience(ask_every=3600.0)


def questions(patience: Patience = NEVER) -> Questions:
    made = Questions(lambda _: Answer.GIVEN, patience)
    made.end()
    return made


@given(st.lists(st.sampled_from(Answer)))
def test_a_process_is_hung_after_three_missing_answers_in_a_row(answers: list[Answer]) -> None:
    asked = questions()
    for each in answers:
        asked.note(each)

    # One that starts does not listen yet.
    before_the_first = answers.count(Answer.MISSING)
    missed = answers[::-1].index(Answer.GIVEN) if Answer.GIVEN in answers else before_the_first
    assert asked.is_hung() == (missed >= MOST_MISSED)


def test_a_process_that_never_listens_is_hung_in_the_end() -> None:
    asked = questions(Patience(ask_every=3600.0, start=-1.0))
    assert asked.is_hung()
    asked.note(Answer.GIVEN)
    assert not asked.is_hung()


def test_a_silent_worker_is_hung_and_one_that_beats_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    beats = Heartbeats(Patience(silence=50.0, start=300.0))
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    (pipe,) = beats.begin().descriptors
    now += 299.0
    assert not beats.is_hung(), "it may still start"
    assert not beats.has_seen_life()
    os.write(pipe, b".")
    assert not beats.is_hung()
    assert beats.has_seen_life()
    now += 50.0
    assert not beats.is_hung()
    now += 1.0
    assert beats.is_hung()
    os.write(pipe, b".")
    assert not beats.is_hung(), "a beat that has come counts, also if this process read it late"
    os.close(pipe)


def test_launcher_and_worker_mean_the_same_variable() -> None:
    assert heartbeat.HEARTBEAT_FD == HEARTBEAT_FD
