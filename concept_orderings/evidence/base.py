"""Evidence: what an ordering needs from outside, frozen before anything is arranged."""

import hashlib
from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.catalogue import Dataset
from concept_orderings.checks import escape_pointer
from concept_orderings.concepts import ClassList, Concepts
from concept_orderings.errors import BadValue, MissingEvidence
from concept_orderings.parameters import Parameters
from concept_orderings.shapes import Declared
from concept_orderings.text import first_of, shown

Values: TypeAlias = NDArray[np.int64] | NDArray[np.float64] | NDArray[np.float32]
"""Evidence of one kind: (n,) or, for embeddings, (n, d), in canonical order of the concepts."""

_Value = TypeVar("_Value")
_Parameters = TypeVar("_Parameters", bound=Parameters)


class Need(StrEnum):
    """A kind of evidence, as manifests name it."""

    YEARS = "years"
    SCORES = "scores"
    COUNTS = "counts"
    EMBEDDINGS = "embeddings"


@dataclass(frozen=True, kw_only=True)
class NeedsEvidence(Parameters):
    """Base of orderings that need one kind of evidence, with the parameters that they get by needing it.

    Attributes
    ----------
    need : Need
        Set by each kind's own subclass.
    """

    need: ClassVar[Need]


class Evidence:
    """Evidence for n concepts in canonical order, of the kinds that were gathered.

    Parameters
    ----------
    **values : ndarray
        By kind: ``years``, (n,) int64; ``scores``, (n,) float64, higher is easier; ``counts``, (n,) int64, occurrences
        of or documents with each class name; ``embeddings``, (n, d) float32 or float64, of each concept's caption.
    """

    def __init__(self, **values: Values) -> None:
        self._values = {Need(name): each for name, each in values.items()}

    def of(self, need: Need) -> Values:
        """Return the evidence of one kind.

        Raises
        ------
        ValueError
            If it was not gathered: a fault of the program, not of the request.
        """
        if need not in self._values:
            raise ValueError(f"the ordering needs {need}, which were not gathered")
        return self._values[need]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where evidence came from: stands in the manifest.

    Attributes
    ----------
    source : str
        ``request``, ``catalogue``, ``request and catalogue``, or the name of an index or encoder.
    digest : str
        SHA-256 of the values in canonical order (see `evidence_digest`).
    details : dict
        What else identifies the source, such as a weight digest or a number of documents.
    warnings : tuple of str
        What a reader of the stream should know, one sentence each.
    """

    source: str
    digest: str
    details: dict[str, Json]
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """Return the manifest's entry."""
        return {"source": self.source, "digest": self.digest, **self.details, "warnings": list(self.warnings)}


@dataclass(frozen=True)
class Gathered:
    """Evidence of one kind, and where it came from.

    Attributes
    ----------
    values : ndarray, shape (n,) or (n, d)
        In canonical order of the concepts.
    provenance : Provenance
    columns : mapping of str to sequence, each (n,)
        What tasks show of each concept beside its value, by name; where it is None they show nothing.
    """

    values: Values
    provenance: Provenance
    columns: Mapping[str, Sequence[Json]] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Values, source: str) -> "Gathered":
        """Make evidence of which nothing more is known than its source."""
        return cls(values, Provenance(source=source, digest=evidence_digest(values), details={}))


@dataclass(frozen=True)
class EvidenceField(Declared, Generic[_Value]):
    """A field of a class list that gives evidence.

    Attributes
    ----------
    parse : callable
        Takes a JSON value that fits the shape, the dataset's classes and the field's pointer; returns the canonical
        value. It refuses what only the classes can tell, such as a count for a class that is not in the list.
    """

    parse: Callable[[Any, Sequence[str], str], _Value] = field(kw_only=True)

    def of(self, each: ClassList) -> _Value | None:
        """Return the canonical value that a class list has; None if it has none."""
        value: _Value | None = each.given.get(self.name)
        return value


