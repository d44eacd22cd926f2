"""The hf format: the label maps of a Hugging Face model configuration, and the tasks as lists of names."""

from typing import ClassVar

from concept_orderings.canonical import Json
from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.class_orders import INTEGER, as_bytes, json_schema
from concept_orderings.published import PublishedVersion
from concept_orderings.shapes import JsonSchema


class Hf(Exporter):
    """Both label maps, over all global labels, and the tasks."""

    name = "hf"
    media_type = "application/json"
    suffix = "json"
    summary = "label2id and id2label of a Hugging Face model, and the tasks as lists of names."
    has_labels: ClassVar[bool] = True
    json_schema: ClassVar[JsonSchema] = json_schema(
        label2id={"type": "object", "additionalProperties": INTEGER},
        id2label={"type": "object", "additionalProperties": {"type": "string"}},
        tasks={"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
    )

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`. Names are class names; of several datasets, ``DATASET+++class name``."""
        order = version.labelled
        lists = [(name, order.labels.lists[name]) for name in order.offsets]
        one = len(lists) == 1
        names = [each if one else f"{dataset}+++{each}" for dataset, classes in lists for each in classes]
        tasks = [[concept.partition("+++")[2] if one else concept for concept in t] for t in version.concepts_by_task]
        own: dict[str, Json] = {
            "label2id": {name: i for i, name in enumerate(names)},
            "id2label": {str(i): name for i, name in enumerate(names)},
            "tasks": tasks,
        }
        return as_bytes(version, own)
