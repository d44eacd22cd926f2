"""What the formats of class-incremental libraries share: the labels of the stream, and the sizes of its tasks."""

import json
from collections.abc import Mapping

from concept_orderings.canonical import Json
from concept_orderings.labels import LabelledOrder
from concept_orderings.published import PublishedVersion
from concept_orderings.shapes import JsonSchema

INTEGER: JsonSchema = {"type": "integer"}
INTEGERS: JsonSchema = {"type": "array", "items": INTEGER}

_SHARED: Mapping[str, JsonSchema] = {
    "stream": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
    "labels_digest": {"type": "string"},
    "offsets": {"type": "object", "additionalProperties": INTEGER},
    "old_of_new": INTEGERS,
    "new_of_old": {"type": "array", "items": {"type": ["integer", "null"]}},
}


def json_schema(**own: JsonSchema) -> JsonSchema:
    """Return the JSON Schema of an export with these keys of the library, of which `original_ids` may be missing."""
    required = [name for name in (*own, *_SHARED) if name != "original_ids"]
    return {"type": "object", "properties": {**own, **_SHARED}, "required": required}


def as_bytes(version: PublishedVersion, own: Mapping[str, Json]) -> bytes:
    """Return a JSON object with the library's own keys, the version that it is of, and its labels.

    Non-ASCII characters are escaped, so that programs read the file correctly with any default encoding.
    """
    body = {
        **own,
        "stream": {"name": version.stream, "version": version.number, "digest": version.digest},
        **version.labelled.as_json(),
    }
    return (json.dumps(body) + "\n").encode("ascii")


def original_ids(order: LabelledOrder) -> dict[str, Json]:
    """Return the entry ``original_ids`` for a stream that lacks classes of its lists, else nothing."""
    return {} if order.is_whole else {"original_ids": order.original_ids}


def in_words(sizes: list[int]) -> str:
    """Return the sizes of tasks for the sentence of an error."""
    most = 12
    listed = ", ".join(map(str, sizes[:most]))
    return listed if len(sizes) <= most else f"{listed} and so on"
