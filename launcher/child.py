"""A program that the supervisor runs: start it, see whether it died, stop it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from launcher.datadir import DataDir
from launcher.leftover import kill_group
from launcher.signals import Signals
from launcher.signs_of_life import Inherited

EXEC_CHILD = Path(__file__).with_name("exec_child.py")

KILL_TIMEOUT = 5.0
"""Seconds that the kernel may take to end a killed process."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run, and how to stop it.

    Attributes
    ----------
    name : str
        Name of its log file and lock file.
    title : str
        Its name in messages.
    command : tuple of str
        An absolute path and arguments.
    grace : float
        Seconds between SIGTERM and SIGKILL.
    hurried_grace : float
        The same after a second Ctrl-C.
    supervisor_death_signal : signal.Signals
        What the kernel sends it when the supervisor dies. The default is SIGKILL: jobs and stored versions survive
        it, and a worker that finished its job first would hold up the next start.
    directory : Path, optional
        Its working directory; by default the supervisor's.
    descriptors : tuple of int
        Open files of the supervisor that it inherits.
    """

    name: str
    title: str
    command: tuple[str, ...]
    grace: float
    hurried_grace: float = 0.0
    supervisor_death_signal: signal.Signals = signal.SIGKILL
    directory: Path | None = None
    descriptors: tuple[int, ...] = ()


class Child:
    """One program and, once it is started, its process.

    Parameters
    ----------
    program
        What to run.
    environment
        Its environment.
    data
        Where its log and its lock are. None: it writes where this process writes, and locks nothing.
    """

    def __init__(self, program: Program, environment: Mapping[str, str], data: DataDir | None = None) -> None:
        self.program = program
        self._data = data
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: Exception | None = None

    def start(self, inherited: Inherited) -> None:
        """Start the program in its own session: Ctrl-C reaches only the supervisor, which stops programs in order.

        Raises
        ------
        OSError
            The machine has no memory, process or file for it.
        """
        self._process = self._failure = None
        program = self.program
        number = int(program.supervisor_death_signal)
        script = [sys.executable, "-I", "-S", str(EXEC_CHILD), str(os.getpid()), str(number)]
        with contextlib.ExitStack() as stack:
            lock, log = "", None
            if self._data is not None:
                lock = str(self._data.child_lock(program.name))
                log = stack.enter_context(self._data.log(program.name).open("ab"))
                # A process that the dead one left behind, such as one that rewrites Valkey's log, holds the lock.
                kill_group(self._data.child_lock(program.name))
            self._process = subprocess.Popen(
                [*script, lock, *program.command, *inherited.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=None if log is None else subprocess.STDOUT,
                cwd=program.directory,
                env={**self._environment, **inherited.environment},
                start_new_session=True,
                pass_fds=[*program.descriptors, *inherited.descriptors],
            )

    def note_failure(self, error: Exception) -> None:
        """Note that it could not be started: it counts as ended."""
        self._process, self._failure = None, error

    @property
    def died(self) -> bool:
        """Whether it has ended, or could not be started."""
        return self._failure is not None or (self._process is not None and self._process.poll() is not None)

    def describe_end(self) -> str:
        """Return how it ended, and where its log is; or why it could not be started."""
        if self._failure is not None:
            return f"{self.program.title} could not be started ({self._failure})"
        assert self._process is not None
        code = self._process.returncode
        end = f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
        log = "" if self._data is None else f"; its log is {self._data.log(self.program.name)}"
        return f"{self.program.title} stopped ({end}){log}"

    def log_tail(self) -> str:
        """Return the last lines of its log, indented; empty if it has none of its own."""
        return "" if self._data is None else self._data.log_tail(self.program.name)

    def cut_log(self) -> None:
        """Keep its log small while it runs."""
        if self._data is not None:
            self._data.cut_log(self.program.name)

    def kill(self) -> None:
        """Kill it and all processes of its group, at once: one that is stopped would not see SIGTERM."""
        if self._process is not None and not self.died:
            os.killpg(self._process.pid, signal.SIGKILL)

    def terminate(self) -> None:
        """Send SIGTERM."""
        if self._process is not None and not self.died:
            self._process.terminate()

    def wait(self, signals: Signals, since: float) -> None:
        """Return when it is gone; kill it when its grace is over.

        Parameters
        ----------
        signals
            Whether the user is in a hurry.
        since
            When it got SIGTERM.
        """
        process = self._process
        if process is None:
            return

        def is_over() -> bool:
            grace = self.program.hurried_grace if signals.hurried else self.program.grace
            return self.died or time.monotonic() - since >= grace

        signals.wait_until(is_over, self.program.grace)
        if not self.died:
            self.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(KILL_TIMEOUT)
