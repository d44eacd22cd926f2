"""Refuse what the catalogue does not have, for requests that ask for it: the field `strict`."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from concept_orderings.asked_classes import asked_datasets
from concept_orderings.catalogue import find_dataset
from concept_orderings.class_lists import class_list
from concept_orderings.concepts import SEPARATOR
from concept_orderings.errors import NotInCatalogue
from concept_orderings.faults import Faults
from concept_orderings.look_alikes import shown_beside
from concept_orderings.nearest_names import meant_dataset, nearest_class, nearest_dataset, shown_beside_dataset
from concept_orderings.synonyms import first_names
from concept_orderings.text import shown

PRIVATE_FIELDS = ("year", "template")
"""The fields that show a dataset to be private: the catalogue would have given them otherwise."""


class _Named(NamedTuple):
    """A dataset of a request, as far as its names can be read.

    Attributes
    ----------
    name : str
    pointers : list of str
        JSON pointers to its name, or to its concepts.
    classes : list of (str, str)
        Its classes, each with its pointer.
    private : bool
        Whether the request has one of `PRIVATE_FIELDS` for it.
    """

    name: str
    pointers: list[str]
    classes: list[tuple[str, str]]
    private: bool


def find_unknown_names(fields: Mapping[str, object], faults: Faults) -> None:
    """Find the datasets and classes of a body that the catalogue does not have.

    Names that cannot be read are ignored: they are faults already.

    Parameters
    ----------
    fields
        The body of a request.
    faults
        Gets ``unknown_dataset`` and ``unknown_class``.
    """
    for each in (*_in_datasets(asked_datasets(fields.get("datasets"))), *_in_concepts(fields.get("concepts"))):
        known = find_dataset(each.name)
        if known is None:
            if not each.private or meant_dataset(each.name) is not None:
                faults.add_made("unknown_dataset", partial(_unknown_dataset, each))
        elif (names := class_list(known)) is not None:
            has = frozenset(names)
            for name, pointer in each.classes:
                if name not in has:
                    faults.add_made("unknown_class", partial(_unknown_class, each.name, name, pointer))


def _in_datasets(value: object) -> Iterator[_Named]:
    for i, each in enumerate(_items(value)):
        if isinstance(each, Mapping) and isinstance(name := each.get("name"), str):
            pointer = f"/datasets/{i}"
            classes = [
                (class_name, f"{pointer}/classes/{j}")
                for j, class_name in enumerate(first_names(_items(each.get("classes"))))
                if isinstance(class_name, str)
            ]
            private = any(each.get(field) is not None for field in PRIVATE_FIELDS)
            yield _Named(name, [f"{pointer}/name"], classes, private)


def _in_concepts(value: object) -> Iterator[_Named]:
    found: dict[str, _Named] = {}
    for i, each in enumerate(_items(value)):
        name, separator, class_name = each.partition(SEPARATOR) if isinstance(each, str) else ("", "", "")
        if separator:
            named = found.setdefault(name, _Named(name, [], [], private=False))
            named.pointers.append(f"/concepts/{i}")
            named.classes.append((class_name, f"/concepts/{i}"))
    yield from found.values()


def _items(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _unknown_dataset(each: _Named) -> NotInCatalogue:
    near = nearest_dataset(each.name)
    quoted = shown_beside_dataset(each.name, near)
    meant = f"did you mean {near}? " if near is not None else ""
    private = (
        "Its name is too like that: a private dataset needs another one."
        if each.private
        else "A private dataset is given in datasets with its year or its template."
    )
    return NotInCatalogue(
        "unknown_dataset",
        f"The catalogue has no dataset {quoted}{'; ' if meant else '. '}{meant}{private}",
        each.pointers,
    )


def _unknown_class(dataset: str, name: str, pointer: str) -> NotInCatalogue:
    known = find_dataset(dataset)
    near = None if known is None else nearest_class(known, name)
    meant = f"did you mean {shown(near)}?" if near is not None else f"GET /v1/datasets/{dataset} lists its classes."
    # Spaces at the ends of a name show in its quotation marks.
    quoted = shown(name) if near is None or name.isascii() else shown_beside(name, (near,))
    return NotInCatalogue("unknown_class", f"{dataset} has no class {quoted} in the catalogue; {meant}", [pointer])
