"""Waiting that can be told to stop: for servers and stores that may take minutes to answer, or never do."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from store.waiting import cancel_and_wait

_Result = TypeVar("_Result")

_TICK_SECONDS = 0.25


async def watched(work: Coroutine[Any, Any, _Result], tell: Callable[[], None]) -> _Result:
    """Return what work returns, in one task from beginning to end.

    Whatever ends the waiting, the work is cancelled and over when this returns.

    Parameters
    ----------
    work
        What to wait for.
    tell
        Called on the event loop four times a second meanwhile; what it raises ends the work.

    Raises
    ------
    Exception
        What `work` or `tell` raises.
    """
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait([task], timeout=_TICK_SECONDS))[0]:
            tell()
    finally:
        await cancel_and_wait(task)
    return task.result()
