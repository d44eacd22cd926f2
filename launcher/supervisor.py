"""Start the children in order, look after them, stop them in the opposite order."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from launcher.child import Child
from launcher.console import say
from launcher.errors import CannotRun
from launcher.signals import Signals

QUICK_DEATH_SECONDS = 30.0
QUICK_DEATHS = 5
FIRST_DELAY = 0.2
# When waiting gets long enough to say so, and how often an unready child is asked, in seconds.
LONG_WAIT = 30.0
ASK_EVERY = 0.1


class Restarts:
    """When a child that died is started again: soon, later each time it dies young, and in the end not at all."""

    def __init__(self) -> None:
        self._quick = 0

    def delay(self, age: float) -> float | None:
        """Return the seconds to wait after a death at this age; None if there is no point."""
        self._quick = self._quick + 1 if age < QUICK_DEATH_SECONDS else 1
        return None if self._quick >= QUICK_DEATHS else FIRST_DELAY * 2.0 ** (self._quick - 1)


class Supervisor:
    """The children of one run. The worker is started again when it dies; without the others there is no service."""

    def __init__(self, signals: Signals, *, valkey: Child | None, worker: Child, api: Child, logs: Path) -> None:
        self._signals = signals
        self._needed = [child for child in (api, valkey) if child is not None]
        self._valkey = valkey
        self._worker = worker
        self._api = api
        self._logs = logs
        self._restarts = Restarts()
        self._restart_at: float | None = None

    def start(self, *, store_answers: Callable[[], bool], ready: Callable[[], bool]) -> None:
        """Start everything; return when the service is ready.

        Raises
        ------
        CannotRun
            A child died.
        StopAsked
            A signal asked for the end.
        """
        if self._valkey is not None:
            self._valkey.start()
            self._await(store_answers)
        self._worker.start()
        self._api.start()
        self._await(ready)

    def watch(self) -> NoReturn:
        """Look after the children until `CannotRun` or `StopAsked` ends it."""
        while True:
            self._tend()
            self._signals.wait(self._until_restart())

    def stop(self) -> None:
        """Stop what runs: the API, so that no job is accepted any more; the worker; then Valkey under both."""
        for child in (self._api, self._worker, self._valkey):
            if child is not None:
                child.stop(self._signals)

    def _await(self, condition: Callable[[], bool]) -> None:
        patience = time.monotonic() + LONG_WAIT
        while True:
            self._tend()
            if condition():
                return
            if time.monotonic() > patience:
                say(f"Still starting; what keeps it is in the logs: {self._logs}")
                patience = float("inf")
            self._signals.wait(ASK_EVERY)

    def _tend(self) -> None:
        self._signals.raise_if_asked()
        for child in self._needed:
            if child.died:
                raise CannotRun(child.obituary())
        if self._restart_at is None and self._worker.died:
            self._plan_restart()
        if self._restart_at is not None and time.monotonic() >= self._restart_at:
            self._restart_at = None
            self._worker.start()

    def _plan_restart(self) -> None:
        delay = self._restarts.delay(self._worker.age)
        if delay is None:
            raise CannotRun(f"{self._worker.obituary()}\nIt died {QUICK_DEATHS} times right after its start.")
        headline = self._worker.obituary().partition("\n")[0]
        say(f"{headline}; starting it again in {delay:.1f} s.")
        self._restart_at = time.monotonic() + delay

    def _until_restart(self) -> float | None:
        return None if self._restart_at is None else max(0.0, self._restart_at - time.monotonic())
