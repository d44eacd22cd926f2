"""The base of all kinds of evidence: data about concepts that is gathered before they are arranged."""

import hashlib
from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.catalogue import KnownDataset
from concept_orderings.checks import escape_pointer
from concept_orderings.concepts import ClassList, Concepts
from concept_orderings.errors import BadEvidence, BadValue, MissingEvidence
from concept_orderings.faults import Faults
from concept_orderings.look_alikes import first_beside, shown_beside
from concept_orderings.parameters import Parameters
from concept_orderings.shapes import RequestField
from concept_orderings.stream_warnings import StreamWarning, sentences
from concept_orderings.text import first_of, in_sentence, shown

Values: TypeAlias = NDArray[np.int64] | NDArray[np.float64] | NDArray[np.float32] | NDArray[np.int16]
"""Evidence of one kind, in canonical order of the concepts: (n,), or (n, d) for embeddings."""

_Value = TypeVar("_Value")
_Parameters = TypeVar("_Parameters", bound=Parameters)


class Need(StrEnum):
    """A kind of evidence, named as in manifests."""

    YEARS = "years"
    SCORES = "scores"
    COUNTS = "counts"
    EMBEDDINGS = "embeddings"
    TIES = "ties"
    SAMPLES = "samples"


@dataclass(frozen=True, kw_only=True)
class NeedsEvidence(Parameters):
    """Base class of orderings that need one kind of evidence; it declares the parameters that come with it.

    Attributes
    ----------
    need : Need
        The kind; each kind has a subclass that sets it.
    optional : bool
        Whether only some parameters need it; `Kind.is_needed` tells which.
    """

    need: ClassVar[Need]
    optional: ClassVar[bool] = False


class Evidence:
    """The gathered evidence for n concepts in canonical order.

    Parameters
    ----------
    **values : ndarray
        By kind: ``years``, (n,) int64; ``scores``, (n,) float64, higher is easier; ``counts``, (n,) int64,
        the number of occurrences of each class name or of documents with it; ``embeddings``, (n, d), one row for the
        captions of each concept: int16 from `concept_orderings.path.quantise`, or floats that are still to be
        quantised.
    """

    def __init__(self, **values: Values) -> None:
        self._values = {Need(name): each for name, each in values.items()}

    def of(self, need: Need) -> Values:
        """Return the evidence of one kind.

        Raises
        ------
        ValueError
            If it was not gathered, which is a fault of the program and not of the request.
        """
        if need not in self._values:
            raise ValueError(f"the ordering needs {need}, which were not gathered")
        return self._values[need]

    def has(self, need: Need) -> bool:
        """Tell whether there is evidence of a kind."""
        return need in self._values

    def rows(self, positions: NDArray[np.int64]) -> "Evidence":
        """Return the evidence of some of the concepts.

        Parameters
        ----------
        positions : ndarray of int64, shape (m,)
            Indices of the concepts.
        """
        return Evidence(**{str(need): each[positions] for need, each in self._values.items()})


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """The origin of evidence, for the manifest.

    Attributes
    ----------
    source : str
        ``request``, ``catalogue``, ``request and catalogue``, or the name of an index or encoder.
    digest : str
        SHA-256 of the values in canonical order (see `evidence_digest`).
    details : dict
        Other facts that identify the source, such as the digest of weights or the number of documents.
    warnings : tuple of StreamWarning
        Warnings for readers of the stream.
    """

    source: str
    digest: str
    details: dict[str, Json]
    warnings: tuple[StreamWarning, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """Return the manifest's entry."""
        return {"source": self.source, "digest": self.digest, **self.details, "warnings": sentences(self.warnings)}


@dataclass(frozen=True)
class Gathered:
    """Evidence of one kind with its provenance.

    Attributes
    ----------
    values : ndarray, shape (n,) or (n, d)
        In canonical order of the concepts.
    provenance : Provenance
    columns : mapping of str to sequence, each (n,)
        Further values that tasks show of each concept, by name; None where a concept has none to show.
    details : mapping of str to JSON
        Facts about the order that follow from the evidence; the manifest has them under ``ordering.details``.
    shown_as : str
        The name in tasks of each concept's value, if it is not that of its kind (`Kind.shown_as`).
    margins : ndarray of float64, shape (n,), or None
        Of quantised embeddings, how much a coordinate of each must change at least to be rounded to another integer.
        The last bits differ between machines, so it is no part of the manifest.
    """

    values: Values
    provenance: Provenance
    columns: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    details: Mapping[str, Json] = field(default_factory=dict)
    shown_as: str = ""
    margins: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, values: Values, source: str) -> "Gathered":
        """Return evidence with its source as the only provenance."""
        return cls(values, Provenance(source=source, digest=evidence_digest(values), details={}))


