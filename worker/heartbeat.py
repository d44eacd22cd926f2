"""Send a heartbeat to the supervisor each second, so that a worker which hangs is started again."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from store.waiting import cancel_and_wait

HEARTBEAT_FD = "HEARTBEAT_FD"
"""The environment variable with the descriptor of a pipe; the launcher sets it, and reads the pipe."""

_SECONDS = 1.0


@asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Write a byte each second until the block ends, if there is a supervisor.

    A task of the event loop does it: the loop also takes jobs and renews leases, so that a worker whose loop stands
    still is of no use, whatever its threads do.
    """
    pipe = os.environ.get(HEARTBEAT_FD)
    if pipe is None:
        yield
        return
    beating = asyncio.create_task(_beat(int(pipe)))
    try:
        yield
    finally:
        await cancel_and_wait(beating)


async def _beat(pipe: int) -> None:
    while True:
        # A supervisor that is stopped reads nothing, and the pipe may be full; one that is gone ends this process.
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(pipe, b".")
        await asyncio.sleep(_SECONDS)
