"""Keep children running, and stop them in order."""

import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from launcher.console import print_line
from launcher.errors import CannotRun
from launcher.kept import Kept
from launcher.signals import Signals

LOOK_EVERY = 1.0
"""Seconds between two looks at the children; the end of one is seen at once."""

READY_EVERY = 0.1
"""The same while the service starts, or a child waits for another one."""

LONG_WAIT = 30.0
"""Seconds of starting after which the user gets a line that names the logs."""


class Supervisor:
    """The children of one run.

    Parameters
    ----------
    signals
        Stop signals, and those of children that end.
    stages
        The children in the order in which they are stopped; those of one stage are stopped together.
    needed
        Those without which nothing is served. If one of them cannot run, and the service was never ready, the run
        ends. After that no child ends the run: one that cannot run today may run when there is memory or disk again.
    """

    def __init__(self, signals: Signals, stages: Sequence[Sequence[Kept]], needed: Sequence[Kept]) -> None:
        self._signals = signals
        self._stages = stages
        self._needed = needed
        self._is_ready = False

    def run(self, *, is_ready: Callable[[], bool], when_ready: str = "", when_slow: str = "") -> NoReturn:
        """Keep the children running.

        Parameters
        ----------
        is_ready
            Returns whether the service is ready.
        when_ready, when_slow
            What the user reads when it is ready, and when that takes long; nothing if it is empty.

        Raises
        ------
        CannotRun
            A child without which nothing is served cannot run.
        StopRequested
            A stop signal came.
        """
        slow_at = time.monotonic() + LONG_WAIT
        while True:
            self._signals.raise_if_stop_requested()
            # In the opposite order: a child is started after those that it needs.
            for stage in reversed(self._stages):
                for each in stage:
                    each.step(time.monotonic())
            if not self._is_ready:
                self._check_needed()
                if is_ready():
                    self._is_ready = True
                    _say(when_ready)
                elif time.monotonic() > slow_at:
                    _say(when_slow)
                    slow_at = float("inf")
            self._signals.wait(self._pause(slow_at))

    def stop(self) -> None:
        """Stop the children stage by stage."""
        for stage in self._stages:
            now = time.monotonic()
            for each in stage:
                each.child.terminate()
            for each in stage:
                each.child.wait(self._signals, since=now)

    def _check_needed(self) -> None:
        for each in self._needed:
            if each.cannot_run:
                raise CannotRun("The service cannot start.")

    def _pause(self, slow_at: float) -> float:
        now = time.monotonic()
        due = min(each.seconds_until_due(now) for stage in self._stages for each in stage)
        longest = READY_EVERY if not self._is_ready and slow_at < float("inf") else LOOK_EVERY
        # A child that is due waits for another one.
        return min(longest, max(due, READY_EVERY))


def _say(line: str) -> None:
    if line:
        print_line(line)
