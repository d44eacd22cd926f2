"""Counts files as they are sent: CSV, JSON lines or Parquet, read into counts by folded name.

Whatever is wrong is said with its line. Nothing is guessed: a row that has a field too many, a count that is no
integer, or two counts for one name are errors, since an order that is cited stands on them.
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
from typing import Any, TypeAlias

from app import parquet_rows
from app.bodies import decoded
from concept_orderings.canonical import LARGEST_INTEGER
from concept_orderings.errors import BadCountsFile, BadValue
from concept_orderings.queries import folded
from concept_orderings.text import is_plain_text, shown

MOST_ROWS = 2_000_000
"""More than a hundred times the names of the benchmark; they fit into memory."""

CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
MEDIA_TYPES = {
    CSV: "CSV in UTF-8 with a header that has `name` and `count`; other columns are ignored.",
    "application/x-ndjson": "JSON lines: objects with `name` and `count`; other fields are ignored.",
    "application/jsonl": "JSON lines, as above.",
    PARQUET: "Parquet with a string column `name` and an integer column `count`; other columns are ignored.",
}
"""The forms a counts file may have, and what each must hold."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_INTEGER = re.compile(r"[0-9]{1,20}")
_READING_SECONDS = 120
_NEXT = "Mend the file and send it again"


# Where a row stands, and its name and count as they stand there, not yet checked.
_Row: TypeAlias = tuple[int, object, object]


def read_counts(body: bytes, media_type: str, size: int | None = None) -> dict[str, int]:
    """Return the counts of a file by folded name.

    Takes seconds for a large file: not for the event loop.

    Parameters
    ----------
    body
        The file.
    media_type
        One of `MEDIA_TYPES`.
    size
        The size of the corpus, in the unit of the counts; none may be larger.

    Raises
    ------
    BadCountsFile
        ``bad_counts_file`` or ``conflicting_counts``, naming the line.
    """
    body = body.removeprefix(_BYTE_ORDER_MARK) if media_type != PARQUET else body
    if not body.strip():
        raise BadCountsFile("bad_counts_file", f"The counts file is empty. {_NEXT}.")
    if media_type == PARQUET:
        with closing(_parquet_rows(body)) as rows:
            return _collect(rows, "row", size)
    return _collect(_csv_rows(body) if media_type == CSV else _json_rows(body), "line", size)


def _collect(rows: Iterable[_Row], unit: str, size: int | None) -> dict[str, int]:
    counts: dict[str, int] = {}
    lines: dict[str, int] = {}
    for total, row in enumerate(rows, start=1):
        if total > MOST_ROWS:
            raise _bad(f"it has more than {MOST_ROWS} rows")
        number = row[0]
        name, count = _checked(row, unit)
        if size is not None and count > size:
            raise _bad(f"{unit} {number}: the count of {shown(name)} is {count}, and the whole corpus has {size}")
        if counts.setdefault(name, count) != count:
            raise BadCountsFile(
                "conflicting_counts",
                f"The counts file has two counts for {shown(name)}: {counts[name]} in {unit} {lines[name]} and {count} "
                f"in {unit} {number}; underscores, slashes and white space are read as one space. {_NEXT}.",
            )
        lines.setdefault(name, number)
    if not counts:
        raise _bad("it has no counts")
    return counts


def _checked(row: _Row, unit: str) -> tuple[str, int]:
    number, given, count = row
    where = f"{unit} {number}"
    if not isinstance(given, str):
        raise _bad(f"{where}: the name is {_kind(given)} and must be a string")
    name = folded(given)
    if not name:
        raise _bad(f"{where}: the name is empty")
    if not is_plain_text(name):
        raise _bad(f"{where}: the name {shown(given)} has a control character or is no Unicode text")
    if type(count) is not int:
        raise _bad(f"{where}: the count of {shown(name)} is {_kind(count)} and must be an integer")
    if not 0 <= count <= LARGEST_INTEGER:
        raise _bad(f"{where}: the count of {shown(name)} must be from 0 to {LARGEST_INTEGER}")
    return name, count


def _kind(value: object) -> str:
    """Say what a value is that should be another."""
    match value:
        case None:
            return "missing"
        case str():
            return shown(value, 40)
        case bool():
            return "a boolean"
        case int() | float():
            return f"the number {value!r:.40}"
        case _:
            return "an array or an object"


def _csv_rows(body: bytes) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(_text(body), newline=""), strict=True)
    try:
        header = next((fields for fields in reader if fields), [])
        name, count = _columns([each.strip() for each in header])
        for fields in reader:
            if len(fields) == len(header):
                yield reader.line_num, fields[name], _integer(fields[count])
            elif fields:
                raise _bad(
                    f"line {reader.line_num} has {len(fields)} fields and the header has {len(header)}; "
                    "a name with a comma in it stands in double quotes"
                )
    except csv.Error as error:
        raise _bad(f"line {reader.line_num} is no CSV: {error}") from error


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


def _json_rows(body: bytes) -> Iterator[_Row]:
    _text(body)  # so that what is no UTF-8 is said as such
    for number, line in enumerate(io.BytesIO(body), start=1):
        if not line.strip():
            continue
        try:
            value = decoded(line)
        except (ValueError, RecursionError) as error:
            raise _bad(f"line {number} is no JSON: {str(error)[:80]}") from error
        except BadValue as error:
            raise _bad(f"line {number}: {error.detail}") from error
        if not isinstance(value, dict):
            raise _bad(f"line {number} is no JSON object")
        yield number, value.get("name"), value.get("count")


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
    """Yield the lines of a process of its own (see there) as they come: nobody knows how many there will be."""
    command = [sys.executable, "-P", str(Path(parquet_rows.__file__)), str(MOST_ROWS)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None  # they are pipes
        assert process.stdout is not None
        # Ends whatever this waits for below, be it to read or to write.
        too_long = threading.Timer(_READING_SECONDS, process.kill)
        too_long.start()
        try:
            with suppress(BrokenPipeError), process.stdin:
                process.stdin.write(body)
            for line in process.stdout:
                if line.endswith(b"\n"):  # else it broke off
                    yield line
            status = process.wait()
        finally:
            too_long.cancel()
            process.kill()
    if status != 0:
        raise _bad("it is damaged, or takes too much memory or time to read")


def _bad(reason: str) -> BadCountsFile:
    # A reader's own words may end a sentence already.
    return BadCountsFile("bad_counts_file", f"The counts file cannot be used: {reason.rstrip('.')}. {_NEXT}.")
