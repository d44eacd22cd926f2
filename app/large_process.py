"""``python -m app.large_process``: work on one large body, within a limit of memory; see `app.large_bodies`."""

import asyncio
import ctypes
import os
import resource
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from app.bodies import Body
from app.large_messages import PASSED, Order, Outcome, error_as_json, response_as_json
from app.service import Answered, Service
from app.settings import AppSettings
from store.logs import configure_logs
from store.memory import end_first
from store.request_id import REQUEST_ID

_M_ARENA_MAX = -8
_NICENESS = 5


def main() -> int:
    """Read an order, carry it out, and write the outcome; return the exit status."""
    order = Order.from_bytes(sys.stdin.buffer.read())
    settings = AppSettings.model_validate(order.settings)
    REQUEST_ID.set(order.request_id)
    configure_logs(settings.log_level, settings.log_format)
    give_way()
    limit_memory(order.memory)
    try:
        outcome = asyncio.run(_carry_out(order, settings))
    except MemoryError:
        outcome = Outcome({}, lacked_memory=True)
    except Exception:
        traceback.print_exc()
        return 1
    sys.stdout.buffer.write(outcome.to_bytes())
    return 0


def give_way() -> None:
    """Let other processes have the processor and the memory first."""
    os.nice(_NICENESS)
    end_first(1000)


def limit_memory(more: int) -> None:
    """Let this process allocate that many bytes more than it has."""
    with suppress(OSError, AttributeError):  # not glibc
        # Each thread would otherwise reserve addresses, which count.
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    with suppress(OSError, ValueError):  # the system may not support this limit
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


async def _carry_out(order: Order, settings: AppSettings) -> Outcome:
    work = getattr(import_module(order.module), order.function)
    try:
        async with Service(settings) as service:
            result = await work(service, Body(file=order.file), *order.arguments)
    except PASSED as error:
        return Outcome({}, error_as_json(error))
    return Outcome(result.as_json() if isinstance(result, Answered) else response_as_json(result))


if __name__ == "__main__":
    sys.exit(main())
