"""Child processes of an earlier run that was killed. On Linux the kernel has ended them; elsewhere they still run."""

import fcntl
import os
import signal
from pathlib import Path

from launcher.console import print_line
from launcher.datadir import DataDir
from launcher.errors import CannotRun
from launcher.signals import Signals

GRACE = 5.0
"""Seconds to wait after SIGTERM, and again after SIGKILL."""


def stop_leftover(data: DataDir, name: str, signals: Signals) -> None:
    """Stop the child that an earlier run left behind under this name, if there is one.

    A child leads a process group, and its lock is held while any member of that group lives. So the signal goes to the
    process that wrote its id into the lock file, and never to an unrelated process that was given the same id later.

    Raises
    ------
    CannotRun
        It does not stop, or belongs to another user.
    StopRequested
        A stop signal came meanwhile.
    """
    lock = data.child_lock(name)
    if not _is_held(lock):
        return
    print_line(f"Stopping the {name} process that an earlier run left behind.")
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal_holder(lock, number)
        signals.wait_until(lambda: signals.stop_requested or not _is_held(lock), GRACE)
        signals.raise_if_stop_requested()
        if not _is_held(lock):
            return
    raise CannotRun(f"The {name} process of an earlier run does not stop; its process id is in {lock}.")


def kill_group(lock: Path) -> None:
    """Kill the processes that hold a child's lock, if there are any: those that the child has left behind."""
    if _is_held(lock):
        _signal_holder(lock, signal.SIGKILL)


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
        # The holder has locked the file a moment ago and has not written its process id yet.
        return
    try:
        os.killpg(int(text), number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise CannotRun(f"Process {text} of another user uses the data directory; stop it first.") from error
