"""Wait for a run: until its next change, and for at most five seconds in case the message of a change was lost."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from store.runs import LONGEST_SILENCE_SECONDS, Record, RunChanges, Runs
from store.waiting import wait_for_event


async def each_change(
    changes: RunChanges, identifier: str, *, only_when_final: bool = False, seconds: float = float("inf")
) -> AsyncGenerator[None]:
    """Yield at once, and then each time a record may have changed, until `seconds` are over; close it after use.

    Parameters
    ----------
    changes
        Source of the changes.
    identifier
        The record's id.
    only_when_final
        Whether to yield only at the end of a run, and not at its other changes.
    seconds
        The longest time to wait. After it, this yields once more and ends. It also ends, without that, when the service
        stops.
    """
    deadline = time.monotonic() + seconds
    with changes.listen(identifier, only_when_final=only_when_final) as changed:
        while True:
            changed.clear()
            yield
            left = deadline - time.monotonic()
            if left <= 0:
                return
            await wait_for_event(changed, 0 if changes.are_ended else min(left, LONGEST_SILENCE_SECONDS))
            if changes.are_ended:
                # Thousands may wait: each has read the record at most five seconds ago.
                return


async def until_final(runs: Runs, changes: RunChanges, record: Record, seconds: float) -> Record | None:
    """Return a record once its run is finished, or in its present state after `seconds`; None once it is deleted."""
    async with aclosing(each_change(changes, record.id, only_when_final=True, seconds=seconds)) as moments:
        async for _ in moments:
            now = await runs.refresh(record)
            if now is None:
                return None
            record = now
            if record.state.final:
                break
    return record
