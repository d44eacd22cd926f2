"""Class lists and the concepts in them.

A concept is one (dataset, class name) pair, written ``DATASET+++class name`` as the FoMo-in-Flux streams write it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_orderings.catalogue import canonical_name
from concept_orderings.checks import check_strings, strings_of
from concept_orderings.errors import BadConcept, DuplicateConcept, EmptyClassList
from concept_orderings.faults import Faults, repeats, times
from concept_orderings.shapes import Items, Refusal, Text
from concept_orderings.text import BLANK, FORBIDDEN, VISIBLE, shown

SEPARATOR = "+++"

_SEPARATOR = r"\+\+\+"

# Most names have no plus sign and begin with a visible character.
_PLAIN_NAME = f"[^+{BLANK}{FORBIDDEN[1:-1]}][^+{FORBIDDEN[1:-1]}]*"

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
    (
        rf"^[{BLANK}]*([^+{BLANK}]|\+{{1,2}}[^+])(\+{{0,2}}[^+])*"
        rf"\+{{3}}[{BLANK}]*([^+{BLANK}]\+{{0,2}}|\+{{1,2}})([^+]\+{{0,2}})*$",
    ),
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
    doubtful : frozenset of str
        The names of its fields that have a fault, so that nothing is known about them; empty in a request that is
        accepted.
    misspelt : frozenset of str
        The names of fields that it lacks, and that unknown fields in it probably stand for.
    """

    name: str
    classes: tuple[str, ...]
    given: Mapping[str, Any] = field(default_factory=dict)
    pointer: str = field(default="", compare=False)
    doubtful: frozenset[str] = field(default=frozenset(), compare=False)
    misspelt: frozenset[str] = field(default=frozenset(), compare=False)


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
        return sum(len(each.classes) for each in self.datasets)

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


def gather_concepts(class_lists: Iterable[ClassList], faults: Faults) -> Concepts:
    """Sort class lists into canonical order, and find the faults in their names.

    Parameters
    ----------
    class_lists
        Their fields in `ClassList.doubtful` are not checked.
    faults
        Gets ``bad_name``, ``bad_class_name``, ``empty_class_list``, and ``duplicate_concept`` for a concept that is
        listed several times, also under the dataset's other name.

    Returns
    -------
    Concepts
        If there are faults, only its class lists may be read. Names at fault are doubtful.
    """
    named = [replace(each, name=canonical_name(each.name)) for each in class_lists]
    doubtful = _find_second_lists(named, faults)
    for i, each in enumerate(named):
        if "name" in each.doubtful or faults.attempt(_check_name, each) is None:
            doubtful.add(i)
        if "classes" not in each.doubtful:
            _find_no_classes(each, faults)
            find_class_name_faults(each.name, each.classes, f"{each.pointer}/classes", faults)
    marked = [
        replace(each, doubtful=each.doubtful | {"name"}) if i in doubtful else each for i, each in enumerate(named)
    ]
    ordered = sorted(marked, key=lambda each: each.name)
    return Concepts(tuple(replace(each, classes=tuple(sorted(each.classes))) for each in ordered))


def class_lists_of(concepts: Sequence[object], faults: Faults) -> list[ClassList]:
    """Group ``DATASET+++class name`` strings, as a FoMo-in-Flux stream holds them, into class lists.

    Parameters
    ----------
    concepts
        The field ``/concepts``.
    faults
        Gets ``wrong_type``, ``empty_class_list``, ``bad_concept``, ``bad_name``, ``bad_class_name`` and
        ``duplicate_concept``.

    Returns
    -------
    list of ClassList
        Without the concepts at fault, and with each other concept once.
    """
    faults.attempt(check_strings, concepts, "/concepts")
    if not concepts:
        faults.add(EmptyClassList("empty_class_list", "There is no concept; give at least one.", ["/concepts"]))
    classes: dict[str, list[str]] = {}
    ids: list[str | None] = []
    bad: list[int] = []
    for position, concept in enumerate(concepts):
        if not isinstance(concept, str):
            ids.append(None)
            continue
        dataset, separator, class_name = concept.partition(SEPARATOR)
        dataset = canonical_name(dataset)
        named = dataset in classes or DATASET_NAME.fits(dataset)
        if separator and named and CLASS_NAME.fits(class_name):
            ids.append(join_concept(dataset, class_name))
            classes.setdefault(dataset, []).append(class_name)
        else:
            ids.append(None)
            bad.append(position)
    repeated = repeats(ids) if len(set(ids)) < len(ids) else {}
    _find_bad_and_repeated(concepts, bad, _refusal_of_concept, repeated, "/concepts", faults)
    return [
        ClassList(name=name, classes=tuple(dict.fromkeys(names)), pointer="/concepts")
        for name, names in classes.items()
    ]


