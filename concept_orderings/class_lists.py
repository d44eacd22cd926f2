"""The class lists of the catalogue's datasets, as the FoMo-in-Flux benchmark has them.

A class's label in its dataset is its index in `class_list`.
"""

from functools import cache

from concept_orderings.catalogue import KnownDataset
from concept_orderings.data import CLASS_LISTS, read_packed


@cache
def class_list(dataset: KnownDataset) -> tuple[str, ...] | None:
    """Return a dataset's class names in its own order, in which labels are numbered; None if it has no list.

    The two retrieval sets, mscoco and flickr30k, have captions and no classes.
    """
    names = read_packed(CLASS_LISTS)["lists"].get(dataset.handle)
    return None if names is None else tuple(names)


@cache
def outside_streams(dataset: KnownDataset) -> frozenset[str]:
    """Return the classes in an adaptation dataset's list that none of the benchmark's streams has.

    Only clevr, mitstates, openimages and quilt have such classes. Evaluation datasets are in no stream, and the set is
    empty for them, too.
    """
    return frozenset(read_packed(CLASS_LISTS)["outside_streams"].get(dataset.handle, ()))


@cache
def stream_classes(dataset: KnownDataset) -> tuple[str, ...] | None:
    """Return the classes that a dataset without classes stands for, in the order of its list; None without a list.

    These are the classes that the benchmark's streams have of an adaptation dataset, and the whole list of an
    evaluation dataset.
    """
    names, left_out = class_list(dataset), outside_streams(dataset)
    return None if names is None else tuple(name for name in names if name not in left_out)
