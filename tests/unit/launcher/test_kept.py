"""A child that the machine cannot start for the moment ends nothing, and is started later."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.api_address import Health
from launcher.child import Child, Program
from launcher.kept import Kept
from launcher.patience import PATIENCE
from launcher.signs_of_life import Answers, Heartbeats, Inherited, Watch


def kept(watch: Watch) -> Kept:
    program = Program(name="worker", title="The worker", command=(sys.executable, "-c", ""), grace=0.0)
    return Kept(Child(program, os.environ), watch, PATIENCE)


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def refuse(error: Exception) -> Callable[..., None]:
    def refused(*arguments: object, **options: object) -> None:
        raise error

    return refused


@pytest.mark.parametrize(
    ("watch", "refusing", "error"),
    [
        (Heartbeats, "subprocess.Popen", BlockingIOError("no process is left")),
        (Heartbeats, "os.pipe", OSError("no file is left")),
        (lambda patience: Answers(Health(), patience), "threading.Thread.start", RuntimeError("no thread is left")),
    ],
)
def test_a_child_that_cannot_be_started_now_is_started_later(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    watch: Callable[..., Watch],
    refusing: str,
    error: Exception,
) -> None:
    child = kept(watch(PATIENCE))
    files = open_files()
    with monkeypatch.context() as patched:
        patched.setattr(refusing, refuse(error))
        child.step(0.0)
        child.step(1.0)
    assert capsys.readouterr().out == f"The worker could not be started ({error}); starting it again in 0.2 s.\n"
    assert open_files() <= files + 1, "what the child would have inherited is closed"
    assert child.seconds_until_due(1.0) == pytest.approx(0.2)
    started: list[object] = []
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", lambda *arguments, **options: started.append(arguments))
        child.step(2.0)
    assert len(started) == 1


def test_a_child_whose_start_fails_after_a_life_is_not_taken_for_the_one_that_lived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Signals must not go to the process id of the last one, which may be another's by now."""
    child = kept(Heartbeats(PATIENCE)).child
    child.start(Inherited())
    assert child._process is not None
    child._process.wait(30)
    monkeypatch.setattr(subprocess, "Popen", refuse(BlockingIOError("no process is left")))
    with pytest.raises(BlockingIOError):
        child.start(Inherited())
    assert child._process is None
