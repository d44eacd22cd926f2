"""Monitor one run: write its progress, renew its lease, and stop its thread if it is cancelled."""

import asyncio
import logging
import threading
import time

from redis.exceptions import RedisError

from concept_orderings.errors import Cancelled
from concept_orderings.progress import Phase
from store.runs import Runs, Verdict
from store.waiting import wait_for_event, wait_until_done

_INTERVAL_SECONDS = 0.25

_log = logging.getLogger(__name__)


class RunReport:
    """The `concept_orderings.progress.PhaseReport` of one run; it is safe in any thread.

    Parameters
    ----------
    stops : threading.Event
        Any of them is set when the work is to stop.
    """

    def __init__(self, *stops: threading.Event) -> None:
        self._stops = stops
        self._phase: Phase | None = None
        self._since = 0.0
        self._seconds: dict[Phase, float] = {}
        self._numbers: dict[Phase, tuple[int, int]] = {}

    @property
    def state(self) -> tuple[Phase, int, int] | None:
        """The phase with its ``done`` and ``total``; None before the first phase."""
        phase = self._phase
        return (phase, *self._numbers.get(phase, (0, 0))) if phase is not None else None

    def __call__(self, done: int, total: int) -> None:
        """Store the progress of the phase, if its steps are counted.

        Raises
        ------
        Cancelled
            If the run was cancelled, or the worker is stopping.
        """
        if self._phase is not None and self._phase.counted:
            self._numbers[self._phase] = (done, total)
        self.check()

    def enter(self, phase: Phase) -> None:
        """See `PhaseReport.enter`; clients see the phase if the work is in it at the next write."""
        now = time.monotonic()
        if self._phase is not None:
            self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + now - self._since
        self._phase, self._since = phase, now

    def begin(self, phase: Phase, total: int) -> None:
        """Begin a phase of `total` steps."""
        self._numbers[phase] = (0, total)
        self.enter(phase)

    def seconds(self) -> dict[Phase, float]:
        """Return how long each phase has taken until now."""
        if self._phase is None:
            return {}
        last = self._seconds.get(self._phase, 0.0) + time.monotonic() - self._since
        return {**self._seconds, self._phase: last}

    def check(self) -> None:
        """Raise `Cancelled` if the run was cancelled, or the worker is stopping."""
        if any(each.is_set() for each in self._stops):
            raise Cancelled


class Monitor:
    """Progress and cancellation of one run; use it as an async context manager.

    Heavy work runs in a thread and calls `report` there, which only stores numbers and reads a flag. A task on the
    event loop writes the numbers to Redis, renews the lease of the run and reads whether the run was cancelled. It
    polls for that, because a published message can be lost. While Redis is away, the work goes on without reports.

    Parameters
    ----------
    runs, identifier, run
        The run to monitor.
    worker_stopping
        Set while the worker is stopping: then the work stops too, and the run goes back to the queue.

    Attributes
    ----------
    verdict : Verdict
        The last answer of Redis: whether to go on.
    report : RunReport
        Takes the progress of the work.
    """

    def __init__(self, runs: Runs, identifier: str, run: int, worker_stopping: threading.Event) -> None:
        self._runs = runs
        self._identifier = identifier
        self._run = run
        self._stop = threading.Event()
        self.verdict = Verdict.GO_ON
        self.report = RunReport(self._stop, worker_stopping)
        self._written: tuple[Phase, int, int] | None = None
        self._over = asyncio.Event()
        self._writing = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Monitor":
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *exception: object) -> None:
        # Signalled and not cancelled: redis-py may swallow a cancellation, and the run would never end.
        self._over.set()
        if self._watching is not None:
            await wait_until_done(self._watching)
        # The task may have ended before it wrote the last report. Of work that was done before the first one was due,
        # the end of the run has the last report.
        if self._written is not None or exception[0] is not None:
            await self._write()

    async def enter(self, phase: Phase, total: int) -> None:
        """Begin a phase of `total` steps.

        Raises
        ------
        Cancelled
            If the run was cancelled, or the worker is stopping.
        """
        # Where steps are counted, clients see the last number; a short phase without numbers is not shown.
        if (state := self.report.state) is not None and state[0].counted:
            await self._write()
        self.report.begin(phase, total)
        await self._write()
        self.report.check()

    async def _watch(self) -> None:
        while not await wait_for_event(self._over, _INTERVAL_SECONDS):
            await self._write()
            try:
                self.verdict = await self._runs.keep(self._identifier, self._run)
            except (RedisError, OSError) as error:
                _log.warning("%s: cannot ask whether it was cancelled: %s", self._identifier, error)
            if self.verdict is not Verdict.GO_ON:
                self._stop.set()
            if self.verdict is Verdict.LEAVE:
                # Asked again, the run might be without a worker by then: this one would hold it, and end it.
                return

    async def _write(self) -> None:
        # One write at a time: of two concurrent writes, the older one could arrive last.
        async with self._writing:
            state = self.report.state
            if state is None or state == self._written or self.verdict is Verdict.LEAVE:
                return
            try:
                await self._runs.progress(self._identifier, self._run, *state)
                self._written = state
            except (RedisError, OSError) as error:
                _log.warning("%s: cannot write its progress: %s", self._identifier, error)
