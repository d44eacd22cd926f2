"""Start the child processes in order, watch them, stop them in the opposite order."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from launcher.child import Child
from launcher.console import print_line
from launcher.errors import CannotRun
from launcher.signals import Signals

EARLY_DEATH_SECONDS = 30.0
"""A worker that dies at a younger age counts as failing at its start."""

MOST_EARLY_DEATHS = 5
FIRST_DELAY = 0.2
"""Seconds before the first restart; each early death in a row doubles it."""

LONG_WAIT = 30.0
"""Seconds of starting after which the user gets a line that names the logs."""

READY_INTERVAL = 0.1
"""Seconds between two readiness requests."""


class Restarts:
    """Decides when a worker that died is started again: later after each early death, not at all after the fifth."""

    def __init__(self) -> None:
        self._early = 0

    def delay(self, age: float) -> float | None:
        """Return the seconds to wait after a death at this age in seconds; None for no restart."""
        self._early = self._early + 1 if age < EARLY_DEATH_SECONDS else 1
        return None if self._early >= MOST_EARLY_DEATHS else FIRST_DELAY * 2.0 ** (self._early - 1)


class Supervisor:
    """The child processes of one run. The worker is restarted when it dies; if another dies, the run ends."""

    def __init__(self, signals: Signals, *, valkey: Child | None, worker: Child, api: Child, logs: Path) -> None:
        self._signals = signals
        self._needed = [child for child in (api, valkey) if child is not None]
        self._valkey = valkey
        self._worker = worker
        self._api = api
        self._logs = logs
        self._restarts = Restarts()
        self._restart_at: float | None = None

    def start(self, *, store_answers: Callable[[], bool], is_ready: Callable[[], bool]) -> None:
        """Start all children; return when the service is ready.

        Raises
        ------
        CannotRun
            A child died.
        StopRequested
            A stop signal came.
        """
        if self._valkey is not None:
            self._valkey.start()
            self._wait_for(store_answers)
        self._worker.start()
        self._api.start()
        self._wait_for(is_ready)

    def watch(self) -> NoReturn:
        """Watch the children until `CannotRun` or `StopRequested` ends it."""
        while True:
            self._check_children()
            self._signals.wait(self._seconds_until_restart())

    def stop(self) -> None:
        """Stop the API first, so that no job is accepted any more, then the worker, then the Valkey that both use."""
        for child in (self._api, self._worker, self._valkey):
            if child is not None:
                child.stop(self._signals)

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        notice_at = time.monotonic() + LONG_WAIT
        while True:
            self._check_children()
            if condition():
                return
            if time.monotonic() > notice_at:
                print_line(f"Still starting; the logs say why it takes long: {self._logs}")
                notice_at = float("inf")
            self._signals.wait(READY_INTERVAL)

    def _check_children(self) -> None:
        """End the run if it must end; restart the worker if it died and its delay is over."""
        self._signals.raise_if_stop_requested()
        for child in self._needed:
            if child.died:
                raise CannotRun(child.describe_end())
        if self._restart_at is None and self._worker.died:
            self._plan_restart()
        if self._restart_at is not None and time.monotonic() >= self._restart_at:
            self._restart_at = None
            self._worker.start()

    def _plan_restart(self) -> None:
        delay = self._restarts.delay(self._worker.age)
        if delay is None:
            raise CannotRun(
                f"{self._worker.describe_end()}\nIt died {MOST_EARLY_DEATHS} times in a row soon after its start."
            )
        headline = self._worker.describe_end().partition("\n")[0]
        print_line(f"{headline}; starting it again in {delay:.1f} s.")
        self._restart_at = time.monotonic() + delay

    def _seconds_until_restart(self) -> float | None:
        return None if self._restart_at is None else max(0.0, self._restart_at - time.monotonic())
