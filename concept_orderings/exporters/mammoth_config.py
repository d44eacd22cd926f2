"""The mammoth-config format: a data set configuration of mammoth, as YAML."""

import json
from typing import ClassVar

from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.mammoth import class_order, constants
from concept_orderings.published import PublishedVersion

_COMMENT = """\
# {stream}, version {number}, digest {digest}
# Labels {labels}
# For mammoth: save it as datasets/configs/DATASET/NAME.yaml and give --dataset_config=NAME.
#
# custom_class_order is the place in the stream of each label: the inverse of the class order of PyCIL, Continuum and
# Avalanche. The flag alone does nothing: it fills args.class_order, which mammoth applies only with permute_classes,
# by indexing it with the array of targets. The flag leaves a Python list there, which cannot be indexed so (seen at
# e75a491, 20 May 2026). Before the first task, make it an array: args.class_order = numpy.array(args.class_order).
"""


class MammothConfig(Exporter):
    """The configuration with the class order and the constants."""

    name = "mammoth-config"
    media_type = "application/yaml"
    suffix = "yaml"
    summary = "A data set configuration of mammoth, with a comment on what its flag does not do."
    has_labels: ClassVar[bool] = True

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`. Each value is JSON, which YAML reads."""
        order = version.labelled
        text = _COMMENT.format(
            stream=version.stream, number=version.number, digest=version.digest, labels=order.labels.digest
        )
        if not order.is_whole:
            text += (
                "#\n# The stream lacks classes of its lists: the label i below is the label original_ids[i] of the "
                f"data.\n# Renumber the targets first. original_ids: {json.dumps(order.original_ids)}\n"
            )
        lines = {
            "permute_classes": 1,
            "custom_class_order": ",".join(map(str, class_order(version))),
            **constants(version),
        }
        return (text + "".join(f"{key}: {json.dumps(value)}\n" for key, value in lines.items())).encode("ascii")
