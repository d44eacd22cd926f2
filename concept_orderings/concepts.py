"""Class lists and the concepts in them.

A concept is one (dataset, class name) pair, written ``DATASET+++class name`` as the FoMo-in-Flux streams write it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_orderings.catalogue import canonical_name
from concept_orderings.errors import BadConcept, DuplicateConcept, EmptyClassList
from concept_orderings.shapes import Items, Refusal, Text
from concept_orderings.text import FORBIDDEN, VISIBLE, shown

SEPARATOR = "+++"

_SEPARATOR = r"\+\+\+"

# Most names have no plus sign and begin with a visible character.
_PLAIN_NAME = rf"[^\s+{FORBIDDEN[1:-1]}][^+{FORBIDDEN[1:-1]}]*"

DATASET_NAME = Text(
    Refusal(
        BadConcept,
        "bad_name",
        f"{{value}} cannot name a dataset: it needs a visible character, and may hold neither {SEPARATOR} nor control "
        "characters nor end with a plus sign.",
    ),
    # With a trailing plus, "A+" joined with "+++" and a class would be split after "A".
    (VISIBLE, r"[^+]$"),
    without=(_SEPARATOR, FORBIDDEN),
    sufficient=_PLAIN_NAME,
)

CLASS_NAME = Text(
    Refusal(
        BadConcept,
        "bad_class_name",
        f"{{value}} cannot name a class: it needs a visible character, and may hold neither {SEPARATOR} nor control "
        "characters.",
    ),
    (VISIBLE,),
    without=(_SEPARATOR, FORBIDDEN),
    sufficient=_PLAIN_NAME,
)

_NO_CLASSES = Refusal(
    EmptyClassList, "empty_class_list", "The dataset has no classes; give at least one or leave it out."
)

CLASS_NAMES = Items(CLASS_NAME, length_refusal=_NO_CLASSES, unique=True)

CONCEPT = Text(
    Refusal(BadConcept, "bad_concept", f"The concept {{value}} has no {SEPARATOR}; write DATASET+++class name."),
    # Exactly one separator, with a visible character before and after it. One or two plus signs are no separator.
    (r"^\s*([^\s+]|\+{1,2}[^+])(\+{0,2}[^+])*\+{3}\s*([^\s+]\+{0,2}|\+{1,2})([^+]\+{0,2})*$",),
    without=(FORBIDDEN,),
)

CONCEPTS = Items(
    CONCEPT, Refusal(EmptyClassList, "empty_class_list", "There is no concept; give at least one."), unique=True
)


@dataclass(frozen=True, kw_only=True)
class ClassList:
    """A dataset's class names and the evidence given with them.

    Attributes
    ----------
    name : str
        The name of the dataset; in `Concepts`, a dataset of the catalogue has its FoMo-in-Flux name.
    classes : tuple of str
        Class names; their order has no meaning.
    given : mapping of str to object
        Evidence by the name of its field, in canonical form, from the request or the catalogue. Each kind of evidence
        in `concept_orderings.evidence` reads its own fields.
    pointer : str
        JSON pointer to the list in the request (RFC 6901), for errors.
    """

    name: str
    classes: tuple[str, ...]
    given: Mapping[str, Any] = field(default_factory=dict)
    pointer: str = field(default="", compare=False)


@dataclass(frozen=True)
class Concepts:
    """The n concepts of a request in canonical order: by dataset name, then by class name.

    All results start from this order, so they do not depend on the order in which a request lists things.

    Attributes
    ----------
    datasets : tuple of ClassList
        Sorted by name, their classes sorted.
    """

    datasets: tuple[ClassList, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """``DATASET+++class name`` of each concept, (n,)."""
        return tuple(join_concept(each.name, name) for each in self.datasets for name in each.classes)

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The class name of each concept, (n,)."""
        return tuple(name for each in self.datasets for name in each.classes)

    @cached_property
    def dataset_index(self) -> NDArray[np.int64]:
        """The index in `datasets` of each concept's dataset, (n,) int64."""
        return np.repeat(np.arange(len(self.datasets)), [len(each.classes) for each in self.datasets])