def find_class_name_faults(dataset: str, names: Sequence[object], pointer: str, faults: Faults) -> None:
    """Find the names in a class list that a stream cannot hold, or that are given several times.

    Parameters
    ----------
    dataset
        The name of the dataset, for the sentences of errors.
    names
        The class list; items that are not strings are ignored.
    pointer
        JSON pointer to the list.
    faults
        Gets ``bad_class_name`` and ``duplicate_concept``.
    """
    texts = strings_of(names)
    # A list without faults, which may have a million names, is checked without a pointer for each.
    if len(set(texts)) == len(texts) and all(map(CLASS_NAME.fits, texts)):
        return
    bad = [i for i, name in enumerate(names) if isinstance(name, str) and not CLASS_NAME.fits(name)]
    repeated = {
        join_concept(dataset, name) if dataset else name: places
        for name, places in repeats(names).items()
        if CLASS_NAME.fits(name)
    }
    _find_bad_and_repeated(names, bad, lambda name: (CLASS_NAME.refusal, name), repeated, pointer, faults)


def _find_bad_and_repeated(
    names: Sequence[object],
    bad: Sequence[int],
    refusal_of: Callable[[object], tuple[Refusal, object]],
    repeated: Mapping[str, Sequence[int]],
    pointer: str,
    faults: Faults,
) -> None:
    """Add the faults of a list of classes or concepts, in the order in which a reader of the list meets them.

    Parameters
    ----------
    names, pointer
        The list, and the JSON pointer to it.
    bad
        The places of bad names.
    refusal_of
        Returns the refusal of a bad name, and the part of the name that is at fault.
    repeated
        The places of each repeated concept.
    faults
        Gets the faults.
    """
    met = {places[1]: concept for concept, places in repeated.items()}
    for position in sorted([*bad, *met]):
        if position in met:
            concept = met[position]
            faults.add_repeated("duplicate_concept", repeated[concept], partial(_duplicate, concept, pointer))
        else:
            refusal, value = refusal_of(names[position])
            faults.add_made(refusal.code, partial(refusal.of, value, [f"{pointer}/{position}"]))


def _refusal_of_concept(concept: object) -> tuple[Refusal, object]:
    dataset, separator, class_name = str(concept).partition(SEPARATOR)
    if not separator:
        return CONCEPT.refusal, concept
    dataset = canonical_name(dataset)
    return (CLASS_NAME.refusal, class_name) if DATASET_NAME.fits(dataset) else (DATASET_NAME.refusal, dataset)


def _check_name(each: ClassList) -> str:
    DATASET_NAME.check(each.name, f"{each.pointer}/name")
    return each.name


def _find_second_lists(class_lists: Sequence[ClassList], faults: Faults) -> set[int]:
    """Add the faults of datasets that have several lists; return the places of their lists."""
    names = [None if "name" in each.doubtful else each.name for each in class_lists]
    pointers = [f"{each.pointer}/name" for each in class_lists]
    repeated = repeats(names)
    for name, places in repeated.items():
        faults.add_repeated("duplicate_concept", places, partial(_second_list, name, pointers))
    return {i for places in repeated.values() for i in places}


def _find_no_classes(each: ClassList, faults: Faults) -> None:
    if not each.classes:
        faults.add(
            EmptyClassList(
                "empty_class_list",
                f"The dataset {shown(each.name)} has no classes; give at least one or leave it out.",
                [f"{each.pointer}/classes"],
            )
        )


def _second_list(dataset: str, pointers: Sequence[str], places: Sequence[int]) -> DuplicateConcept:
    return DuplicateConcept(
        "duplicate_concept",
        f"The dataset {shown(dataset)} is given {times(len(places))}; put its classes into one list.",
        (pointers[i] for i in places),
    )


def _duplicate(concept: str, pointer: str, places: Sequence[int]) -> DuplicateConcept:
    leave_out = "leave one out" if len(places) == 2 else "keep one"
    return DuplicateConcept(
        "duplicate_concept",
        f"The concept {shown(concept)} is given {times(len(places))}; {leave_out}, or tell classes of one name apart, "
        "such as crane bird and crane machine.",
        (f"{pointer}/{i}" for i in places),
    )
