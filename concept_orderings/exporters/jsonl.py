"""The jsonl format: one JSON object a line, for each concept."""

import json
from typing import ClassVar

from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.rows import columns, rows
from concept_orderings.published import PublishedVersion


class Jsonl(Exporter):
    """A row for each concept, with its labels and its evidence."""

    name = "jsonl"
    media_type = "application/x-ndjson"
    suffix = "jsonl"
    names_stream = False
    summary = "A JSON object a line for each concept: its place, its labels and its evidence."
    has_labels: ClassVar[bool] = True

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`. Non-ASCII characters are escaped, as in the FoMo-in-Flux format."""
        return "".join(f"{json.dumps(row)}\n" for row in rows(columns(version))).encode("ascii")
