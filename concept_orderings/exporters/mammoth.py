"""The mammoth format: the class order and the constants of a mammoth data set.

Asserted by its arithmetic, as in mammoth at e75a491 (20 May 2026): it replaces targets by ``class_order[targets]``, so
its class order is the inverse of that of other libraries.
"""

from typing import ClassVar

from concept_orderings.canonical import Json
from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.class_orders import INTEGER, INTEGERS, as_bytes, json_schema, original_ids
from concept_orderings.published import PublishedVersion
from concept_orderings.shapes import JsonSchema


def constants(version: PublishedVersion) -> dict[str, Json]:
    """Return the constants of a mammoth data set that cut the stream into its tasks."""
    sizes = version.sizes
    return {
        "N_TASKS": len(sizes),
        "N_CLASSES_PER_TASK": sizes[0] if len(set(sizes)) == 1 else sizes,
        "N_CLASSES": sum(sizes),
    }


def class_order(version: PublishedVersion) -> list[int]:
    """Return the place in the stream of each label, (n,): of a stream that lacks classes of its lists, reindexed."""
    found = [0] * len(version.labelled.reindexed)
    for place, label in enumerate(version.labelled.reindexed):
        found[label] = place
    return found


class Mammoth(Exporter):
    """The class order, which is `new_of_old`, and the constants."""

    name = "mammoth"
    media_type = "application/json"
    suffix = "json"
    summary = "class_order of mammoth (the inverse of the others'), N_TASKS, N_CLASSES_PER_TASK and N_CLASSES."
    has_labels: ClassVar[bool] = True
    json_schema: ClassVar[JsonSchema] = json_schema(
        class_order=INTEGERS,
        N_TASKS=INTEGER,
        N_CLASSES_PER_TASK={"anyOf": [INTEGER, INTEGERS]},
        N_CLASSES=INTEGER,
        original_ids=INTEGERS,
    )

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`."""
        own = {"class_order": class_order(version), **constants(version), **original_ids(version.labelled)}
        return as_bytes(version, own)
