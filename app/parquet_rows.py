"""``python app/parquet_rows.py``: read a Parquet file from standard input; write its names and counts as JSON lines.

This runs as a process of its own for two reasons: the library that reads Parquet has crashed on damaged files, and a
small file can expand to any size in memory. Neither may stop the service. It imports nothing from this project.

A line is ``[name, count]`` for a row of the file, or ``{"error": …}`` as the last line. Lines are short, so that the
reader needs little memory for one line at a time.
"""

import contextlib
import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

_MOST_MEMORY = 1024**3
_MOST_TEXT = 128 * 1024**2
"""The limit for all names together, in bytes of UTF-8: twice the default limit of a body."""
_LONGEST_NAME = 128 * 1024
"""The limit for one name, in characters: that of Python's CSV reader."""
_BATCH_ROWS = 4096
_MOST_OF_ERROR = 200


class _Wrong(Exception):
    """The file is readable Parquet but not a valid counts file."""


def rows(data: bytes, most_rows: int) -> Iterator[tuple[Any, Any]]:
    """Yield names and counts row by row.

    Names are converted one at a time, because a few compressed bytes can stand for any number of long names.
    """
    import pyarrow as pa  # noqa: PLC0415  # after `main` has set the memory limit
    import pyarrow.parquet as pq  # noqa: PLC0415

    file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
    _check_columns(pa.types, file.schema_arrow)
    if file.metadata.num_rows > most_rows:
        raise _Wrong(f"it has {file.metadata.num_rows} rows, and {most_rows} is the most")
    text = 0
    for batch in file.iter_batches(_BATCH_ROWS, columns=["name", "count"], use_threads=False):
        names = batch.column("name")
        for number, count in enumerate(batch.column("count").to_pylist()):
            name = names[number].as_py()
            text += _length(name)
            if text > _MOST_TEXT:
                raise _Wrong(f"its names have more than {_MOST_TEXT} bytes")
            yield name, count


def _length(name: str | None) -> int:
    if name is None:
        return 0
    if len(name) > _LONGEST_NAME:
        raise _Wrong(f"a name has {len(name)} characters, and {_LONGEST_NAME} is the most")
    return len(name.encode())


def _check_columns(types: Any, schema: Any) -> None:
    for column in ("name", "count"):
        found = len(schema.get_all_field_indices(column))
        if found != 1:
            has = ", ".join(schema.names[:20])
            raise _Wrong(f"it has {found or 'no'} column{'s' * (found > 1)} {column}; its columns are {has or 'none'}")
    name, count = schema.field("name").type, schema.field("count").type
    text = name.value_type if types.is_dictionary(name) else name
    if not (types.is_string(text) or types.is_large_string(text) or types.is_string_view(text)):
        raise _Wrong(f"its column name is of the type {name}, and must be a string")
    if not types.is_integer(count):
        raise _Wrong(f"its column count is of the type {count}, and must be an integer")


def main() -> int:
    """Read a file and write its rows; the first command-line argument is the largest number of rows allowed."""
    with contextlib.suppress(ValueError, OSError):  # the system may not support this limit
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    most_rows = int(sys.argv[1])
    # Without ASCII escapes, which would make a name up to three times as long.
    as_json = json.JSONEncoder(ensure_ascii=False).encode
    try:
        for row in rows(sys.stdin.buffer.read(), most_rows):
            sys.stdout.buffer.write(as_json(row).encode() + b"\n")
    except MemoryError:
        print(json.dumps({"error": "it takes too much memory to read"}))
    except Exception as error:  # the library raises many types; each means that the file is unusable
        reason = f"it cannot be read: {error}" if not isinstance(error, _Wrong) else str(error)
        print(json.dumps({"error": reason.splitlines()[0][:_MOST_OF_ERROR]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
