"""Heavy work in a thread, so that the event loop can renew the job's lease meanwhile."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from concept_orderings.errors import Cancelled
from concept_orderings.progress import Report
from store.waiting import wait_until_done

_Result = TypeVar("_Result")


async def in_thread(work: Callable[[Report], _Result], report: Report) -> _Result:
    """Return ``work(report)``, run in a thread.

    If this task is cancelled, the work is told to stop at its next report and waited for: it must not go on unseen,
    beside the same job in another worker.

    Raises
    ------
    Cancelled
        As raised by `report`; and whatever the work raises.
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