def _find_none(value: object, classes: Sequence[str] | None, pointer: str, faults: Faults) -> None:
    del value, classes, pointer, faults


@dataclass(frozen=True)
class EvidenceField(RequestField, Generic[_Value]):
    """A field of a class list that holds evidence.

    Attributes
    ----------
    parse : callable
        Takes a JSON value that fits the shape, and the dataset's classes; returns the canonical value.
    read : callable
        Takes a JSON value that `Kind.as_json` wrote, in this release or an earlier one; returns the canonical value as
        it is, without the checks and defaults that hold for clients. It raises TypeError for another form.
    find_others : callable
        Takes any JSON value, the dataset's classes, the field's pointer and the faults found so far. It adds the faults
        that no shape can express, such as a count for a class that is not in the list. The classes are None if they
        cannot be read.
    """

    parse: Callable[[Any, Sequence[str]], _Value] = field(kw_only=True)
    read: Callable[[Any], _Value] = field(kw_only=True)
    find_others: Callable[[object, Sequence[str] | None, str, Faults], None] = field(kw_only=True, default=_find_none)

    def parse_given(self, value: object, classes: Sequence[str] | None, pointer: str, faults: Faults) -> _Value | None:
        """Return the canonical form of a client's JSON value, or None after adding its faults.

        Parameters
        ----------
        value
            Any JSON value.
        classes
            The dataset's classes; None if they cannot be read.
        pointer
            JSON pointer to the value.
        faults
            Gets the faults.
        """
        before = faults.found
        self.shape.find_faults(value, pointer, faults)
        self.find_others(value, classes, pointer, faults)
        return self.parse(value, classes or ()) if faults.found == before else None

    def of(self, each: ClassList) -> _Value | None:
        """Return the canonical value of this field in a class list, or None."""
        value: _Value | None = each.given.get(self.name)
        return value

    def is_given(self, each: ClassList) -> bool:
        """Tell whether a class list has this field, also with a fault."""
        return self.of(each) is not None or self.name in each.doubtful


