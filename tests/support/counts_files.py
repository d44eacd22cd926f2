"""Counts files in the three formats that the service accepts."""

import csv
import io
import json
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq

Rows = Iterable[tuple[str, int]]

CSV = "text/csv"
JSON_LINES = "application/x-ndjson"
PARQUET = "application/vnd.apache.parquet"


def as_csv(rows: Rows) -> bytes:
    """Return CSV with the columns in another order, and one more column."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["count", "dataset", "name"])
    writer.writerows((count, "any, or none", name) for name, count in rows)
    return text.getvalue().encode()


def as_json_lines(rows: Rows) -> bytes:
    return "".join(json.dumps({"name": name, "count": count, "more": [1]}) + "\n" for name, count in rows).encode()


def as_parquet(rows: Rows) -> bytes:
    names, counts = [name for name, _ in rows], [count for _, count in rows]
    return parquet_of({"name": pa.array(names, pa.string()), "count": pa.array(counts, pa.int64())})


def parquet_of(columns: dict[str, pa.Array]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({**columns}), sink, write_page_checksum=True)
    return sink.getvalue()


FORMS = {CSV: as_csv, JSON_LINES: as_json_lines, "application/jsonl": as_json_lines, PARQUET: as_parquet}
"""How to write counts, by media type."""
