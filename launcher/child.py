"""A program that the supervisor runs: start it, know when it died, stop it."""

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

TETHER = Path(__file__).with_name("tether.py")
# How long the kernel may take to end a process that was killed.
KILLED_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run, and how it wants to be stopped.

    Attributes
    ----------
    name : str
        Names its log and lock.
    title : str
        How messages call it.
    command : tuple of str
        An absolute path and arguments.
    grace : float
        Seconds between asking it to stop and killing it.
    hurried_grace : float
        The same after a second Ctrl-C.
    on_orphaned : signal.Signals
        What the kernel sends it when the supervisor is killed. By default nothing is waited for: jobs and stored
        versions are made to survive it, and a worker that finished its job first would hold up the next start.
    """

    name: str
    title: str
    command: tuple[str, ...]
    grace: float
    hurried_grace: float = 0.0
    on_orphaned: signal.Signals = signal.SIGKILL
    directory: Path | None = None


class Child:
    """One program and, once started, its process."""

    def __init__(self, program: Program, data: DataDir, environment: Mapping[str, str]) -> None:
        self.program = program
        self._data = data
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def start(self) -> None:
        """Start the program in a session of its own: Ctrl-C reaches the supervisor alone, which keeps the order."""
        program = self.program
        script = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), str(int(program.on_orphaned))]
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
        """Whether it was started and runs no more."""
        return self._process is not None and self._process.poll() is not None

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def obituary(self) -> str:
        """Say how it ended, where its log is, and how that ends."""
        assert self._process is not None
        code = self._process.returncode
        end = f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
        log = self._data.log(self.program.name)
        return (
            f"{self.program.title} stopped ({end}); its log is {log}\n{self._data.log_tail(self.program.name)}".rstrip()
        )

    def stop(self, signals: Signals) -> None:
        """Ask it to stop; kill it, with all it started, when its grace is over. Returns when it is gone."""
        process = self._process
        if process is None or self.died:
            return
        process.terminate()
        asked = time.monotonic()

        def over() -> bool:
            grace = self.program.hurried_grace if signals.hurried else self.program.grace
            return self.died or time.monotonic() - asked >= grace

        signals.wait_until(over, self.program.grace)
        if not self.died:
            os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(KILLED_SECONDS)
