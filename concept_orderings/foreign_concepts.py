"""Refuse concepts that an ordering does not know, where it orders only concepts of its own."""

from collections.abc import Mapping, Sequence, Set
from functools import partial

from concept_orderings.catalogue import canonical_name, find_dataset
from concept_orderings.concepts import join_concept, split_concept
from concept_orderings.errors import BadParameter
from concept_orderings.faults import Faults
from concept_orderings.named_classes import named_classes
from concept_orderings.nearest_names import nearest_class, nearest_dataset, shown_beside_dataset
from concept_orderings.orderings import Ordering
from concept_orderings.text import first_of, shown

CODE = "not_in_published_stream"

_MOST_NAMED = 5


def find_foreign_concepts(fields: Mapping[str, object], ordering: Ordering, faults: Faults) -> None:
    """Find the datasets and classes of a body that are not among `Ordering.own_concepts`.

    Parameters
    ----------
    fields
        The body of a request, whose concepts have no other faults.
    ordering
        One that has concepts of its own.
    faults
        Gets ``not_in_published_stream`` for each dataset of which the ordering has no concept, and for each class that
        it lacks of the others.
    """
    own: dict[str, set[str]] = {}
    for concept in ordering.own_concepts():
        dataset, class_name = split_concept(concept)
        own.setdefault(dataset, set()).add(class_name)
    # By place, because one word may stand for many: "fomo" for datasets, "list" for classes. Of datasets that are
    # foreign as a whole, the dataset is empty, and the names are those of datasets.
    foreign: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for each in named_classes(fields):
        known = own.get(canonical_name(each.name))
        if known is None:
            foreign.setdefault(("", tuple(each.pointers)), []).append(each.name)
            continue
        for name, pointer in each.classes:
            if name not in known:
                foreign.setdefault((each.name, (pointer,)), []).append(name)
    for (dataset, pointers), names in foreign.items():
        if dataset:
            make = partial(_foreign_classes, ordering.owner, dataset, names, pointers, own)
        else:
            make = partial(_foreign_datasets, ordering.owner, names, pointers, sorted(own))
        faults.add_made(CODE, make)


def _foreign_datasets(owner: str, names: Sequence[str], pointers: Sequence[str], own: Sequence[str]) -> BadParameter:
    quoted = first_of([_shown_dataset(each) for each in names], _MOST_NAMED)
    detail = (
        f"The {owner} has no concept of the dataset{'s'[: len(names) != 1]} {quoted}; {_meant_dataset(names, own)}"
        f"{_otherwise(names)} It has concepts of {first_of(own, _MOST_NAMED)}."
    )
    return BadParameter(CODE, detail, pointers)


def _shown_dataset(name: str) -> str:
    known = find_dataset(name)
    return shown_beside_dataset(name, nearest_dataset(name)) if known is None else known.name


def _meant_dataset(names: Sequence[str], own: Sequence[str]) -> str:
    near = nearest_dataset(names[0]) if len(names) == 1 and find_dataset(names[0]) is None else None
    return f"did you mean {near}? Otherwise " if near is not None and canonical_name(near) in own else ""


def _foreign_classes(
    owner: str, dataset: str, names: Sequence[str], pointers: Sequence[str], own: Mapping[str, Set[str]]
) -> BadParameter:
    concepts = [shown(join_concept(canonical_name(dataset), each)) for each in names]
    what = f"concept {concepts[0]}" if len(names) == 1 else f"concepts {first_of(concepts, _MOST_NAMED)}"
    known = find_dataset(dataset)
    near = nearest_class(known, names[0]) if len(names) == 1 and known is not None else None
    meant = f"did you mean {shown(near)}? Otherwise " if near in own[canonical_name(dataset)] and near else ""
    return BadParameter(CODE, f"The {owner} has no {what}; {meant}{_otherwise(names)}", pointers)


def _otherwise(names: Sequence[str]) -> str:
    return f"leave {'it' if len(names) == 1 else 'them'} out, or choose another ordering."
