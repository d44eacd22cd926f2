"""The few lines that the user sees; everything else goes to the log files."""

import contextlib
import sys


def print_line(line: str) -> None:
    """Print a line to standard output at once; do nothing if the terminal or pipe is closed."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


def print_error(line: str) -> None:
    """Print a line to standard error at once; do nothing if the terminal or pipe is closed."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)
