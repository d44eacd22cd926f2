"""The parquet format: a table of the concepts with typed columns."""

import io
import json
from typing import Any, ClassVar

from concept_orderings.errors import MissingLibrary
from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.rows import Column, Kind, columns
from concept_orderings.published import PublishedVersion


class Parquet(Exporter):
    """A row for each concept, with its labels and its evidence; the metadata of the file name the version."""

    name = "parquet"
    media_type = "application/vnd.apache.parquet"
    suffix = "parquet"
    summary = "A table of the concepts with typed columns; its metadata have the digest of the version."
    has_labels: ClassVar[bool] = True

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`.

        Raises
        ------
        MissingLibrary
            ``missing_library``: pyarrow is not installed.
        """
        arrow, parquet = _pyarrow()
        found = columns(version)
        order = version.labelled
        metadata = {
            "stream": version.stream,
            "version": str(version.number),
            "digest": version.digest,
            "labels_digest": order.labels.digest,
            "offsets": json.dumps(order.offsets),
        }
        types = _types(arrow)
        schema = arrow.schema([arrow.field(each.name, types[each.kind]) for each in found], metadata=metadata)
        arrays = [arrow.array(_values(each), type=types[each.kind]) for each in found]
        written = io.BytesIO()
        parquet.write_table(arrow.Table.from_arrays(arrays, schema=schema), written, compression="zstd")
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


def _values(column: Column) -> list[Any]:
    return list(column.values)
