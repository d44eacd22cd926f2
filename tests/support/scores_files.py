"""Scores files in the three formats that the service accepts."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from support.counts_files import CSV, JSON_LINES, PARQUET, parquet_of

Rows = Sequence[tuple[str, str | None, float]]
"""Dataset, class (None for the whole dataset), score."""


def as_csv(rows: Rows) -> bytes:
    """Return CSV with the columns in another order, and one more column."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["class", "score", "dataset", "more"])
    writer.writerows((name or "", repr(score), dataset, "x") for dataset, name, score in rows)
    return text.getvalue().encode()


def as_json_lines(rows: Rows) -> bytes:
    keys = ("dataset", "class", "score")
    objects: list[dict[str, Any]] = [dict(zip(keys, row, strict=True)) for row in rows]
    return "".join(json.dumps(each) + "\n" for each in objects).encode()


def as_parquet(rows: Rows) -> bytes:
    datasets, names, scores = (list(column) for column in zip(*rows, strict=True))
    return parquet_of(
        {"score": pa.array(scores, pa.float64()), "class": pa.array(names), "dataset": pa.array(datasets)}
    )


FORMS = {CSV: as_csv, JSON_LINES: as_json_lines, PARQUET: as_parquet}
"""How to write scores, by media type."""
