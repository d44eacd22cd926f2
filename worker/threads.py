"""Heavy work in a thread, so that the event loop can renew the lease of the job meanwhile."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from concept_orderings.errors import Cancelled
from concept_orderings.progress import Phase, Report, enter
from store.waiting import wait_until_done

_Result = TypeVar("_Result")


async def in_thread(work: Callable[[Report], _Result], report: Report, threads: Executor | None = None) -> _Result:
    """Run ``work(report)`` in a thread, by default one of the event loop's, and return its result.

    If this task is cancelled, the work stops at its next report and is waited for: it must not go on while another
    worker does the same job.

    Raises
    ------
    Cancelled
        As raised by `report`. Errors of the work are raised, too.
    """
    stop = threading.Event()
    running = asyncio.get_running_loop().run_in_executor(threads, work, _Stoppable(report, stop))
    try:
        await asyncio.wait([running])
    finally:
        stop.set()
        await wait_until_done(running)
    return running.result()


class _Stoppable:
    """A `PhaseReport` that raises `Cancelled` once an event is set."""

    def __init__(self, report: Report, stop: threading.Event) -> None:
        self._report = report
        self._stop = stop

    def __call__(self, done: int, total: int) -> None:
        if self._stop.is_set():
            raise Cancelled
        self._report(done, total)

    def enter(self, phase: Phase) -> None:
        enter(self._report, phase)
