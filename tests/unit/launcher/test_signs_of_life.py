"""When a child counts as hung."""

import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.patience import Patience
from launcher.signs_of_life import HEARTBEAT_FD, MOST_MISSED, Answer, Heartbeats, Questions
from launcher.valkey import Ping
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
    last_signs = [i for i, each in enumerate(answers) if each in (Answer.GIVEN, Answer.STARTING)]
    since = answers[last_signs[-1] + 1 :] if last_signs else answers
    missed = len(since) if Answer.GIVEN in answers else since.count(Answer.MISSING)
    assert asked.is_hung() == (missed >= MOST_MISSED)


def test_a_process_that_never_listens_is_hung_in_the_end() -> None:
    asked = questions(Patience(ask_every=3600.0, start=-1.0))
    assert asked.is_hung()
    asked.note(Answer.GIVEN)
    assert not asked.is_hung()


def test_a_start_takes_as_long_as_the_process_says_that_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    asked = questions(Patience(ask_every=3600.0, start=300.0))
    for _ in range(10):
        now += 299.0
        asked.note(Answer.STARTING)
        assert not asked.is_hung()
        assert not asked.has_answered
    now += 301.0
    assert asked.is_hung()


class Replies:
    """A Valkey that gives these replies; None for none."""

    def __init__(self, listen_at: Path, replies: Sequence[bytes | None]) -> None:
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(listen_at))
        self._server.listen()
        self._replies = replies
        self._thread = threading.Thread(target=self._reply)

    def _reply(self) -> None:
        for each in self._replies:
            connection, _ = self._server.accept()
            with connection:
                connection.recv(64)
                if each is not None:
                    connection.sendall(each)
                connection.recv(64)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exception: object) -> None:
        self._thread.join(30)
        self._server.close()


def test_valkey_is_not_hung_while_it_loads_its_data(tmp_path: Path) -> None:
    """It answers before it reads its log, then not while it does 1,024 large commands of it."""
    ping = Ping(tmp_path / "socket")
    ping.open()
    assert ping.ask(1.0) is Answer.NOT_LISTENING
    loading = b"-LOADING Valkey is loading the dataset in memory\r\n"
    with Replies(tmp_path / "socket", [None, loading, None, b"+PONG\r\n", b"-BUSY a script\r\n", None]):
        seconds = [0.05, 5.0, 0.05, 5.0, 5.0, 0.05]
        assert [ping.ask(each) for each in seconds] == [
            Answer.NOT_LISTENING,
            Answer.STARTING,
            Answer.NOT_LISTENING,
            Answer.GIVEN,
            Answer.GIVEN,
            Answer.MISSING,
        ]


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
