"""Children of a run that was killed, where the kernel did not end them: only Linux can."""

import fcntl
import os
import signal
from pathlib import Path

from launcher.console import say
from launcher.datadir import DataDir
from launcher.errors import CannotRun
from launcher.signals import Signals

GRACE = 5.0


def stop_orphan(data: DataDir, name: str, signals: Signals) -> None:
    """Stop what an earlier run left behind under this name, if anything.

    A child leads a process group, and its lock is held for as long as a member of that group lives. So whatever gets
    the signal is what wrote the number into the lock file, never a stranger to whom the number was given again.

    Raises
    ------
    CannotRun
        It does not stop, or belongs to another user.
    StopAsked
        A signal asked for the end meanwhile.
    """
    lock = data.child_lock(name)
    if not _is_held(lock):
        return
    say(f"Stopping the {name} process that an earlier run left behind.")
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal_holder(lock, number)
        signals.wait_until(lambda: signals.asked or not _is_held(lock), GRACE)
        signals.raise_if_asked()
        if not _is_held(lock):
            return
    raise CannotRun(f"The {name} process of an earlier run does not stop; its number is in {lock}.")


def _is_held(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _signal_holder(lock: Path, number: signal.Signals) -> None:
    text = lock.read_text()
    if not text.isdecimal():
        # ^ locked a moment ago: it is about to write its number
        return
    try:
        os.killpg(int(text), number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise CannotRun(f"Process {text} uses the data directory for another user; stop it first.") from error
