"""Standard output and standard error, either of which may be closed or end early."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from typing import TextIO

from concept_orderings.errors import BadValue
from concept_orderings.text import FORBIDDEN

_FORBIDDEN = re.compile(FORBIDDEN)


def say(text: str) -> None:
    """Write a line to standard error, unless it is closed; control characters, as paths may have, are escaped."""
    # `print` would write to standard output instead.
    if sys.stderr is not None:
        print(f"concept-orderings: {escaped(text)}", file=sys.stderr)


def escaped(text: str) -> str:
    """Return text for a terminal: control characters, by which files could rule it, are escaped."""
    return _FORBIDDEN.sub(lambda each: ascii(each[0])[1:-1], text)


def write_to_stdout(data: bytes) -> None:
    """Write bytes to standard output.

    Raises
    ------
    BrokenPipeError
        The reader, such as ``head``, has ended.
    BadValue
        ``bad_file``: standard output is closed, or its disk is full.
    """
    if sys.stdout is None:
        raise BadValue("bad_file", "Standard output is closed; open it, or name a file with --output.")
    rest = memoryview(data)
    with _refused():
        # Without Python's buffer (PYTHONUNBUFFERED) a call may write only a part.
        while rest:
            rest = rest[sys.stdout.buffer.write(rest) :]
    flush()


def flush() -> None:
    """Write what is buffered for standard output now, while an error can still be reported.

    Raises
    ------
    BrokenPipeError, BadValue
        See `write_to_stdout`.
    """
    if sys.stdout is not None:
        with _refused():
            sys.stdout.flush()


def abandon(*streams: TextIO | None) -> None:
    """Discard what streams still buffer, of which Python would report an error at exit, and all later output."""
    for stream in streams:
        if stream is None:
            continue
        # In tests a stream may have no file descriptor.
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            try:
                os.dup2(null, stream.fileno())
            finally:
                os.close(null)


@contextlib.contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon(sys.stdout)
        raise BadValue("bad_file", f"Standard output cannot be written: {error.strerror}.") from error
