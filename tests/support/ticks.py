"""Cancel waits a given number of turns of the event loop before or after their event.

This file imports only the standard library and `store.waiting`, so that other interpreters can run it:
``python3.11 tests/support/ticks.py`` prints which turns lose a cancellation with `asyncio.wait_for`, and which with
`store.waiting.wait_for_event`.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable

from store.waiting import wait_for_event

Wait = Callable[[asyncio.Event, float], Awaitable[object]]
"""Waits for an event, or for some seconds."""

TICKS = range(13)
_SETTLED = 50
"""A number of turns after which every task here that can end has ended."""


async def ticks(count: int) -> None:
    """Give the event loop some turns."""
    for _ in range(count):
        await asyncio.sleep(0)


async def naive_wait(event: asyncio.Event, seconds: float) -> None:
    """Wait with `asyncio.wait_for`, as the project did before."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


async def is_cancelled(wait: Wait, *, wait_ticks: int, set_tick: int | None, cancel_tick: int, seconds: float) -> bool:
    """Return whether a task ends when it is cancelled, either in the wait or after it.

    Parameters
    ----------
    wait
        The wait.
    wait_ticks
        Turns between the start of the task and the first action.
    set_tick, cancel_tick
        Turns until the event is set (None: never) and until the task is cancelled. In the same turn, the event is
        set first.
    seconds
        The timeout of the wait.
    """
    event = asyncio.Event()

    async def work() -> None:
        await wait(event, seconds)
        await asyncio.Event().wait()  # until it is cancelled

    task = asyncio.create_task(work())
    await ticks(wait_ticks)
    for tick in range(_SETTLED):
        if tick == set_tick:
            event.set()
        if tick == cancel_tick:
            task.cancel()
        await ticks(1)
    ended = task.done() and task.cancelled()
    while not task.done():
        task.cancel()
        await ticks(_SETTLED)
    return ended


async def lost(wait: Wait) -> dict[str, list[int]]:
    """Return, for each order of events, the numbers of turns after which a cancellation is lost."""
    found: dict[str, list[int]] = {}
    for wait_ticks in (0, 1, 5):
        for order, seconds in (("set, cancel", 60.0), ("cancel, set", 60.0), ("time over, cancel", 0.0)):
            found[f"{order}, {wait_ticks} turns after the start"] = [
                k
                for k in TICKS
                if not await is_cancelled(
                    wait,
                    wait_ticks=wait_ticks,
                    set_tick={"set, cancel": 0, "cancel, set": k}.get(order),
                    cancel_tick=0 if order == "cancel, set" else k,
                    seconds=seconds,
                )
            ]
    return found


if __name__ == "__main__":
    json.dump({wait.__name__: asyncio.run(lost(wait)) for wait in (naive_wait, wait_for_event)}, sys.stdout)
