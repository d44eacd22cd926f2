"""Heavy work in a thread, so that the event loop can renew the lease of the job meanwhile."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from concept_orderings.errors import Cancelled
from concept_orderings.progress import Report
from store.waiting import wait_until_done

_Result = TypeVar("_Result")


async def in_thread(work: Callable[[Report], _Result], report: Report) -> _Result:
    """Run ``work(report)`` in a thread and return its result.

    If this task is cancelled, the work stops at its next report and is waited for: it must not go on while another
    worker does the same job.

    Raises
    ------
    Cancelled
        As raised by `report`. Errors of the work are raised, too.
    """
    stop = threading.Event()

    def stoppable(done: int, total: int) -> None:
        if stop.is_set():
            raise Cancelled
        report(done, total)

    running = asyncio.ensure_future(asyncio.to_thread(work, stoppable))
    try:
        await asyncio.wait([running])
    finally:
        stop.set()
        await wait_until_done(running)
    return running.result()
