"""Read uploaded tables, as CSV, JSON lines or Parquet, into rows.

An error names the line it was found in. Nothing is guessed: a row with too many fields is an error, because published
orders are based on these tables. What a cell must hold is for the reader of the rows to check.
"""

import csv
import io
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from app import parquet_rows
from app.gzip_bodies import MAGIC, PACKED_WITHOUT_HEADER
from concept_orderings.errors import BadValue, InvalidInput
from concept_orderings.faults import Faults
from concept_orderings.json_text import decode_json
from concept_orderings.text import shown

MOST_ROWS = 2_000_000
"""The largest number of rows: a hundred times the class names of the benchmark; their values fit into memory."""

CSV = "text/csv"
JSON_LINES = "application/x-ndjson"
JSONL = "application/jsonl"
PARQUET = "application/vnd.apache.parquet"
MEDIA_TYPES = (CSV, JSON_LINES, JSONL, PARQUET)
"""The formats of tables by media type."""

ANY_FORMAT = "application/octet-stream"
"""The media type of a file in any of these formats, which clients send that know no other for bytes."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_INTEGER = re.compile(r"[0-9]{1,20}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_READING_SECONDS = 120


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
    kind : {"string", "integer", "number"}
        What a column of a Parquet file must hold, and what a cell of a CSV file is read as; a cell that cannot be read
        so stays text.
    optional : bool
        Whether a file may lack it; the cells are then None.
    """

    name: str
    kind: Literal["string", "integer", "number"]
    optional: bool = False

    def of_text(self, text: str) -> object:
        """Return the value of a cell of a CSV file."""
        match self.kind:
            case "integer":
                return int(text) if _INTEGER.fullmatch(text.strip()) else text
            case "number":
                # `float` reads more, such as 1_000 and digits of other scripts.
                return float(text) if _NUMBER.fullmatch(text.strip()) else text
            case "string":
                return text


class Row(NamedTuple):
    """The number of a row (or of its line), and its cells in the order of the table's columns, not yet checked."""

    number: int
    cells: tuple[object, ...]


class RowFault(NamedTuple):
    """What is wrong with a row or a line; the error is made only if it is shown, since a file may have a million."""

    sentence: str
    code: str
    kind: type[InvalidInput]

    def error(self) -> InvalidInput:
        """Return the error."""
        # The sentence may end with the text of a library, and that with a full stop.
        return self.kind(self.code, f"{self.sentence.rstrip('.')}. Correct the file and send it again.")


Line: TypeAlias = Row | RowFault


@dataclass(frozen=True)
class Table:
    """A kind of uploaded table.

    Attributes
    ----------
    title : str
        What it is called in errors, such as "counts file".
    columns : tuple of Column
        Those that are read; others are ignored. At least one is not optional.
    holds : str
        What it has at least one of, such as "counts".
    code : str
        The code of its errors.
    kind : type of InvalidInput
        The class of its errors.
    """

    title: str
    columns: tuple[Column, ...]
    holds: str
    code: str
    kind: type[InvalidInput]

    def fault(self, sentence: str, code: str = "") -> RowFault:
        """Return a fault of a row."""
        return RowFault(sentence, code or self.code, self.kind)

    def unusable(self, reason: str) -> RowFault:
        """Return the fault that makes the file unusable."""
        return self.fault(f"The {self.title} cannot be used: {reason}")

    def bad(self, reason: str) -> InvalidInput:
        """Return the error of a file that cannot be read on."""
        return self.unusable(reason).error()


def read_table(body: bytes, media_type: str, table: Table, add: Callable[[str, Row], RowFault | None]) -> None:
    """Read a file to its end, and refuse it with all its faults.

    A large file takes seconds, so call this off the event loop.

    Parameters
    ----------
    body
        The file.
    media_type
        One of `MEDIA_TYPES`, or `ANY_FORMAT`.
    table
        What it must have.
    add
        Called with what rows are numbered by (``line`` or ``row``) and each row; returns its fault if it is wrong.

    Raises
    ------
    InvalidInput
        Of the table's class, and with its code unless a row's fault has another; the text names the line.
    """
    if media_type == ANY_FORMAT:
        media_type = _media_type_of(body)
    body = body.removeprefix(_BYTE_ORDER_MARK) if media_type != PARQUET else body
    if not body.strip():
        raise table.fault(f"The {table.title} is empty").error()
    if body.startswith(MAGIC):
        raise table.bad(PACKED_WITHOUT_HEADER)
    if media_type == PARQUET:
        with closing(_parquet_rows(body, table)) as rows:
            return _collect(rows, "row", table, add)
    return _collect((_csv_rows if media_type == CSV else _json_rows)(body, table), "line", table, add)


