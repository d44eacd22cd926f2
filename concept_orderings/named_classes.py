"""The datasets and classes that the body of a request names, with the places where it does."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from concept_orderings.asked_classes import ALL_DATASETS, asked_classes, asked_datasets
from concept_orderings.concepts import SEPARATOR
from concept_orderings.errors import InvalidInput
from concept_orderings.synonyms import first_names

PRIVATE_FIELDS = ("year", "template")
"""The fields that show a dataset to be private: the catalogue would have given them otherwise."""


class NamedClasses(NamedTuple):
    """A dataset of a request, as far as its names can be read.

    Attributes
    ----------
    name : str
    pointers : list of str
        JSON pointers to its name, or to its concepts.
    classes : list of (str, str)
        Its classes, each with its pointer; for classes of the catalogue that are not listed, that of what stands for
        them.
    private : bool
        Whether the request has one of `PRIVATE_FIELDS` for it.
    """

    name: str
    pointers: list[str]
    classes: list[tuple[str, str]]
    private: bool


def named_classes(fields: Mapping[str, object]) -> Iterator[NamedClasses]:
    """Yield the datasets of a body; names that cannot be read are left out, since they are faults already."""
    if fields.get("datasets") == ALL_DATASETS:
        for each in _items(asked_datasets(ALL_DATASETS)):
            yield _of_dataset(each, "/datasets", "/datasets", "/datasets")
    for i, each in enumerate(_items(fields.get("datasets"))):
        if isinstance(each, Mapping) and isinstance(each.get("name"), str):
            yield _of_dataset(each, f"/datasets/{i}", f"/datasets/{i}/name", f"/datasets/{i}/classes")
    yield from _of_concepts(fields.get("concepts"))


def _of_dataset(body: Mapping[str, Any], pointer: str, name_pointer: str, classes_pointer: str) -> NamedClasses:
    given = body.get("classes")
    if isinstance(given, list | tuple):
        places = [(each, f"{classes_pointer}/{j}") for j, each in enumerate(first_names(given))]
    else:
        places = []
        with suppress(InvalidInput):
            place = classes_pointer if given is not None else name_pointer
            places = [(each, place) for each in _items(asked_classes(body, pointer))]
    classes = [(name, place) for name, place in places if isinstance(name, str)]
    private = any(body.get(field) is not None for field in PRIVATE_FIELDS)
    return NamedClasses(body["name"], [name_pointer], classes, private)


def _of_concepts(value: object) -> Iterator[NamedClasses]:
    found: dict[str, NamedClasses] = {}
    for i, each in enumerate(_items(value)):
        name, separator, class_name = each.partition(SEPARATOR) if isinstance(each, str) else ("", "", "")
        if separator:
            named = found.setdefault(name, NamedClasses(name, [], [], private=False))
            named.pointers.append(f"/concepts/{i}")
            named.classes.append((class_name, f"/concepts/{i}"))
    yield from found.values()


def _items(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
