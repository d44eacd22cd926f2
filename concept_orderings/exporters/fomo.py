"""The FoMo-in-Flux format: a stream is a JSON list of ``DATASET+++class name`` strings."""

import json
from collections.abc import Sequence
from typing import ClassVar

from concept_orderings.exporters.base import Exporter
from concept_orderings.published import PublishedVersion
from concept_orderings.shapes import JsonSchema


class Fomo(Exporter):
    """The order as the FoMo-in-Flux training code reads it.

    It is final because the SHA-256 of its bytes is the ``order_digest`` of every manifest. A changed format would be
    another exporter.
    """

    name = "fomo"
    final = True
    media_type = "application/json"
    suffix = "json"
    summary = "One JSON list of DATASET+++class name, as the FoMo-in-Flux training code reads it."
    shows_tasks = False
    names_stream = False
    json_schema: ClassVar[JsonSchema] = {"type": "array", "items": {"type": "string"}}

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`."""
        return fomo_list(version.concepts)


def fomo_list(concepts: Sequence[str]) -> bytes:
    """Return arranged concepts, (n,), as one indented JSON list and a newline, in ASCII.

    Non-ASCII characters are escaped, so that programs read the file correctly with any default encoding.
    """
    return (json.dumps(list(concepts), indent=4) + "\n").encode("ascii")
