"""The tasks format: a JSON list with one list of ``DATASET+++class name`` strings per task."""

import json

from concept_orderings.exporters.base import Exporter
from concept_orderings.published import PublishedVersion


class Tasks(Exporter):
    """The concepts of each task, in order, and nothing else."""

    name = "tasks"
    media_type = "application/json"
    suffix = "json"
    summary = "One JSON list for each task, each of DATASET+++class name."

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`. Non-ASCII characters are escaped, as in the FoMo-in-Flux format."""
        tasks = [list(concepts) for concepts in version.concepts_by_task]
        return (json.dumps(tasks, indent=4) + "\n").encode("ascii")
