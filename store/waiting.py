"""Wait without losing a cancellation: for an event, for tasks to end, and for tasks to end once they are cancelled.

Every wait in these programs for which a plain ``await`` is not enough uses this file, and none uses
`asyncio.wait_for`. On Python 3.11 that function drops a cancellation which arrives in the same turn of the event loop
as the result (https://github.com/python/cpython/issues/86296, fixed in 3.12). A worker that is stopped at that moment
would go on for ever. `asyncio.wait` is the primitive here: it never raises what the awaited task raises, so a
`CancelledError` from it is always a cancellation of the caller.

`asyncio.timeout` keeps cancellations too and may be used around any block, but not for clean-up: up to Python 3.11.2
it raises `CancelledError` instead of `TimeoutError` in a task that has been cancelled before.
"""

import asyncio
from typing import Any

_CANCEL_AGAIN_SECONDS = 2.0
"""How long a cancelled task may clean up before it is cancelled again."""


async def wait_for_event(event: asyncio.Event, seconds: float) -> bool:
    """Wait until an event is set, or until the seconds are over.

    The event loop gets at least one turn, also if the event is set already: a loop around this call can always be
    cancelled. When this returns or raises, it has left neither a task nor a timer behind.

    Parameters
    ----------
    event
        The event; it is not cleared here.
    seconds
        The longest time to wait; 0 or less gives the event loop one turn only.

    Returns
    -------
    bool
        Whether the event is set.

    Raises
    ------
    asyncio.CancelledError
        If the caller is cancelled, also in the turn of the event loop in which the event is set or the time is over.
    """
    waiter = asyncio.create_task(event.wait())
    try:
        await asyncio.wait([waiter], timeout=max(0.0, seconds))
    finally:
        await cancel_and_wait(waiter)
    return event.is_set()


async def wait_until_done(*tasks: "asyncio.Future[Any]") -> None:
    """Wait until tasks are over, however often the caller is cancelled meanwhile.

    For work that must not go on in the background while the same work is tried again. This does not make the tasks
    end: signal them first. What they raise is not raised here, and is marked as retrieved.

    Raises
    ------
    asyncio.CancelledError
        If the caller was cancelled, once the tasks are over.
    """
    await _end(tasks, cancel=False, after=0.0)


async def cancel_and_wait(*tasks: "asyncio.Future[Any]", after: float = 0.0) -> None:
    """Cancel tasks and wait until they are over, however often the caller is cancelled meanwhile.

    A task that is not over after two seconds is cancelled again, since a library may swallow a cancellation (redis-py
    does, while it reads an answer). What the tasks raise is not raised here, and is marked as retrieved.

    Parameters
    ----------
    tasks
        The tasks; those that are done already are left unchanged.
    after
        Seconds that the tasks get to end by themselves before they are cancelled. If the caller is cancelled, they are
        cancelled at once.

    Raises
    ------
    asyncio.CancelledError
        If the caller was cancelled, once the tasks are over.
    """
    await _end(tasks, cancel=True, after=after)


async def _end(tasks: "tuple[asyncio.Future[Any], ...]", *, cancel: bool, after: float) -> None:
    cancelled: asyncio.CancelledError | None = None
    loop = asyncio.get_running_loop()
    due, begun = loop.time() + after, False
    while left := [each for each in tasks if not each.done()]:
        if cancel and loop.time() >= due:
            for each in left:
                each.cancel()
            due, begun = loop.time() + _CANCEL_AGAIN_SECONDS, True
        try:
            await asyncio.wait(left, timeout=due - loop.time() if cancel else None)
        except asyncio.CancelledError as error:
            # Raised below, once the tasks are over: raising it here would leave them running.
            cancelled = error
            if not begun:
                due = loop.time()
    for each in tasks:
        if not each.cancelled():
            each.exception()  # else asyncio logs that the exception was never retrieved
    if cancelled is not None:
        raise cancelled
