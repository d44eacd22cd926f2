"""The one way of waiting for a run: woken by its changes, and every five seconds in case a change was missed."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from store.runs import LONGEST_SILENCE_SECONDS, Record, RunChanges, Runs
from store.waiting import wait_for_event


async def each_change(
    changes: RunChanges, identifier: str, *, only_when_final: bool = False, seconds: float = float("inf")
) -> AsyncGenerator[None]:
    """Yield at once, then each time a record may have changed, until the seconds are over; close it after use.

    Parameters
    ----------
    changes
        Which wake the waiter.
    identifier
        The record's id.
    only_when_final
        Whether only the end of a run wakes the waiter.
    seconds
        How long to wait at most. It yields a last time when they are over.
    """
    deadline = time.monotonic() + seconds
    with changes.listen(identifier, only_when_final=only_when_final) as changed:
        while True:
            changed.clear()
            yield
            left = deadline - time.monotonic()
            if left <= 0:
                return
            await wait_for_event(changed, min(left, LONGEST_SILENCE_SECONDS))


async def until_final(runs: Runs, changes: RunChanges, record: Record, seconds: float) -> Record | None:
    """Return a record once its run is finished, or as it stands after some seconds; None once it is forgotten."""
    async with aclosing(each_change(changes, record.id, only_when_final=True, seconds=seconds)) as moments:
        async for _ in moments:
            now = await runs.refresh(record)
            if now is None:
                return None
            record = now
            if record.state.final:
                break
    return record
