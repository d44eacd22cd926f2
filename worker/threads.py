"""Heavy work in a thread, so that the event loop can renew the job's lease meanwhile."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from concept_orderings.errors import Cancelled
from concept_orderings.progress import Report

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
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        while not running.done():
            # However often it is cancelled meanwhile.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        running.exception()  # looked at, or asyncio complains that nobody did
        raise
