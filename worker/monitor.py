"""Watch over one run: write its progress, renew its lease, and tell the thread that works to stop."""

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

    Heavy work runs in a thread and calls `report` there, which only notes a number and reads a flag. A task on the
    event loop writes the numbers to Redis, renews the run's lease and asks whether the run was cancelled: a published
    message could be missed, a flag cannot. While Redis is away the work goes on, unreported.

    Parameters
    ----------
    runs, identifier, run
        The run to watch over.
    worker_stopping
        Set when the worker is stopping: the work stops too, and the run is given back.

    Attributes
    ----------
    verdict : Verdict
        What Redis last said is to become of the run.
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
        # Not cancelled: redis-py may swallow that, and the run would never end.
        self._over.set()
        if self._watching is not None:
            await wait_until_done(self._watching)
        # The last report of a phase may have come since it last wrote.
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
        """Note how much of the phase is done (`concept_orderings.progress.Report`); safe from any thread.

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

    async def _write(self) -> None:
        # One at a time: of two on their way, the older one could arrive last.
        async with self._writing:
            state = self._state
            if state is None or state == self._written:
                return
            try:
                await self._runs.progress(self._identifier, self._run, *state)
                self._written = state
            except (RedisError, OSError) as error:
                _log.warning("%s: cannot write its progress: %s", self._identifier, error)
