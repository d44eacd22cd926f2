"""The tasks format: a JSON list with one list of ``DATASET+++class name`` strings per task."""

import json
from typing import ClassVar

from concept_orderings.exporters.base import Exporter
from concept_orderings.published import PublishedVersion
from concept_orderings.shapes import JsonSchema


class Tasks(Exporter):
    """The concepts of each task, in order, and nothing else."""

    name = "tasks"
    media_type = "application/json"
    suffix = "json"
    names_stream = False
    summary = "One JSON list for each task, each of DATASET+++class name."
    json_schema: ClassVar[JsonSchema] = {"type": "array", "items": {"type": "array", "items": {"type": "string"}}}

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`. Non-ASCII characters are escaped, as in the FoMo-in-Flux format."""
        tasks = [list(concepts) for concepts in version.concepts_by_task]
        return (json.dumps(tasks, indent=4) + "\n").encode("ascii")
