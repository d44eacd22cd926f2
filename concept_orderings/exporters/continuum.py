"""The continuum format: what Continuum's ``ClassIncremental`` takes.

Checked with Continuum 1.2.7. It sorts the class order to find each label's place, so the order must be a permutation of
0 to n - 1: a stream that lacks classes of its lists is reindexed.
"""

from typing import ClassVar

from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.class_orders import INTEGERS, as_bytes, json_schema
from concept_orderings.published import PublishedVersion
from concept_orderings.shapes import JsonSchema


class Continuum(Exporter):
    """The class order and the increment of each task."""

    name = "continuum"
    media_type = "application/json"
    suffix = "json"
    summary = "class_order and increment of Continuum's ClassIncremental, and original_ids of the labels 0 to n - 1."
    has_labels: ClassVar[bool] = True
    json_schema: ClassVar[JsonSchema] = json_schema(class_order=INTEGERS, increment=INTEGERS, original_ids=INTEGERS)

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`. ``original_ids[i]`` is the global label of the class that is i in ``class_order``."""
        order = version.labelled
        own = {"class_order": order.reindexed, "increment": version.sizes, "original_ids": order.original_ids}
        return as_bytes(version, own)
