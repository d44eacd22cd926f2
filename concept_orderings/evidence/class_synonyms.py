"""The synonyms of classes, as the kinds of evidence read them."""

from collections.abc import Mapping, Sequence

from concept_orderings.concepts import ClassList
from concept_orderings.evidence.base import EvidenceField, find_other_classes
from concept_orderings.faults import Faults
from concept_orderings.synonyms import FIELD, SYNONYMS_BY_CLASS, find_repeated_names


def _parse(value: Mapping[str, Sequence[str]], classes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the synonyms sorted: neither a mean of embeddings nor a count depends on their order."""
    del classes
    return {name: tuple(sorted(each)) for name, each in value.items()}


def _read(value: object) -> dict[str, tuple[str, ...]]:
    match value:
        case dict() if all(isinstance(each, list) for each in value.values()):
            if all(isinstance(name, str) for each in value.values() for name in each):
                return {name: tuple(each) for name, each in value.items()}
    raise TypeError("synonyms are an object of arrays of strings")


def _find_others(value: object, classes: Sequence[str] | None, pointer: str, faults: Faults) -> None:
    find_other_classes(value, classes, pointer, faults, code="bad_synonyms")
    find_repeated_names(value, classes, pointer, faults)


SYNONYMS = EvidenceField[dict[str, tuple[str, ...]]](
    FIELD,
    SYNONYMS_BY_CLASS,
    "Other names of a class, if `classes` does not have them in an array with its name. The embedding of the class is "
    "then the mean over the captions of all its names, and its count that of any of them.",
    ({"happy": ["smiling"]},),
    parse=_parse,
    read=_read,
    find_others=_find_others,
)


def names_of(each: ClassList, name: str) -> tuple[str, ...]:
    """Return all names of a class: its own, then its synonyms."""
    return (name, *(SYNONYMS.of(each) or {}).get(name, ()))
