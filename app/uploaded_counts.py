"""Read uploaded counts files, as CSV, JSON lines or Parquet, into counts by folded name.

An error names the line it was found in. Nothing is guessed: a row with too many fields, a count that is not an integer,
and two different counts for one name are errors, because published orders are based on these counts.
"""

import csv
import io
import json
import re
import subprocess
import sys
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from app import parquet_rows
from app.gzip_bodies import MAGIC, PACKED_WITHOUT_HEADER
from concept_orderings.canonical import LARGEST_INTEGER
from concept_orderings.errors import BadCountsFile, BadValue
from concept_orderings.faults import Faults
from concept_orderings.json_text import decode_json
from concept_orderings.queries import folded
from concept_orderings.text import is_plain_text, shown

MOST_ROWS = 2_000_000
"""The largest number of rows: a hundred times the class names of the benchmark; their counts fit into memory."""

CSV = "text/csv"
JSON_LINES = "application/x-ndjson"
PARQUET = "application/vnd.apache.parquet"
MEDIA_TYPES = {
    CSV: "CSV in UTF-8 with a header that has `name` and `count`; other columns are ignored.",
    JSON_LINES: "JSON lines: objects with `name` and `count`; other fields are ignored.",
    "application/jsonl": "JSON lines, as above.",
    PARQUET: "Parquet with a string column `name` and an integer column `count`; other columns are ignored.",
}
"""The formats of counts files by media type, and what a file of each must contain."""

