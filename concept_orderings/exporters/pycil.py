"""The pycil format: the keys of a PyCIL configuration, and the class order of its data set class.

Asserted by its arithmetic: PyCIL replaces a target y by ``class_order.index(y)``. Its first task has ``init_cls``
classes, each further one ``increment``, and the last what is left.
"""

from collections.abc import Sequence
from typing import ClassVar

from concept_orderings.errors import CannotExpress
from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.class_orders import INTEGER, INTEGERS, as_bytes, in_words, json_schema, original_ids
from concept_orderings.published import PublishedVersion
from concept_orderings.shapes import JsonSchema


class Pycil(Exporter):
    """The configuration keys and the class order."""

    name = "pycil"
    media_type = "application/json"
    suffix = "json"
    summary = "shuffle, init_cls, increment and class_order of PyCIL."
    has_labels: ClassVar[bool] = True
    json_schema: ClassVar[JsonSchema] = json_schema(
        shuffle={"type": "boolean"}, init_cls=INTEGER, increment=INTEGER, class_order=INTEGERS, original_ids=INTEGERS
    )

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`.

        Raises
        ------
        CannotExpress
            The tasks between the first and the last have other sizes than each other, or the last has more.
        """
        order = version.labelled
        own = {
            "shuffle": False,
            "init_cls": version.sizes[0],
            "increment": increment_of(version.sizes),
            "class_order": order.old_of_new if order.is_whole else order.reindexed,
            **original_ids(order),
        }
        return as_bytes(version, own)


def increment_of(sizes: Sequence[int]) -> int:
    """Return the increment with which PyCIL makes tasks of these sizes, (T,).

    Raises
    ------
    CannotExpress
        If none does.
    """
    # With one task there is no increment, but PyCIL reads the key.
    increment = sizes[min(1, len(sizes) - 1)]
    if any(size != increment for size in sizes[1:-1]) or (len(sizes) > 1 and sizes[-1] > increment):
        raise CannotExpress.of(
            "pycil",
            f"its tasks have {in_words(list(sizes))} classes, and PyCIL gives each task between the first and the last "
            "the same number, and the last no more",
            "Post the stream with sizes that fit, or take avalanche, continuum, mammoth or tasks, which have any sizes",
        )
    return increment
