"""The parquet format: a table of the concepts with typed columns."""

import json
from typing import ClassVar

from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.rows import columns
from concept_orderings.parquet import parquet_bytes
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
        order = version.labelled
        metadata = {
            "stream": version.stream,
            "version": str(version.number),
            "digest": version.digest,
            "labels_digest": order.labels.digest,
            "offsets": json.dumps(order.offsets),
        }
        return parquet_bytes(columns(version), metadata)
