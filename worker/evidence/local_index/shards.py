"""Shards of C4: gzip files of JSON lines, each an object with the document's ``text``."""

import glob
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from concept_orderings.text import shown

_CHUNK_BYTES = 1 << 20
_READ_BYTES = 1 << 17
_MAGIC = b"\x1f\x8b"
_SHOWN_BYTES = 40
_OF_NOTHING = hashlib.sha256().hexdigest()


@dataclass(frozen=True)
class Chunk:
    """Some whole lines of a shard.

    Attributes
    ----------
    lines : bytes
        The lines, uncompressed; about a mebibyte, or one longer line.
    before : int
        Number of lines of the shard before these.
    read : int
        Compressed bytes read of the shard up to the end of these lines.
    """

    lines: bytes
    before: int
    read: int


class DamagedShard(Exception):
    """A shard that cannot be read to its end; the message has the place and the reason."""


def digest(path: Path) -> str:
    """Return the SHA-256 of the file, hexadecimal.

    Raises
    ------
    DamagedShard
        The file does not exist, cannot be read, or is empty.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DamagedShard(f"{path}: {_reason(path, error)}") from error
    if found == _OF_NOTHING:
        # The library for gzip reads such a file without an error, as one that holds nothing.
        raise DamagedShard(f"{path}: the file is empty (0 bytes), as a failed download leaves it")
    return found


def _reason(path: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    if isinstance(error, IsADirectoryError):
        return f"{reason}: name the files in it, such as {path}/*.json.gz"
    if isinstance(error, FileNotFoundError) and glob.has_magic(str(path)):
        return f"{reason}: nothing matches this pattern"
    return reason


def chunks(path: Path) -> Iterator[Chunk]:
    """Yield all lines of a shard in order, in chunks.

    Raises
    ------
    DamagedShard
        The file is truncated or not gzip. The message names the file and the last line that could be read, counted from
        1.
    """
    before = 0
    rest = b""
    try:
        with path.open("rb") as file, gzip.open(file) as content:
            _check_is_gzip(path, file)
            # In small reads, because a read that fails loses what it has decompressed, and with it the number of lines.
            while part := content.read1(_READ_BYTES):
                rest += part
                if len(rest) >= _CHUNK_BYTES and b"\n" in part:
                    lines, _, rest = rest.rpartition(b"\n")
                    yield Chunk(lines, before, file.tell())
                    before += lines.count(b"\n") + 1
            yield Chunk(rest, before, file.tell())
    except (OSError, EOFError, zlib.error) as error:
        number = before + rest.count(b"\n")
        raise DamagedShard(f"{path}, after line {number}: {error}") from error


def _check_is_gzip(path: Path, file: BinaryIO) -> None:
    start = file.read(_SHOWN_BYTES)
    if not start.startswith(_MAGIC):
        # Such as the page of an error, saved under the name of the shard.
        begins = shown(start.decode("latin-1"))
        raise DamagedShard(f"{path}, after line 0: the file is not gzip: it begins with {begins}")
    file.seek(0)


class BadLine(Exception):
    """A line that is not a document; the message has its number in the shard, counted from 1, and the reason."""


def texts(chunk: Chunk) -> list[str]:
    """Return each document's text.

    Blank lines are skipped; other fields than ``text`` are ignored.

    Raises
    ------
    BadLine
        A line is not a JSON object with a string ``text``.
    """
    lines = enumerate(chunk.lines.split(b"\n"), start=chunk.before + 1)
    return [_text(line, number) for number, line in lines if line and not line.isspace()]


def _text(line: bytes, number: int) -> str:
    try:
        document = json.loads(line.decode("utf-8"))
    except ValueError as error:
        raise BadLine(f"line {number}: not JSON in UTF-8 ({error})") from error
    text = document.get("text") if isinstance(document, dict) else None
    if not isinstance(text, str):
        raise BadLine(f"line {number}: not an object with a text")
    return text
