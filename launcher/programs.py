"""How to run the programs of this checkout, or of an image."""

import sys
from collections.abc import Sequence

from launcher.api_address import Listeners, listening
from launcher.child import Program

# -P: Python does not import from the working directory, which may have a directory named app or worker.
WORKER = (sys.executable, "-P", "-m", "worker")
API = (sys.executable, "-P", "-m", "app")


def worker_program(command: Sequence[str], *, grace: float) -> Program:
    """Return how to run a worker."""
    return Program(name="worker", title="The worker", command=tuple(command), grace=grace)


def api_programs(command: Sequence[str], listeners: Listeners, processes: int, *, grace: float) -> list[Program]:
    """Return how to run each of the processes of the API that share sockets.

    The first is named as if it were alone: a run with one process finds what a run with several has left behind.
    """
    address = ("--host", listeners.host, "--port", str(listeners.port))
    return [
        Program(
            name="api" if number == 1 else f"api-{number}",
            title="The API" if processes == 1 else f"Process {number} of the API",
            command=(*command, *address, *listening(listeners.descriptors)),
            grace=grace,
            descriptors=listeners.descriptors,
        )
        for number in range(1, processes + 1)
    ]
