"""All concepts of a version in order, as its tasks show them: what `GET …/order` answers with.

They are rendered and kept like exports, and are no formats of their own: `jsonl` has labels, too.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from concept_orderings.canonical import Json, canonical_json
from concept_orderings.exporters.base import Exporter
from concept_orderings.published import PublishedVersion
from concept_orderings.shapes import JsonSchema

LINES_TYPE = "application/x-ndjson"
_CONCEPT: JsonSchema = {"$ref": "#/components/schemas/ConceptOfVersion"}


class OrderLines(Exporter):
    """A line with a JSON object for each concept."""

    name = "order-lines"
    final = True
    media_type = LINES_TYPE
    suffix = "jsonl"
    summary = "A JSON object a line for each concept, with its task."
    json_schema: ClassVar[JsonSchema] = _CONCEPT

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`; UTF-8, each line RFC 8785 canonical JSON."""
        return b"".join(canonical_json(each) + b"\n" for each in _concepts(version))


class OrderArray(Exporter):
    """One JSON array with an object for each concept."""

    name = "order-array"
    final = True
    media_type = "application/json"
    suffix = "json"
    summary = "One JSON array of an object for each concept, with its task."
    json_schema: ClassVar[JsonSchema] = {"type": "array", "items": _CONCEPT}

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`; RFC 8785 canonical JSON."""
        return canonical_json(list(_concepts(version)))


ORDER_FORMS: Mapping[str, type[Exporter]] = {each.media_type: each for each in (OrderArray, OrderLines)}
"""The forms by media type, the usual one first."""


def with_task(concept: Mapping[str, Json], task: int) -> dict[str, Json]:
    """Return a concept of a task's document, with the number of its task."""
    return {**concept, "task": task}


def _concepts(version: PublishedVersion) -> Iterator[dict[str, Json]]:
    for task in version.tasks:
        for concept in task["concepts"]:
            yield with_task(concept, task["task"])
