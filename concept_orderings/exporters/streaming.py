"""The streaming format: for each task, what MosaicML Streaming's ``Stream`` and ``StreamingDataset`` take."""

import json
from typing import ClassVar
from urllib.parse import quote

from concept_orderings.canonical import Json
from concept_orderings.concepts import split_concept
from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.budget import training_of
from concept_orderings.published import PublishedVersion
from concept_orderings.shapes import JsonSchema

_STREAMS: JsonSchema = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"remote": {"type": "string"}, "local": {"type": "string"}, "proportion": {"type": "number"}},
    },
}


class Streaming(Exporter):
    """The arguments of a stream for each class, with equal shares, and the samples of an epoch."""

    name = "streaming"
    media_type = "application/json"
    suffix = "json"
    summary = "For each task, the arguments of a MosaicML Stream for each class, and epoch_size."
    json_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "properties": {
            "stream": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
            "tasks": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "task": {"type": "integer"},
                        "epoch_size": {"type": "integer"},
                        "streams": _STREAMS,
                    },
                },
            },
        },
    }

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`. Folders are percent-encoded, since class names have slashes."""
        samples = training_of(version).samples_per_task
        tasks: list[Json] = [
            {"task": i, "epoch_size": samples, "streams": [_arguments(concept) for concept in concepts]}
            for i, concepts in enumerate(version.concepts_by_task)
        ]
        stream = {"name": version.stream, "version": version.number, "digest": version.digest}
        return (json.dumps({"stream": stream, "tasks": tasks}) + "\n").encode("ascii")


def _arguments(concept: str) -> dict[str, Json]:
    folder = "/".join(map(_folder, split_concept(concept)))
    return {"remote": folder, "local": folder, "proportion": 1.0}


def _folder(name: str) -> str:
    # The names . and .. are not folders of their own, and quote leaves dots as they are.
    return quote(name, safe=" ,()'+&=!") if name.strip(".") else name.replace(".", "%2E")