def join_concept(dataset: str, class_name: str) -> str:
    """Return ``DATASET+++class name``."""
    return f"{dataset}{SEPARATOR}{class_name}"


def split_concept(concept: str, pointer: str = "") -> tuple[str, str]:
    """Return the dataset and the class name of ``DATASET+++class name``.

    Raises
    ------
    BadConcept
        ``bad_concept`` if there is no ``+++``.
    """
    dataset, separator, class_name = concept.partition(SEPARATOR)
    if not separator:
        raise BadConcept(
            "bad_concept", f"The concept {shown(concept)} has no {SEPARATOR}; write DATASET+++class name.", [pointer]
        )
    return dataset, class_name


def gather_concepts(class_lists: Iterable[ClassList]) -> Concepts:
    """Check class lists and sort them into canonical order.

    Raises
    ------
    EmptyClassList
        If there is no list, or a list has no class.
    BadConcept
        ``bad_name`` or ``bad_class_name`` for a name that a stream cannot hold.
    DuplicateConcept
        If a concept is listed twice, also under the dataset's other name.
    """
    named = [replace(each, name=canonical_name(each.name)) for each in class_lists]
    if not named:
        raise EmptyClassList(
            "empty_class_list", "There is no dataset; give at least one with its classes.", ["/datasets"]
        )
    _refuse_second_list(named)
    for each in named:
        _check_class_list(each)
    ordered = sorted(named, key=lambda each: each.name)
    return Concepts(tuple(replace(each, classes=tuple(sorted(each.classes))) for each in ordered))


def class_lists_of(concepts: Sequence[str]) -> list[ClassList]:
    """Group ``DATASET+++class name`` strings, as a FoMo-in-Flux stream holds them, into class lists.

    Raises
    ------
    EmptyClassList, BadConcept, DuplicateConcept
        With pointers to the concepts in ``/concepts``.
    """
    if not concepts:
        raise EmptyClassList("empty_class_list", "There is no concept; give at least one.", ["/concepts"])
    classes: dict[str, list[str]] = {}
    seen: dict[str, int] = {}
    for position, concept in enumerate(concepts):
        pointer = f"/concepts/{position}"
        dataset, class_name = split_concept(concept, pointer)
        dataset = canonical_name(dataset)
        if dataset not in classes:
            DATASET_NAME.check(dataset, pointer)
        CLASS_NAME.check(class_name, pointer)
        first = seen.setdefault(join_concept(dataset, class_name), position)
        if first != position:
            raise _duplicate(dataset, class_name, [f"/concepts/{first}", pointer])
        classes.setdefault(dataset, []).append(class_name)
    return [ClassList(name=name, classes=tuple(names), pointer="/concepts") for name, names in classes.items()]


def _refuse_second_list(class_lists: Sequence[ClassList]) -> None:
    seen: dict[str, ClassList] = {}
    for each in class_lists:
        first = seen.setdefault(each.name, each)
        if first is not each:
            raise DuplicateConcept(
                "duplicate_concept",
                f"The dataset {shown(each.name)} is given twice; put its classes into one list.",
                [f"{first.pointer}/name", f"{each.pointer}/name"],
            )


def _check_class_list(each: ClassList) -> None:
    DATASET_NAME.check(each.name, f"{each.pointer}/name")
    if not each.classes:
        raise EmptyClassList(
            "empty_class_list",
            f"The dataset {shown(each.name)} has no classes; give at least one or leave it out.",
            [f"{each.pointer}/classes"],
        )
    seen: dict[str, int] = {}
    for position, name in enumerate(each.classes):
        pointer = f"{each.pointer}/classes/{position}"
        CLASS_NAME.check(name, pointer)
        first = seen.setdefault(name, position)
        if first != position:
            raise _duplicate(each.name, name, [f"{each.pointer}/classes/{first}", pointer])


def _duplicate(dataset: str, class_name: str, pointers: Sequence[str]) -> DuplicateConcept:
    concept = shown(join_concept(dataset, class_name))
    return DuplicateConcept("duplicate_concept", f"The concept {concept} is given twice; leave one out.", pointers)
