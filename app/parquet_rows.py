"""``python app/parquet_rows.py``: read columns of a Parquet file from standard input; write its rows as JSON lines.

This runs as a process of its own for two reasons: the library that reads Parquet has crashed on damaged files, and a
small file can expand to any size in memory. Neither may stop the service. It imports nothing from this project.

A line is an array with the cells of a row of the file, or ``{"error": …}`` as the last line. Lines are short, so that
the reader needs little memory for one line at a time.
"""

import contextlib
import json
import resource
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

_MOST_MEMORY = 1024**3
_MOST_TEXT = 128 * 1024**2
"""The limit for all names together, in bytes of UTF-8: twice the default limit of a body."""
_LONGEST_NAME = 128 * 1024
"""The limit for one name, in characters: that of Python's CSV reader."""
_BATCH_ROWS = 4096
_MOST_OF_ERROR = 200


class _Wrong(Exception):
    """The file is readable Parquet but not a valid table."""


class Column(NamedTuple):
    """A column to read: its kind is ``string``, ``integer`` or ``number``."""

    name: str
    kind: str
    optional: bool


def rows(data: bytes, most_rows: int, columns: Sequence[Column]) -> Iterator[list[Any]]:
    """Yield the cells of each row; None for a column that the file lacks.

    Texts are converted one at a time, because a few compressed bytes can stand for any number of long ones.

    Parameters
    ----------
    data
        The file.
    most_rows
        The largest number of rows allowed.
    columns
        At least one is not optional.
    """
    import pyarrow as pa  # noqa: PLC0415  # after `main` has set the memory limit
    import pyarrow.parquet as pq  # noqa: PLC0415

    file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
    _check_columns(pa.types, file.schema_arrow, columns)
    if file.metadata.num_rows > most_rows:
        raise _Wrong(f"it has {file.metadata.num_rows} rows, and {most_rows} is the most")
    present = [each.name for each in columns if each.name in file.schema_arrow.names]
    text = 0
    for batch in file.iter_batches(_BATCH_ROWS, columns=present, use_threads=False):
        read = [_cells(batch, each) if each.name in present else [None] * batch.num_rows for each in columns]
        for number in range(batch.num_rows):
            row = [each[number] if isinstance(each, list) else each[number].as_py() for each in read]
            text += sum(_length(cell) for cell, each in zip(row, columns, strict=True) if each.kind == "string")
            if text > _MOST_TEXT:
                raise _Wrong(f"its names have more than {_MOST_TEXT} bytes")
            yield row


def _cells(batch: Any, column: Column) -> Any:
    cells = batch.column(column.name)
    # Numbers are converted at once, which is many times as fast.
    return cells if column.kind == "string" else cells.to_pylist()


def _length(name: str | None) -> int:
    if name is None:
        return 0
    if len(name) > _LONGEST_NAME:
        raise _Wrong(f"a name has {len(name)} characters, and {_LONGEST_NAME} is the most")
    return len(name.encode())


def _check_columns(types: Any, schema: Any, columns: Sequence[Column]) -> None:
    for column in columns:
        found = len(schema.get_all_field_indices(column.name))
        if found > 1 or (found == 0 and not column.optional):
            has = ", ".join(schema.names[:20])
            several = "s" * (found > 1)
            raise _Wrong(f"it has {found or 'no'} column{several} {column.name}; its columns are {has or 'none'}")
    for column in columns:
        if column.name not in schema.names:
            continue
        found_type = schema.field(column.name).type
        # Some writers give a column of nulls that type.
        if not (_is(types, found_type, column.kind) or (column.optional and types.is_null(found_type))):
            article = "an" if column.kind == "integer" else "a"
            raise _Wrong(f"its column {column.name} is of the type {found_type}, and must be {article} {column.kind}")


def _is(types: Any, found: Any, kind: str) -> bool:
    if kind == "integer":
        return bool(types.is_integer(found))
    if kind == "number":
        return bool(types.is_integer(found) or types.is_floating(found))
    text = found.value_type if types.is_dictionary(found) else found
    return bool(types.is_string(text) or types.is_large_string(text) or types.is_string_view(text))


def main() -> int:
    """Read a file and write its rows.

    The first argument is the largest number of rows allowed, the others are columns: ``NAME:KIND``, or
    ``NAME:KIND:optional``.
    """
    with contextlib.suppress(ValueError, OSError):  # the system may not support this limit
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    most_rows = int(sys.argv[1])
    columns = [
        Column(name, kind, bool(optional)) for name, kind, *optional in (each.split(":") for each in sys.argv[2:])
    ]
    # Without ASCII escapes, which would make a name up to three times as long.
    as_json = json.JSONEncoder(ensure_ascii=False).encode
    try:
        for row in rows(sys.stdin.buffer.read(), most_rows, columns):
            sys.stdout.buffer.write(as_json(row).encode() + b"\n")
    except MemoryError:
        print(json.dumps({"error": "it takes too much memory to read"}))
    except Exception as error:  # the library raises many types; each means that the file is unusable
        reason = f"it cannot be read: {error}" if not isinstance(error, _Wrong) else str(error)
        print(json.dumps({"error": reason.splitlines()[0][:_MOST_OF_ERROR]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
