"""Exit with 0 if this container's worker has reported to the queue recently; else print the reason and exit with 1.

compose.yaml runs this. A worker answers no HTTP, and a process that hangs, or has lost the queue, is alive but takes no
jobs. So this reads the heartbeat that Docket keeps in Redis.
"""

import asyncio
import socket
import sys

from redis.exceptions import RedisError

from store.queue import make_docket
from store.runs import JOB
from store.settings import StoreSettings

_SECONDS = 8.0


async def find_worker(url: str, queue: str, host: str) -> str | None:
    """Return the worker of a host that has reported to a queue recently, or None; Docket names it ``host#pid``."""
    async with asyncio.timeout(_SECONDS), make_docket(url, queue) as docket:
        names = [each.name for each in await docket.workers()]
    return next((each for each in names if each.rpartition("#")[0] == host), None)


def main() -> int:
    """Read the heartbeat once; return the exit status."""
    settings = StoreSettings()
    try:
        found = asyncio.run(find_worker(settings.redis_url, settings.keys.queue(JOB.name), socket.gethostname()))
    except (RedisError, OSError, TimeoutError) as error:
        print(f"Redis cannot be reached: {error or type(error).__name__}")
        return 1
    print(found or "the worker has not reported recently")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
