"""Classes that a request does not list itself: those of a dataset of the catalogue, or of all adaptation datasets.

What is asked for in this way is the same request as one that lists the classes.
"""

from collections.abc import Iterator, Mapping, Sequence

from concept_orderings.canonical import Json
from concept_orderings.catalogue import CATALOGUE, canonical_name, find_dataset
from concept_orderings.checks import check_mapping, check_sequence, check_string, check_strings
from concept_orderings.class_lists import class_list, stream_classes
from concept_orderings.concepts import join_concept, split_concept
from concept_orderings.errors import BadValue, NotInCatalogue
from concept_orderings.nearest_names import nearest_dataset, shown_beside_dataset
from concept_orderings.synonyms import first_names

WHOLE_LIST = "list"
"""The value of `classes` that stands for all classes in the catalogue's list, also those that no stream has."""

ALL_DATASETS = "fomo"
"""The value of `datasets` that stands for all adaptation datasets, which are those of the benchmark's streams."""


def asked_datasets(value: object) -> object:
    """Return the field `datasets` of a request, with `ALL_DATASETS` replaced by the datasets that it stands for."""
    if value != ALL_DATASETS:
        return value
    datasets: list[Json] = [{"name": each.handle} for each in CATALOGUE if each.split == "adaptation"]
    return datasets


def asked_classes(body: Mapping[str, object], pointer: str = "") -> object:
    """Return the field `classes` of a dataset in a request; left out or `WHOLE_LIST`, it means the catalogue's classes.

    Parameters
    ----------
    body
        The dataset.
    pointer
        JSON pointer to it.

    Raises
    ------
    BadValue
        ``missing_classes``: the catalogue does not have the dataset.
    NotInCatalogue
        ``no_class_list``: the catalogue has the dataset, without a list.
    """
    value, name = body.get("classes"), body.get("name")
    if value is not None and value != WHOLE_LIST:
        return value
    known = find_dataset(name) if isinstance(name, str) else None
    if known is None:
        raise BadValue("missing_classes", _missing(name, pointer), [f"{pointer}/classes"])
    classes = class_list(known) if value == WHOLE_LIST else stream_classes(known)
    if classes is None:
        detail = (
            f"The catalogue has no class list of {known.handle}, which has captions and no classes; give the names of "
            "its classes in an array, or leave it out."
        )
        raise NotInCatalogue("no_class_list", detail, [f"{pointer}/classes"])
    return classes


def listed_pairs(body: Mapping[str, object], own: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield the dataset and the class of each concept of a checked body, in the order in which it lists them.

    What the body leaves out is in the order of the catalogue. A body may have a million concepts, so none is copied.

    Parameters
    ----------
    body
        The body of a request.
    own
        `Ordering.own_concepts` of its ordering, which a body without concepts means.
    """
    if body.get("concepts") is not None or body.get("datasets") is None:
        concepts = own if body.get("concepts") is None else check_strings(body["concepts"], "/concepts")
        for dataset, class_name in map(split_concept, concepts):
            yield canonical_name(dataset), class_name
        return
    for each in check_sequence(asked_datasets(body["datasets"]), "/datasets"):
        listed = check_mapping(each, "")
        dataset = canonical_name(check_string(listed["name"], ""))
        for class_name in check_strings(first_names(check_sequence(asked_classes(listed), "")), ""):
            yield dataset, class_name


def listed_concepts(body: Mapping[str, object], own: Sequence[str] = ()) -> list[str]:
    """Return the concepts of `listed_pairs` as ``DATASET+++class name``, (n,)."""
    return [join_concept(dataset, class_name) for dataset, class_name in listed_pairs(body, own)]


def _missing(name: object, pointer: str) -> str:
    give = "give the names of its classes in an array"
    if not isinstance(name, str):
        return f"{pointer} has no classes; {give}."
    near = nearest_dataset(name)
    meant = f"did you mean {near}? Otherwise {give}" if near is not None else give
    return f"{pointer} has no classes, and the catalogue has no dataset {shown_beside_dataset(name, near)}; {meant}."
