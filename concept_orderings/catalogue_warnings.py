"""Warnings about datasets and classes that the catalogue knows otherwise, or not at all.

Each function takes a request and yields zero or one warnings. The sentences stand in published manifests, so their
texts must not change.
"""

from collections.abc import Iterator, Sequence

from concept_orderings.catalogue import KnownDataset, find_dataset
from concept_orderings.class_lists import class_list
from concept_orderings.concepts import ClassList, join_concept
from concept_orderings.look_alikes import look_alike_of, shown_beside, told_from
from concept_orderings.nearest_names import meant_dataset, nearest_class, plain, shown_beside_dataset
from concept_orderings.request import StreamRequest
from concept_orderings.stream_warnings import StreamWarning, WarningCode
from concept_orderings.text import shown

EXAMPLES = 10
"""The most names in a warning, and the most for which the nearest is looked for: that takes a millisecond each."""

MOST_LOOKED_UP = 1_000
"""The most datasets outside the catalogue that are compared with its names."""


def unknown_classes(request: StreamRequest) -> Iterator[StreamWarning]:
    """Warn of classes that a dataset of the catalogue does not have, with the nearest that it has."""
    unknown = [(each, name) for each in request.concepts.datasets for name in _unknown_classes(each)]
    if not unknown:
        return
    named = _first([_with_nearest_class(each, name) for each, name in unknown[:EXAMPLES]], len(unknown))
    sentence = (
        f"{len(unknown)} of {len(request.concepts)} concepts have a class that the catalogue's list of their dataset "
        f"does not have: {named}; the benchmark's training code stops at a prompt for such a class; correct the names, "
        "or give a dataset with classes of your own another name."
    )
    concepts = (join_concept(each.name, name) for each, name in unknown)
    yield StreamWarning.of(WarningCode.UNKNOWN_CLASSES, sentence, count=len(unknown), concepts=concepts)


def unknown_datasets(request: StreamRequest) -> Iterator[StreamWarning]:
    """Warn of datasets outside the catalogue whose names were probably meant to be names of the catalogue."""
    others = [each.name for each in request.concepts.datasets if find_dataset(each.name) is None]
    meant = [(name, known) for name in others[:MOST_LOOKED_UP] if (known := meant_dataset(name)) is not None]
    if not meant:
        return
    named = _first([_with_meant_dataset(name, known) for name, known in meant[:EXAMPLES]], len(meant))
    sentence = (
        f"{len(meant)} of {len(request.concepts.datasets)} datasets are not in the catalogue, but have a name like one "
        f"that is: {named}; nothing is known of such a dataset, and the benchmark's training code does not find it; "
        "correct the names that were meant to be the catalogue's."
    )
    yield StreamWarning.of(WarningCode.UNKNOWN_DATASETS, sentence, count=len(meant))


def alike_datasets(request: StreamRequest) -> Iterator[StreamWarning]:
    """Warn of datasets whose names differ only in case, spaces, punctuation or letters that look the same."""
    groups: dict[str, list[str]] = {}
    for each in request.concepts.datasets:
        groups.setdefault(plain(each.name), []).append(each.name)
    alike = [names for names in groups.values() if len(names) > 1]
    if not alike:
        return
    number = sum(map(len, alike))
    shown_first = (" and ".join(told_from(each, names) for each in names[:EXAMPLES]) for names in alike[:EXAMPLES])
    named = _first(list(shown_first), len(alike))
    sentence = (
        f"{number} of {len(request.concepts.datasets)} datasets have names that differ only in case, spaces, "
        f"punctuation or letters that look the same: {named}; they count as different datasets, and a class that two "
        "of them have as two concepts; give them one name if they are the same."
    )
    yield StreamWarning.of(WarningCode.ALIKE_DATASETS, sentence, count=number)


def evaluation_data(request: StreamRequest) -> Iterator[StreamWarning]:
    """Warn of datasets that the benchmark evaluates on and does not train on."""
    known = (find_dataset(each.name) for each in request.concepts.datasets)
    found = [each.name for each in known if each is not None and each.split == "evaluation"]
    if not found:
        return
    sentence = (
        f"{len(found)} of {len(request.concepts.datasets)} datasets are evaluation data of the benchmark: "
        f"{_first(found[:EXAMPLES], len(found))}; a model that is trained on this stream has seen what the benchmark "
        "evaluates it on; leave them out of the stream, or out of the evaluation."
    )
    yield StreamWarning.of(WarningCode.EVALUATION_DATA, sentence, count=len(found))


def _unknown_classes(each: ClassList) -> list[str]:
    known = find_dataset(each.name)
    names = None if known is None else class_list(known)
    return [] if names is None else sorted(set(each.classes).difference(names))


def _with_nearest_class(each: ClassList, name: str) -> str:
    known = find_dataset(each.name)
    near = None if known is None else nearest_class(known, name)
    concept = join_concept(each.name, name)
    if near is None or name.isascii() or look_alike_of(name, (near,)) is None:
        return shown(concept) + (f" (nearest: {shown(near)})" if near is not None else "")
    return shown_beside(concept, (join_concept(each.name, near),))


def _with_meant_dataset(name: str, known: KnownDataset) -> str:
    quoted = shown_beside_dataset(name, known.handle)
    return f"{quoted} (did you mean {known.handle}?)" if quoted == shown(name) else quoted


def _first(examples: Sequence[str], number: int) -> str:
    """Return some examples of a number of things, followed by how many others there are."""
    more = f" and {number - len(examples)} more" if number > len(examples) else ""
    return ", ".join(examples) + more
