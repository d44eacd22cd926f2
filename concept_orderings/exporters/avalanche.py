"""The avalanche format: what Avalanche's class-incremental benchmarks take.

Checked with Avalanche 0.6.0. Its ``class_incremental_benchmark(num_experiences=T)`` cuts T equal experiences and leaves
out the classes that remain, so the sizes are given one by one.
"""

from typing import ClassVar

from concept_orderings.canonical import Json
from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.class_orders import INTEGERS, as_bytes, json_schema
from concept_orderings.published import PublishedVersion
from concept_orderings.shapes import JsonSchema


class Avalanche(Exporter):
    """The class order, the sizes of the experiences, and the data from which `nc_benchmark` makes them again."""

    name = "avalanche"
    media_type = "application/json"
    suffix = "json"
    summary = "class_order and num_classes_per_exp of Avalanche, and the reproducibility_data that nc_benchmark loads."
    has_labels: ClassVar[bool] = True
    json_schema: ClassVar[JsonSchema] = json_schema(
        class_order=INTEGERS,
        num_classes_per_exp=INTEGERS,
        reproducibility_data={"type": "object", "additionalProperties": True},
    )

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`. Labels keep their numbers: they are not mapped to the order of the stream."""
        order = version.labelled
        reproducibility: dict[str, Json] = {
            "n_experiences": len(version.sizes),
            "n_classes_per_exp": version.sizes,
            "classes_order": order.old_of_new,
            "classes_order_original_ids": order.old_of_new,
            "class_mapping": list(range(order.total)),
            "class_ids_from_zero_from_first_exp": False,
            "class_ids_from_zero_in_each_exp": False,
            "has_task_labels": False,
        }
        own: dict[str, Json] = {
            "class_order": order.old_of_new,
            "num_classes_per_exp": version.sizes,
            "reproducibility_data": reproducibility,
        }
        return as_bytes(version, own)
