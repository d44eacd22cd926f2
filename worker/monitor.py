"""Monitor one run: write its progress, renew its lease, and stop its thread if it is cancelled."""

import asyncio
import logging
import threading

from redis.exceptions import RedisError

from concept_orderings.errors import Cancelled
from store.runs import Phase, Runs, Verdict
from store.waiting import wait_for_event, wait_until_done

_INTERVAL_SECONDS = 0.25

_log = logging.getLogger(__name__)


class Monitor:
    """Progress and cancellation of one run; use it as an async context manager.

    Heavy work runs in a thread and calls `report` there, which only stores a number and reads a flag. A task on the
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
    """

    def __init__(self, runs: Runs, identifier: str, run: int, worker_stopping: threading.Event) -> None:
        self._runs = runs
        self._identifier = identifier
        self._run = run
        self._worker_stopping = worker_stopping
        self._stop = threading.Event()
        self.verdict = Verdict.GO_ON
        self._state: tuple[Phase, int, int] | None = None
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
        # The task may have ended before it wrote the last report.
        await self._write()

    async def enter(self, phase: Phase, total: int) -> None:
        """Begin a phase of `total` steps.

        Raises
        ------
        Cancelled
            If the run was cancelled, or the worker is stopping.
        """
        await self._write()
        self._state = (phase, 0, total)
        await self._write()
        self._check()

    def report(self, done: int, total: int) -> None:
        """Store the progress of the phase (`concept_orderings.progress.Report`); this is safe in any thread.

        Raises
        ------
        Cancelled
            If the run was cancelled, or the worker is stopping.
        """
        if self._state is not None:
            self._state = (self._state[0], done, total)
        self._check()

    def _check(self) -> None:
        if self._stop.is_set() or self._worker_stopping.is_set():
            raise Cancelled

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
            state = self._state
            if state is None or state == self._written or self.verdict is Verdict.LEAVE:
                return
            try:
                await self._runs.progress(self._identifier, self._run, *state)
                self._written = state
            except (RedisError, OSError) as error:
                _log.warning("%s: cannot write its progress: %s", self._identifier, error)