class Kind(ABC, Generic[_Parameters]):
    """A kind of evidence: the fields that give it, and what the request and the catalogue have of it.

    A new kind is one file with a subclass, its `Need`, and one line in the registry in ``evidence/__init__.py``. If it
    may come from outside, the worker has one gatherer for it (``worker/gather.py``).

    Attributes
    ----------
    need : Need
    fields : tuple of EvidenceField
        Of a class list.
    shown_as : str
        How a task names each concept's value; empty if it is not shown.
    """

    need: ClassVar[Need]
    fields: ClassVar[tuple[EvidenceField[Any], ...]]
    shown_as: ClassVar[str] = ""

    def from_catalogue(self, known: Dataset) -> Mapping[str, object]:
        """Return the canonical values of `fields` that the catalogue has for a dataset, by field."""
        del known
        return {}

    def check_given(self, concepts: Concepts, parameters: _Parameters) -> None:
        """Refuse evidence in the request that contradicts the ordering's parameters.

        Raises
        ------
        BadParameter
            ``bad_parameter``.
        """
        del concepts, parameters

    def check_complete(self, concepts: Concepts, parameters: _Parameters) -> None:
        """Refuse a request in which evidence is missing that nothing else can give.

        Raises
        ------
        MissingEvidence
            ``missing_years``, ``missing_scores``, …, with pointers to the datasets.
        """

    def as_json(self, each: ClassList) -> dict[str, Json]:
        """Return what the canonical request has of this kind in a class list, by field."""
        found = ((field, field.of(each)) for field in self.fields)
        return {field.name: value for field, value in found if value is not None}

    def is_outside(self, parameters: _Parameters) -> bool:
        """Tell whether the evidence must be gathered from outside: neither the request nor the catalogue has it."""
        del parameters
        return True

    def at_hand(self, concepts: Concepts) -> Gathered:
        """Return the evidence that the request and the catalogue have, unless it `is_outside`."""
        raise NotImplementedError(f"{self.need} are never at hand")

    def shown(self, values: Values) -> dict[str, Sequence[Json]]:
        """Return what tasks show of each concept, by name, each (n,)."""
        return {self.shown_as: values.tolist()} if self.shown_as else {}


def parameters_of(ordering: Parameters, kind: type[_Parameters]) -> _Parameters:
    """Return an ordering as the parameters that it has by needing a kind of evidence.

    Raises
    ------
    TypeError
        If the ordering does not need it: a fault of the program, not of the request.
    """
    if not isinstance(ordering, kind):
        raise TypeError(f"the ordering {ordering.kind} is not {kind.__name__}")
    return ordering


def evidence_digest(values: Values) -> str:
    """Return the SHA-256 of an array's little-endian bytes in C order, the same on any machine."""
    little_endian = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    # As bytes, and not a copy of them: embeddings may be gigabytes.
    return hashlib.sha256(little_endian.reshape(-1).view(np.uint8).data).hexdigest()


def refuse_other_classes(values: Mapping[str, object], classes: Sequence[str], pointer: str, code: str) -> None:
    """Refuse values for classes that are not in the list: a misspelt one would otherwise be ignored silently.

    Raises
    ------
    BadValue
        With `code`.
    """
    others = sorted(set(values).difference(classes))
    if others:
        raise BadValue(
            code,
            f"{shown(others[0])} is not among the dataset's classes; remove it or add the class.",
            (f"{pointer}/{escape_pointer(name)}" for name in others),
        )


def covers(values: float | Mapping[str, object] | None, classes: Sequence[str]) -> bool:
    """Tell whether there is one value for all classes, or one for each."""
    if isinstance(values, Mapping):
        return all(name in values for name in classes)
    return values is not None


def require(missing: Sequence[ClassList], field: str, *, code: str, advice: str) -> None:
    """Refuse datasets that lack a field which the catalogue does not know either.

    Parameters
    ----------
    missing
        The datasets; without any, nothing is refused.
    field
        The field's name.
    code
        The error's.
    advice
        What the client can do, as the end of a sentence.

    Raises
    ------
    MissingEvidence
        With pointers to the fields.
    """
    if not missing:
        return
    # Concepts have no fields of their own to point at: the whole array is what lacks the evidence.
    pointers = dict.fromkeys(
        each.pointer if each.pointer == "/concepts" else f"{each.pointer}/{field}" for each in missing
    )
    if "/concepts" in pointers:
        # Concepts have no place for it: the class lists that they are a short form of have.
        advice = f"post them as datasets, with their classes, and {advice}"
    raise MissingEvidence(code, f"No {field} for {names_of(missing)}: {advice}", list(pointers))


def names_of(class_lists: Sequence[ClassList]) -> str:
    """Return the names of the first 10 datasets, and how many more there are."""
    return first_of([each.name for each in class_lists], 10)


def source_of(datasets: Sequence[ClassList], is_catalogue_s: Callable[[ClassList], bool]) -> str:
    """Say where values came from; a value that was given and is the catalogue's too counts as the catalogue's."""
    origins = {is_catalogue_s(each) for each in datasets}
    if origins == {True}:
        return "catalogue"
    return "request and catalogue" if True in origins else "request"
