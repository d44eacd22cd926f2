"""Exit with 0 if the worker of this container has reported to the queue lately, with 1 and a word why if not.

The health check of compose.yaml: a worker serves nothing that could be asked over HTTP. A process that hangs, or one
that has lost the queue, is alive and yet takes no jobs; what tells is the heartbeat that Docket keeps in Redis.
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
    """Return the worker on a host that has reported to a queue lately, or None; Docket names it ``host#pid``."""
    async with asyncio.timeout(_SECONDS), make_docket(url, queue) as docket:
        names = [each.name for each in await docket.workers()]
    return next((each for each in names if each.rpartition("#")[0] == host), None)


def main() -> int:
    """Ask once."""
    settings = StoreSettings()
    try:
        found = asyncio.run(find_worker(settings.redis_url, settings.keys.queue(JOB.name), socket.gethostname()))
    except (RedisError, OSError, TimeoutError) as error:
        print(f"Redis cannot be asked: {error or type(error).__name__}")
        return 1
    print(found or "the worker has not reported lately")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
