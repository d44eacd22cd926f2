"""Write tables as Parquet, with pyarrow, which the extra ``parquet`` brings."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_orderings.errors import MissingLibrary
from concept_orderings.exporters.rows import Column, Kind


def parquet_bytes(
    columns: Sequence[Column],
    metadata: Mapping[str, str],
    *,
    vectors: Mapping[str, NDArray[np.int16]] | None = None,
) -> bytes:
    """Return a table as a Parquet file; its bytes depend on the release of pyarrow.

    Parameters
    ----------
    columns
        Typed columns of n values each.
    metadata
        Texts for the metadata of the file's schema.
    vectors
        Further columns, each (n, d): lists of d integers.

    Raises
    ------
    MissingLibrary
        ``missing_library``: pyarrow is not installed.
    """
    arrow, parquet = _pyarrow()
    types = _types(arrow)
    fields = [arrow.field(each.name, types[each.kind]) for each in columns]
    arrays = [arrow.array(list(each.values), type=types[each.kind]) for each in columns]
    for name, rows in (vectors or {}).items():
        flat = arrow.array(np.ascontiguousarray(rows).reshape(-1))
        arrays.append(arrow.FixedSizeListArray.from_arrays(flat, rows.shape[1]))
        fields.append(arrow.field(name, arrays[-1].type))
    table = arrow.Table.from_arrays(arrays, schema=arrow.schema(fields, metadata=dict(metadata)))
    written = io.BytesIO()
    parquet.write_table(table, written, compression="zstd")
    return written.getvalue()


def _pyarrow() -> tuple[Any, Any]:
    # Late: the library needs NumPy alone, and the service need not load 50 MB until a client asks for this format.
    try:
        import pyarrow  # noqa: PLC0415
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise MissingLibrary(
            "missing_library",
            "The format parquet needs pyarrow, which is not installed: pip install 'concept-orderings[parquet]', or "
            "take jsonl or csv.",
        ) from error
    return pyarrow, pyarrow.parquet


def _types(arrow: Any) -> dict[Kind, Any]:
    return {
        Kind.INTEGER: arrow.int64(),
        Kind.NUMBER: arrow.float64(),
        Kind.BOOLEAN: arrow.bool_(),
        Kind.TEXT: arrow.string(),
        Kind.TEXTS: arrow.list_(arrow.string()),
        Kind.JSON: arrow.string(),
    }
