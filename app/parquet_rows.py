"""``python app/parquet_rows.py``: the names and counts of a Parquet file, from standard input to standard output.

A program of its own, because the library that reads Parquet has crashed on damaged files before, and because a small
file can unfold to any size: neither may take the service with it. Nothing of the project is imported.

Each line written is JSON: ``[name, count]`` for a row, or at the end ``{"error": …}``. Lines are short, so that whoever
reads one after the other needs no more memory than for what is kept of them.
"""

import contextlib
import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

_MOST_MEMORY = 1024**3
_MOST_TEXT = 128 * 1024**2
"""Bytes of UTF-8 in all names: twice what the largest body has by default."""
_LONGEST_NAME = 128 * 1024
"""Characters, as in CSV."""
_BATCH_ROWS = 4096
_MOST_OF_ERROR = 200


class _Wrong(Exception):
    """The file can be read, and is not what it should be."""


def rows(data: bytes, most_rows: int) -> Iterator[tuple[Any, Any]]:
    """Yield names and counts one by one: few bytes of a file may stand for any number of long names."""
    import pyarrow as pa  # noqa: PLC0415  # after the limit is set, and seldom
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
    """Read a file; the first argument is the most rows that it may have."""
    with contextlib.suppress(ValueError, OSError):  # where the system has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    most_rows = int(sys.argv[1])
    # In UTF-8: escapes would make a name up to three times as long.
    as_json = json.JSONEncoder(ensure_ascii=False).encode
    try:
        for row in rows(sys.stdin.buffer.read(), most_rows):
            sys.stdout.buffer.write(as_json(row).encode() + b"\n")
    except MemoryError:
        print(json.dumps({"error": "it takes too much memory to read"}))
    except Exception as error:  # the library's errors are of many kinds; each means that the file is no good
        reason = f"it cannot be read: {error}" if not isinstance(error, _Wrong) else str(error)
        print(json.dumps({"error": reason.splitlines()[0][:_MOST_OF_ERROR]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
