"""Write what a command made to a file, or to standard output."""

import os
import sys
from pathlib import Path

from concept_orderings.errors import BadValue


def write(data: bytes, path: Path | None) -> None:
    """Write bytes to a file, or to standard output if there is no path.

    Raises
    ------
    BadValue
        ``bad_file``: the file cannot be written; an old one is whole.
    """
    if path is None:
        sys.stdout.buffer.write(data)
        return
    try:
        # A device or a pipe is written to, never replaced.
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)
    except OSError as error:
        raise BadValue("bad_file", f"{path} cannot be written: {error.strerror}.") from error


def _replace(path: Path, data: bytes) -> None:
    """Write beside the file and rename, so that a full disk leaves an old file whole."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