class Kind(ABC, Generic[_Parameters]):
    """A kind of evidence: its fields of a class list, and how they are completed, checked and read.

    A new kind is one file with a subclass, its `Need`, and one line in the registry in ``evidence/__init__.py``. If a
    source or an encoder can provide it, the worker needs a gatherer for it (``worker/gather.py``).

    Attributes
    ----------
    need : Need
    fields : tuple of EvidenceField
        Its fields of a class list.
    published_as : str
        The name under which versions publish the values of all concepts (`concept_orderings.evidence.tables`).
    value_name, value_type : str
        The column of the published values, or the array if they have several numbers for each concept, and its type.
    shown_as : str
        The name in tasks of each concept's value; empty if tasks do not show it.
    reads : frozenset of str
        The parameters of orderings that its checks read: without these, it is unknown what the request must have.
    stands_if_given : bool
        Whether the values in a request stand in the canonical request although nothing needs them. The catalogue's are
        then no part of the class lists, unless `written_out` adds them.
    """

    need: ClassVar[Need]
    fields: ClassVar[tuple[EvidenceField[Any], ...]]
    published_as: ClassVar[str]
    value_name: ClassVar[str]
    value_type: ClassVar[str]
    shown_as: ClassVar[str] = ""
    reads: ClassVar[frozenset[str]] = frozenset()
    stands_if_given: ClassVar[bool] = False

    def from_catalogue(self, known: KnownDataset) -> Mapping[str, object]:
        """Return the catalogue's values for a dataset in canonical form, by the name of the field."""
        del known
        return {}

    def check_given(self, concepts: Concepts, parameters: _Parameters) -> None:
        """Refuse evidence that contradicts the ordering's parameters; `concepts` have only the evidence of the request.

        Raises
        ------
        BadParameter
            ``bad_parameter``.
        """
        del concepts, parameters

    def check_complete(self, concepts: Concepts, parameters: _Parameters) -> None:
        """Refuse a request if evidence is missing that neither the catalogue nor a source provides.

        Raises
        ------
        MissingEvidence
            ``missing_years``, ``missing_scores``, …, with pointers to the datasets.
        """

    def written_out(self, concepts: Concepts, parameters: _Parameters) -> Concepts:
        """Return the concepts of a client's body with what it means today by leaving out a field of this kind.

        A canonical request without the field keeps the meaning that it had when it was written, so any other meaning
        is written into it. Called only if the kind is needed, and nothing is at fault.
        """
        del parameters
        return concepts

    def as_json(self, each: ClassList, parameters: _Parameters) -> dict[str, Json]:
        """Return the fields of this kind in the canonical form of a class list, by name.

        A field that the ordering's parameters make irrelevant, such as scores where a source is named, is left out.
        """
        del parameters
        found = ((field, field.of(each)) for field in self.fields)
        return {field.name: value for field, value in found if value is not None}

    def is_needed(self, parameters: _Parameters) -> bool:
        """Tell whether an ordering that may need this kind needs it with these parameters."""
        del parameters
        return True

    def is_outside(self, parameters: _Parameters) -> bool:
        """Tell whether the evidence must be gathered from a source or an encoder."""
        del parameters
        return False

    def foreseen_warnings(self, concepts: Concepts) -> tuple[StreamWarning, ...]:
        """Return the warnings of evidence from outside that the request alone decides, before it is gathered.

        They are some of the warnings in the `Provenance` of the gathered evidence.
        """
        del concepts
        return ()

    def at_hand(self, concepts: Concepts, parameters: _Parameters) -> Gathered:
        """Return the evidence that the request and the library have; called only if `is_outside` is false."""
        del concepts, parameters
        raise NotImplementedError(f"{self.need} are never at hand")

    def published(self, values: Values) -> Values:
        """Return the values as versions publish them: numbers of the type `value_type`."""
        return values

    def check_origin(self, parameters: _Parameters, source: str, facts: Mapping[str, Json]) -> None:
        """Refuse published evidence from elsewhere than the ordering says.

        Parameters
        ----------
        parameters
            The ordering.
        source, facts
            `Provenance.source` and `Provenance.details` of the evidence.

        Raises
        ------
        BadEvidence
            ``evidence_of_other_source``.
        """
        del parameters, source, facts

    def shown(self, found: Gathered) -> dict[str, Sequence[Json]]:
        """Return the values that tasks show of each concept, by name, each (n,)."""
        name = found.shown_as or self.shown_as
        return {name: found.values.tolist()} if name else {}


def parameters_of(ordering: Parameters, kind: type[_Parameters]) -> _Parameters:
    """Return an ordering, or that inside it, typed as the class that declares its parameters for a kind of evidence.

    Raises
    ------
    TypeError
        If neither needs that kind, which is a fault of the program and not of the request.
    """
    for each in ordering.parts:
        if isinstance(each, kind):
            return each
    raise TypeError(f"the ordering {ordering.kind} is not {kind.__name__}")


