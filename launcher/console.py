"""The few lines a person sees; everything else goes to the logs."""

import contextlib
import sys


def say(line: str) -> None:
    """Print a line at once; a terminal or pipe that has gone is no reason to stop the service."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


def complain(line: str) -> None:
    """The same, to standard error."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)