ANY_FORMAT = "application/octet-stream"
"""The media type of a file in any of these formats, which clients send that know no other for bytes."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_INTEGER = re.compile(r"[0-9]{1,20}")
_READING_SECONDS = 120
_NEXT = "Correct the file and send it again"


# The number of a row (or of its line), and its name and count, not yet checked.
_Row: TypeAlias = tuple[int, object, object]


class _Fault(NamedTuple):
    """What is wrong with a row or a line; the error is made only if it is shown, since a file may have a million."""

    sentence: str
    code: str = "bad_counts_file"

    def error(self) -> BadCountsFile:
        # The sentence may end with the text of a library, and that with a full stop.
        return BadCountsFile(self.code, f"{self.sentence.rstrip('.')}. {_NEXT}.")


_Line: TypeAlias = _Row | _Fault


def read_counts(body: bytes, media_type: str, size: int | None = None) -> dict[str, int]:
    """Return the counts of a file by folded name.

    A large file takes seconds, so call this off the event loop.

    Parameters
    ----------
    body
        The file.
    media_type
        One of `MEDIA_TYPES`, or `ANY_FORMAT`.
    size
        The size of the corpus, in the unit of the counts; none may be larger.

    Raises
    ------
    BadCountsFile
        ``bad_counts_file`` or ``conflicting_counts``; the text names the line.
    """
    if media_type == ANY_FORMAT:
        media_type = _media_type_of(body)
    body = body.removeprefix(_BYTE_ORDER_MARK) if media_type != PARQUET else body
    if not body.strip():
        raise BadCountsFile("bad_counts_file", f"The counts file is empty. {_NEXT}.")
    if body.startswith(MAGIC):
        raise _bad(PACKED_WITHOUT_HEADER)
    if media_type == PARQUET:
        with closing(_parquet_rows(body)) as rows:
            return _collected(rows, "row", size)
    return _collected(_csv_rows(body) if media_type == CSV else _json_rows(body), "line", size)


def _media_type_of(body: bytes) -> str:
    """Return the media type of a file that was sent as `ANY_FORMAT`, from its first bytes.

    The three formats begin differently: Parquet with its mark, JSON lines with a brace, which no header of CSV does.
    """
    if body.startswith(b"PAR1"):
        return PARQUET
    return JSON_LINES if body.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"{") else CSV


def _collected(lines: Iterable[_Line], unit: str, size: int | None) -> dict[str, int]:
    """Return the counts of a file; refuse it with all its faults, once it is read to its end."""
    found, faults = _Collected(unit, size), Faults()
    try:
        for total, line in enumerate(lines, start=1):
            if total > MOST_ROWS:
                raise _bad(f"it has more than {MOST_ROWS} rows")
            fault = line if isinstance(line, _Fault) else found.add(line)
            if fault is not None:
                faults.add_made(fault.code, fault.error)
    except BadCountsFile as error:  # what follows cannot be read
        faults.add(error)
    faults.refuse()
    if not found.counts:
        raise _bad("it has no counts")
    return found.counts


class _Collected:
    """The counts of the rows that were read, by folded name.

    Parameters
    ----------
    unit
        What rows are numbered by: ``line`` or ``row``.
    size
        The largest count allowed, or None.
    """

    def __init__(self, unit: str, size: int | None) -> None:
        self.counts: dict[str, int] = {}
        self._lines: dict[str, int] = {}
        self._unit = unit
        self._size = size

    def add(self, row: _Row) -> _Fault | None:
        """Add a row; return its fault if it is wrong."""
        number, given, count = row
        name = folded(given) if isinstance(given, str) else ""
        if reason := _wrong_name(given, name) or self._wrong_count(name, count):
            return _unusable(f"{self._unit} {number}: {reason}")
        assert isinstance(count, int)  # checked above
        if (first := self.counts.setdefault(name, count)) != count:
            return _Fault(
                f"The counts file has two counts for {shown(name)}: {first} in {self._unit} {self._lines[name]} and "
                f"{count} in {self._unit} {number}; underscores, slashes and white space are read as one space",
                "conflicting_counts",
            )
        self._lines.setdefault(name, number)
        return None

    def _wrong_count(self, name: str, count: object) -> str | None:
        if type(count) is not int or not 0 <= count <= LARGEST_INTEGER:
            found = _described(count)
            return f"the count of {shown(name)} is {found}, and a count is an integer from 0 to {LARGEST_INTEGER}"
        if self._size is not None and count > self._size:
            return f"the count of {shown(name)} is {count}, and the whole corpus has {self._size}"
        return None


def _wrong_name(given: object, name: str) -> str | None:
    """Return the reason why a name is wrong; `name` is its folded form."""
    if not isinstance(given, str):
        return f"the name is {_described(given)} and must be a string"
    if not name:
        return "the name is empty"
    if not is_plain_text(name):
        return f"the name {shown(given)} has a control character or is not valid Unicode"
    return None


def _described(value: object) -> str:
    """Describe a value that has the wrong type, for an error."""
    match value:
        case None:
            return "missing or null"
        case str():
            return shown(value, 40) if value.strip() else "empty"
        case bool():
            return "a boolean"
        case int() | float():
            return f"the number {value!r:.40}"
        case _:
            return "an array or an object"


def _csv_rows(body: bytes) -> Iterator[_Line]:
    reader = csv.reader(io.StringIO(_text(body), newline=""), strict=True)
    try:
        header = next((fields for fields in reader if fields), [])
        name, count = _columns([each.strip() for each in header])
        for fields in reader:
            if len(fields) == len(header):
                yield reader.line_num, fields[name], _integer(fields[count])
            elif fields:
                yield _unusable(
                    f"line {reader.line_num} has {len(fields)} fields and the header has {len(header)}; "
                    "put a name that contains a comma in double quotes"
                )
    except csv.Error as error:
        raise _bad(f"line {reader.line_num} is not CSV: {error}") from error


def _columns(header: list[str]) -> tuple[int, int]:
    for column in ("name", "count"):
        if header.count(column) != 1:
            times = "more than one column" if column in header else "no column"
            raise _bad(
                f"its header has {times} {column}; it is {shown(','.join(header))}, and must have name and count, "
                "separated by commas"
            )
    return header.index("name"), header.index("count")


def _integer(text: str) -> object:
    return int(text) if _INTEGER.fullmatch(text.strip()) else text


def _json_rows(body: bytes) -> Iterator[_Line]:
    _text(body)  # refuses a body that is not UTF-8, which the JSON reader would report less clearly
    for number, line in enumerate(io.BytesIO(body), start=1):
        if not line.strip():
            continue
        try:
            value = decode_json(line)
        except BadValue as error:
            yield _unusable(f"line {number}: {error.detail}")
        except (ValueError, RecursionError) as error:
            yield _unusable(f"line {number} is not JSON: {str(error)[:80]}")
        else:
            if isinstance(value, dict):
                yield number, value.get("name"), value.get("count")
            else:
                yield _unusable(f"line {number} is not a JSON object")


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise _bad(f"line {line} is not UTF-8; save it in that encoding") from error


def _parquet_rows(body: bytes) -> Generator[_Row]:
    with closing(_read_parquet(body)) as lines:
        for number, line in enumerate(lines, start=1):
            row: Any = json.loads(line)
            if isinstance(row, dict):
                raise _bad(str(row["error"]))
            yield number, *row


def _read_parquet(body: bytes) -> Generator[bytes]:
    """Run `app.parquet_rows` in a process, and yield the lines of its output as they arrive."""
    command = [sys.executable, "-P", str(Path(parquet_rows.__file__)), str(MOST_ROWS)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None  # both are pipes
        assert process.stdout is not None
        # Killing the process ends every wait below, for reading as well as for writing.
        too_long = threading.Timer(_READING_SECONDS, process.kill)
        too_long.start()
        try:
            with suppress(BrokenPipeError), process.stdin:
                process.stdin.write(body)
            for line in process.stdout:
                if line.endswith(b"\n"):  # else the process died while it wrote the line
                    yield line
            status = process.wait()
        finally:
            too_long.cancel()
            process.kill()
    if status != 0:
        raise _bad("it is damaged, or takes too much memory or time to read")


def _unusable(reason: str) -> _Fault:
    return _Fault(f"The counts file cannot be used: {reason}")


def _bad(reason: str) -> BadCountsFile:
    return _unusable(reason).error()