def evidence_digest(values: Values) -> str:
    """Return the SHA-256 of an array's little-endian bytes in C order, the same on every machine."""
    little_endian = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    # A view of the bytes, because embeddings may be gigabytes and are not to be copied.
    return hashlib.sha256(little_endian.reshape(-1).view(np.uint8).data).hexdigest()


def check_same(parameter: str, asked: str, found: Json) -> None:
    """Refuse published evidence whose origin differs from a parameter of the ordering.

    Raises
    ------
    BadEvidence
        ``evidence_of_other_source``.
    """
    if found != asked:
        raise BadEvidence(
            "evidence_of_other_source",
            f"The ordering has the {parameter} {shown(asked)}, but the evidence is of {shown(str(found))}: give the "
            "request that its version was made for, or other evidence.",
        )


def find_other_classes(
    value: object, classes: Sequence[str] | None, pointer: str, faults: Faults, *, code: str
) -> None:
    """Find values for classes that are not in the list, because a misspelt class would be ignored otherwise.

    Parameters
    ----------
    value, classes, pointer, faults
        As `EvidenceField.find_others` has them.
    code
        The code of the error.
    """
    if classes is None or not isinstance(value, Mapping):
        return
    others = sorted(name for name in set(value).difference(classes) if isinstance(name, str))
    if others:
        faults.add(
            BadValue(
                code,
                f"{shown_beside(others[0], classes)} is not among the dataset's classes; remove it or add the class.",
                (f"{pointer}/{escape_pointer(name)}" for name in others),
            )
        )


def covers(values: float | Mapping[str, object] | None, classes: Sequence[str]) -> bool:
    """Tell whether there is one value for the whole dataset, or a value for each class."""
    if isinstance(values, Mapping):
        return all(name in values for name in classes)
    return values is not None


def require(missing: Sequence[ClassList], field: str, *, code: str, advice: str) -> None:
    """Refuse datasets that lack a field for which the catalogue has no value.

    Parameters
    ----------
    missing
        The datasets; those in which the field is doubtful are ignored. If there are no others, nothing is refused.
    field
        The field's name.
    code
        The error's code.
    advice
        What the client can do, as the end of the error's sentence.

    Raises
    ------
    MissingEvidence
        With pointers to the fields.
    """
    missing = [each for each in missing if field not in each.doubtful]
    if not missing:
        return
    # The items of `concepts` have no fields to point to, so the pointer is that of the whole array.
    pointers = dict.fromkeys(
        each.pointer if each.pointer == "/concepts" else f"{each.pointer}/{field}" for each in missing
    )
    if "/concepts" in pointers:
        # The field belongs to class lists, for which `concepts` is the short form.
        advice = f"post them as datasets, with their classes, and {advice}"
    detail = f"No {field} for {first_names(missing)}: {advice}{_classes_without(missing, field)}"
    raise MissingEvidence(code, detail, list(pointers))


def _classes_without(missing: Sequence[ClassList], field: str) -> str:
    """Return a sentence with classes of the first dataset that has values for some of its classes only."""
    for each in missing:
        values = each.given.get(field)
        if isinstance(values, Mapping):
            without = [name for name in each.classes if name not in values]
            named = first_beside(without, values, 5, limit=30)
            return f" {in_sentence(each.name)} has {field} for some classes, but none for {named}."
    return ""


def first_names(class_lists: Sequence[ClassList]) -> str:
    """Return the names of the first 10 datasets, and how many others there are."""
    return first_of([in_sentence(each.name) for each in class_lists], 10)


def source_of(datasets: Sequence[ClassList], is_from_catalogue: Callable[[ClassList], bool]) -> str:
    """Return the source of values; a value in the request that equals the catalogue's counts as the catalogue's."""
    origins = {is_from_catalogue(each) for each in datasets}
    if origins == {True}:
        return "catalogue"
    return "request and catalogue" if True in origins else "request"
