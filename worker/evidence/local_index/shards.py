"""Shards of C4: gzip files of JSON lines, each an object with the document's ``text``."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


class DamagedShard(Exception):
    """A shard that cannot be read to its end; the message says where and why."""


def digest(path: Path) -> str:
    """Return the SHA-256 of the file, hexadecimal.

    Raises
    ------
    DamagedShard
        The file is not there or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DamagedShard(f"{path}: {error.strerror or error}") from error


def texts(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each document's text, and how many compressed bytes were read until then.

    Blank lines are passed over; other fields than ``text`` are not looked at.

    Raises
    ------
    DamagedShard
        The file is cut short or is not gzip, or a line is not a JSON object with a string ``text``. It names
        the file and the line, counted from 1.
    """
    number = 0
    try:
        with path.open("rb") as file:
            for line in _lines(file):
                number += 1
                if not line.isspace():
                    yield _text(line), file.tell()
    except _BadLine as error:
        raise DamagedShard(f"{path}, line {number}: {error}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedShard(f"{path}, after line {number}: {error}") from error


class _BadLine(Exception):
    """A line that is not a document."""


def _lines(file: BinaryIO) -> Iterator[bytes]:
    with gzip.open(file) as lines:
        yield from lines


def _text(line: bytes) -> str:
    try:
        document = json.loads(line.decode("utf-8"))
    except ValueError as error:
        raise _BadLine(f"not JSON in UTF-8 ({error})") from error
    text = document.get("text") if isinstance(document, dict) else None
    if not isinstance(text, str):
        raise _BadLine("no text")
    return text