def _collect(lines: Iterable[Line], unit: str, table: Table, add: Callable[[str, Row], RowFault | None]) -> None:
    faults, rows = Faults(), 0
    try:
        for total, line in enumerate(lines, start=1):
            if total > MOST_ROWS:
                raise table.bad(f"it has more than {MOST_ROWS} rows")
            fault = line if isinstance(line, RowFault) else add(unit, line)
            if fault is not None:
                faults.add_made(fault.code, fault.error)
            rows = total
    except InvalidInput as error:  # what follows cannot be read
        faults.add(error)
    faults.refuse()
    if not rows:
        raise table.bad(f"it has no {table.holds}")


def _media_type_of(body: bytes) -> str:
    """Return the media type of a file that was sent as `ANY_FORMAT`, from its first bytes.

    The three formats begin differently: Parquet with its mark, JSON lines with a brace, which no header of CSV does.
    """
    if body.startswith(b"PAR1"):
        return PARQUET
    return JSON_LINES if body.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"{") else CSV


def listed(names: Iterable[str]) -> str:
    """Return names as a sentence lists them: "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def described(value: object) -> str:
    """Describe the value of a cell that has the wrong type, for an error."""
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


def _csv_rows(body: bytes, table: Table) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(_text(body, table), newline=""), strict=True)
    try:
        header = next((fields for fields in reader if fields), [])
        places = _places([each.strip() for each in header], table)
        for fields in reader:
            if len(fields) == len(header):
                yield Row(reader.line_num, tuple(_cells(fields, places, table)))
            elif fields:
                yield table.unusable(
                    f"line {reader.line_num} has {len(fields)} fields and the header has {len(header)}; "
                    "put a name that contains a comma in double quotes"
                )
    except csv.Error as error:
        raise table.bad(f"line {reader.line_num} is not CSV: {error}") from error


def _cells(fields: Sequence[str], places: Sequence[int | None], table: Table) -> Iterator[object]:
    for column, place in zip(table.columns, places, strict=True):
        yield None if place is None else column.of_text(fields[place])


def _places(header: list[str], table: Table) -> list[int | None]:
    """Return where the header has each of the table's columns; None for an optional one that it lacks."""
    required = [each.name for each in table.columns if not each.optional]
    optional = [each.name for each in table.columns if each.optional]
    for column in table.columns:
        times = header.count(column.name)
        if times > 1 or (times == 0 and not column.optional):
            found = "more than one column" if times else "no column"
            also = f" and may have {listed(optional)}" if optional else ""
            raise table.bad(
                f"its header has {found} {column.name}; it is {shown(','.join(header))}, and must have "
                f"{listed(required)}{also}, separated by commas"
            )
    return [header.index(each.name) if each.name in header else None for each in table.columns]


def _json_rows(body: bytes, table: Table) -> Iterator[Line]:
    _text(body, table)  # refuses a body that is not UTF-8, which the JSON reader would report less clearly
    for number, line in enumerate(io.BytesIO(body), start=1):
        if not line.strip():
            continue
        try:
            value = decode_json(line)
        except BadValue as error:
            yield table.unusable(f"line {number}: {error.detail}")
        except (ValueError, RecursionError) as error:
            yield table.unusable(f"line {number} is not JSON: {str(error)[:80]}")
        else:
            if isinstance(value, dict):
                yield Row(number, tuple(value.get(each.name) for each in table.columns))
            else:
                yield table.unusable(f"line {number} is not a JSON object")


def _text(body: bytes, table: Table) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise table.bad(f"line {line} is not UTF-8; save it in that encoding") from error


def _parquet_rows(body: bytes, table: Table) -> Generator[Row]:
    with closing(_read_parquet(body, table)) as lines:
        for number, line in enumerate(lines, start=1):
            row: Any = json.loads(line)
            if isinstance(row, dict):
                raise table.bad(str(row["error"]))
            yield Row(number, tuple(row))


def _read_parquet(body: bytes, table: Table) -> Generator[bytes]:
    """Run `app.parquet_rows` in a process, and yield the lines of its output as they arrive."""
    command = [sys.executable, "-P", str(Path(parquet_rows.__file__)), str(MOST_ROWS)]
    command += [f"{each.name}:{each.kind}{':optional' if each.optional else ''}" for each in table.columns]
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
        raise table.bad("it is damaged, or takes too much memory or time to read")
