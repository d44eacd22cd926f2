"""Classes with several names: the first is the name of the class, the others are its synonyms.

A request writes the names of such a class in an array among the others, or its synonyms in the field ``synonyms``, as a
canonical request does. `with_first_names` turns the first form into the second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from concept_orderings.checks import escape_pointer, wrong_type
from concept_orderings.concepts import CLASS_NAME, CLASS_NAMES, find_class_name_faults
from concept_orderings.errors import BadValue
from concept_orderings.faults import Faults, repeats, times
from concept_orderings.shapes import ByClass, Either, Items, Refusal
from concept_orderings.text import shown

FIELD = "synonyms"
"""The field of a class list that has the synonyms of classes."""

MOST_NAMES = 20
"""The most names of a class: a query may have as many spellings."""

NAMES_OF_CLASS = Items(
    CLASS_NAME,
    length_refusal=Refusal(
        BadValue, "bad_synonyms", f"A class has 1 to {MOST_NAMES} names: its own, then its synonyms; not {{length}}."
    ),
    most=MOST_NAMES,
    unique=True,
)
"""The shape of all names of one class."""

CLASSES = replace(
    CLASS_NAMES, item=Either((CLASS_NAME, NAMES_OF_CLASS), type_refusal="a string or an array of strings")
)
"""The shape of the classes of a class list: each a name, or an array of all its names."""

SYNONYMS_BY_CLASS = ByClass(
    Items(
        CLASS_NAME,
        length_refusal=Refusal(
            BadValue, "bad_synonyms", f"A class has 1 to {MOST_NAMES - 1} synonyms, not {{length}}; or leave it out."
        ),
        most=MOST_NAMES - 1,
        unique=True,
    )
)
"""The shape of the field `FIELD`."""


def first_names(classes: Sequence[object]) -> list[object]:
    """Return a list of classes with the first of its names for each class that has an array of them, (n,)."""
    return [each[0] if isinstance(each, list | tuple) and each else each for each in classes]


def with_first_names(body: Mapping[str, object], pointer: str, faults: Faults) -> Mapping[str, object] | None:
    """Return a class list whose classes are single names, with the others in the field `FIELD`.

    Parameters
    ----------
    body
        A class list of a request; what has no arrays of names is not checked.
    pointer
        JSON pointer to it.
    faults
        Gets ``wrong_type``, ``bad_class_name``, ``bad_synonyms`` and ``conflicting_fields``.

    Returns
    -------
    mapping or None
        The body itself if no class has an array of names; None after adding faults.
    """
    classes = body.get("classes")
    if not isinstance(classes, list | tuple) or all(isinstance(each, str) for each in classes):
        return body
    before = faults.found
    given = {} if body.get(FIELD) is None else body[FIELD]
    synonyms: dict[str, object] = dict(given) if isinstance(given, Mapping) else {}
    for i, each in enumerate(classes):
        if isinstance(each, list | tuple):
            place = f"{pointer}/classes/{i}"
            _find_faults(each, place, faults)
            if faults.found == before and len(each) > 1:
                if isinstance(given, Mapping) and each[0] in given:
                    faults.add(_given_twice(each[0], place, f"{pointer}/{FIELD}/{escape_pointer(each[0])}"))
                synonyms[each[0]] = list(each[1:])
    if faults.found > before:
        _find_other_faults(classes, f"{pointer}/classes", faults)
        return None
    return {**body, "classes": first_names(classes), **({FIELD: synonyms} if isinstance(given, Mapping) else {})}


def find_repeated_names(value: object, classes: Sequence[str] | None, pointer: str, faults: Faults) -> None:
    """Find names that a class has twice in the field `FIELD`; see `EvidenceField.find_others`."""
    del classes
    if not isinstance(value, Mapping):
        return
    for name, synonyms in value.items():
        if not isinstance(synonyms, list | tuple):
            continue
        place = f"{pointer}/{escape_pointer(str(name))}"
        _find_repeated(synonyms, place, faults)
        own = [f"{place}/{i}" for i, each in enumerate(synonyms) if each == name]
        if own:
            detail = f"{shown(name)} is the name of the class, and no synonym of it; leave it out."
            faults.add(BadValue("bad_synonyms", detail, own))


def _find_other_faults(classes: Sequence[object], pointer: str, faults: Faults) -> None:
    """Find the faults of the classes that have one name."""
    for i, each in enumerate(classes):
        if not isinstance(each, str | list | tuple):
            faults.add_made("wrong_type", partial(wrong_type, "a string", each, f"{pointer}/{i}"))
    find_class_name_faults("", [each if isinstance(each, str) else None for each in classes], pointer, faults)


def _find_faults(names: Sequence[object], pointer: str, faults: Faults) -> None:
    NAMES_OF_CLASS.find_faults(names, pointer, faults)
    _find_repeated(names, pointer, faults)


def _find_repeated(names: Sequence[object], pointer: str, faults: Faults) -> None:
    for name, places in repeats(names).items():
        faults.add_repeated("bad_synonyms", places, partial(_repeated, name, pointer))


def _repeated(name: str, pointer: str, places: Sequence[int]) -> BadValue:
    return BadValue(
        "bad_synonyms",
        f"The name {shown(name)} is given {times(len(places))} for one class; keep one.",
        (f"{pointer}/{i}" for i in places),
    )


def _given_twice(name: str, *pointers: str) -> BadValue:
    detail = f"The synonyms of {shown(name)} are given with its name and in {FIELD}; leave one of the two out."
    return BadValue("conflicting_fields", detail, pointers)
