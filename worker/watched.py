"""Wait for servers and stores that may take minutes to answer, and stop waiting if the run is cancelled."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from store.waiting import cancel_and_wait

_Result = TypeVar("_Result")

_TICK_SECONDS = 0.25


async def watched(work: Coroutine[Any, Any, _Result], check: Callable[[], None]) -> _Result:
    """Return the result of `work`, which runs in one task from beginning to end.

    When this returns or raises, the work is over: it is cancelled if it was still running.

    Parameters
    ----------
    work
        What to wait for.
    check
        Called on the event loop four times a second meanwhile; an exception from it cancels the work.

    Raises
    ------
    Exception
        What `work` or `check` raises.
    """
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait([task], timeout=_TICK_SECONDS))[0]:
            check()
    finally:
        await cancel_and_wait(task)
    return task.result()
