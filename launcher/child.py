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
from launcher.signals import Signals

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
    """

    name: str
    title: str
    command: tuple[str, ...]
    grace: float
    hurried_grace: float = 0.0
    supervisor_death_signal: signal.Signals = signal.SIGKILL
    directory: Path | None = None


class Child:
    """One program and, once it is started, its process."""

    def __init__(self, program: Program, data: DataDir, environment: Mapping[str, str]) -> None:
        self.program = program
        self._data = data
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def start(self) -> None:
        """Start the program in its own session: Ctrl-C reaches only the supervisor, which stops programs in order."""
        program = self.program
        number = int(program.supervisor_death_signal)
        script = [sys.executable, "-I", "-S", str(EXEC_CHILD), str(os.getpid()), str(number)]
        with self._data.log(program.name).open("ab") as log:
            self._process = subprocess.Popen(
                [*script, str(self._data.child_lock(program.name)), *program.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=program.directory,
                env=self._environment,
                start_new_session=True,
            )
        self._started = time.monotonic()

    @property
    def died(self) -> bool:
        """Whether it was started and has ended."""
        return self._process is not None and self._process.poll() is not None

    @property
    def age(self) -> float:
        """Seconds since the last start."""
        return time.monotonic() - self._started

    def describe_end(self) -> str:
        """Return how it ended and where its log is, in one line, and after it the last lines of the log."""
        assert self._process is not None
        code = self._process.returncode
        end = f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
        log = self._data.log(self.program.name)
        return (
            f"{self.program.title} stopped ({end}); its log is {log}\n{self._data.log_tail(self.program.name)}".rstrip()
        )

    def stop(self, signals: Signals) -> None:
        """Send SIGTERM; after the grace, kill it and all processes of its group. Return when it is gone."""
        process = self._process
        if process is None or self.died:
            return
        process.terminate()
        terminated_at = time.monotonic()

        def is_over() -> bool:
            grace = self.program.hurried_grace if signals.hurried else self.program.grace
            return self.died or time.monotonic() - terminated_at >= grace

        signals.wait_until(is_over, self.program.grace)
        if not self.died:
            os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(KILL_TIMEOUT)
