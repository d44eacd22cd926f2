"""Refuse what the catalogue does not have, for requests that ask for it: the field `strict`."""

from collections.abc import Mapping
from functools import partial

from concept_orderings.catalogue import find_dataset
from concept_orderings.class_lists import class_list
from concept_orderings.errors import NotInCatalogue
from concept_orderings.faults import Faults
from concept_orderings.look_alikes import shown_beside
from concept_orderings.named_classes import NamedClasses, named_classes
from concept_orderings.nearest_names import meant_dataset, nearest_class, nearest_dataset, shown_beside_dataset
from concept_orderings.text import shown


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
    for each in named_classes(fields):
        known = find_dataset(each.name)
        if known is None:
            if not each.private or meant_dataset(each.name) is not None:
                faults.add_made("unknown_dataset", partial(_unknown_dataset, each))
        elif (names := class_list(known)) is not None:
            has = frozenset(names)
            for name, pointer in each.classes:
                if name not in has:
                    faults.add_made("unknown_class", partial(_unknown_class, each.name, name, pointer))


def _unknown_dataset(each: NamedClasses) -> NotInCatalogue:
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
