"""Write the output of a command to a file or to standard output."""

import os
import sys
from pathlib import Path

from concept_orderings.errors import BadValue


def write(data: bytes, path: Path | None) -> None:
    """Write bytes to a file, or to standard output if there is no path.

    Raises
    ------
    BadValue
        ``bad_file``: the file cannot be written; an existing file is not changed.
    """
    if path is None:
        sys.stdout.buffer.write(data)
        return
    try:
        # A device or a pipe is written to and not replaced.
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)
    except OSError as error:
        raise BadValue("bad_file", f"{path} cannot be written: {error.strerror}.") from error


def _replace(path: Path, data: bytes) -> None:
    """Write a temporary file next to it and rename that, so that a full disk does not damage an existing file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
