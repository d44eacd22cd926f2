"""Training samples of classes, from the request or the catalogue.

A number of samples is exact: an integer, or a fraction where only the total of a dataset is known. Versions publish a
fraction beside the nearest double.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import lcm
from typing import TypeAlias

import numpy as np

from concept_orderings.canonical import Json
from concept_orderings.catalogue import KnownDataset, find_dataset
from concept_orderings.checks import is_integer
from concept_orderings.class_lists import stream_classes
from concept_orderings.concepts import ClassList, Concepts
from concept_orderings.errors import BadValue, MissingEvidence
from concept_orderings.evidence.base import (
    EvidenceField,
    Gathered,
    Kind,
    Need,
    covers,
    find_other_classes,
    require,
    source_of,
)
from concept_orderings.faults import Faults
from concept_orderings.look_alikes import first_beside
from concept_orderings.parameters import Parameters
from concept_orderings.shapes import ByClass, Either, Integer, Refusal, Text

Number: TypeAlias = int | Fraction
"""An exact number of samples; a fraction is never whole."""

SamplesGiven: TypeAlias = Number | Mapping[str, int]
"""One number for each class of the dataset, or a number by class."""

MOST_SAMPLES = 10**15
"""The most samples of a request in all, so that each sum is an integer that every JSON reader reads exactly."""

MOST_DENOMINATOR = 2**256
"""The largest common denominator of the fractions in a request: sums are computed in its parts."""

EXACT = "samples_exact"
"""The name under which a fraction stands beside the nearest double, its ``samples``."""

_FRACTION = "[1-9][0-9]{0,14}/[1-9][0-9]{0,14}"
_SENTENCE = (
    "The samples of a class are an integer from 1 to 10^15; "
    'or, for all classes of a dataset alike, a string with a fraction, such as "47531/1870".'
)
_SAMPLES = Refusal(BadValue, "bad_samples", _SENTENCE)
_NUMBER = Integer(_SAMPLES, 1, MOST_SAMPLES)


def _parse(value: int | str | Mapping[str, int], classes: Sequence[str]) -> SamplesGiven:
    if not isinstance(value, Mapping):
        return _as_number(value)
    # Equal numbers for all classes are written as one number, so that both forms give one canonical request.
    same = set(value.values()) if covers(value, classes) else set()
    return same.pop() if len(same) == 1 else dict(value)


def _as_number(value: int | str) -> Number:
    return simplest(Fraction(value))


def _read(value: object) -> SamplesGiven:
    if is_integer(value):
        return value
    if isinstance(value, str) and re.fullmatch(_FRACTION, value, re.ASCII):
        return _as_number(value)
    if isinstance(value, Mapping) and all(map(is_integer, value.values())):
        return dict(value)
    raise TypeError("samples are one number, or an object of integers")


def _find_others(value: object, classes: Sequence[str] | None, pointer: str, faults: Faults) -> None:
    find_other_classes(value, classes, pointer, faults, code="bad_samples")
    if not isinstance(value, Mapping) or classes is None:
        return
    without = [name for name in classes if name not in value]
    if without:
        faults.add(
            MissingEvidence(
                "missing_samples",
                f"There are samples for {len(classes) - len(without):,} of the dataset's {len(classes):,} classes, but "
                f"none for {first_beside(without, value, 5, limit=30)}; give a number for every class, or one number "
                "that each class has.",
                [pointer],
            )
        )


SAMPLES = EvidenceField[SamplesGiven](
    "samples",
    Either(
        (_NUMBER, Text(_SAMPLES, (f"^{_FRACTION}$",), without=(r"\n",)), ByClass(_NUMBER, type_refusal=_SAMPLES)),
        type_refusal=_SAMPLES,
    ),
    "Training samples: an object of class name to number, or one number that each class of the dataset has; a string "
    "with a fraction if it is an average. Left out: the `train_samples` of the catalogue, divided by the dataset's "
    "classes in the benchmark's streams.",
    (500, {"bear": 480, "otter": 512}, "47531/1870"),
    parse=_parse,
    read=_read,
    find_others=_find_others,
)


class Samples(Kind[Parameters]):
    """A number of training samples for each class, from the request or the catalogue."""

    need = Need.SAMPLES
    published_as, value_name, value_type = "samples", "samples", "float64"
    fields = (SAMPLES,)
    shown_as = "samples"
    stands_if_given = True

    def from_catalogue(self, known: KnownDataset) -> Mapping[str, object]:
        """See `Kind.from_catalogue`: the average over the dataset's classes."""
        average = average_samples(known)
        return {} if average is None else {SAMPLES.name: average}

    def check_given(self, concepts: Concepts, parameters: Parameters) -> None:
        """See `Kind.check_given`: sums must be exact, and quick to compute."""
        del parameters
        given = [each for each in concepts.datasets if SAMPLES.of(each) is not None]
        _check_denominator(given)
        total = sum(_total_of(each, samples) for each in given if (samples := SAMPLES.of(each)) is not None)
        if total > MOST_SAMPLES:
            raise BadValue(
                "bad_samples",
                f"The samples of all classes add up to about {float(total):.1e}; at most 10^15 are allowed.",
                [f"{each.pointer}/{SAMPLES.name}" for each in given],
            )

    def check_complete(self, concepts: Concepts, parameters: Parameters) -> None:
        """See `Kind.check_complete`."""
        del parameters
        require(
            [each for each in concepts.datasets if known_samples(each) is None],
            SAMPLES.name,
            code="missing_samples",
            advice="give each one number that all its classes have, or a number for every class. "
            "GET /v1/datasets lists the train_samples of the datasets that bring their own.",
        )

    def written_out(self, concepts: Concepts, parameters: Parameters) -> Concepts:
        """See `Kind.written_out`: with the averages of the catalogue, which a later release may correct."""
        del parameters
        return Concepts(tuple(map(_with_samples, concepts.datasets)))

    def as_json(self, each: ClassList, parameters: Parameters) -> dict[str, Json]:
        """See `Kind.as_json`."""
        del parameters
        given = SAMPLES.of(each)
        if given is None:
            return {}
        return {SAMPLES.name: str(given) if isinstance(given, Fraction) else given}

    def at_hand(self, concepts: Concepts, parameters: Parameters) -> Gathered:
        """See `Kind.at_hand`; fractions stand in a column of their own."""
        del parameters
        exact = samples_of_each(concepts)
        if exact is None:
            raise ValueError("a dataset has no samples")
        values = np.array([float(each) for each in exact], dtype=np.float64)
        found = Gathered.of(values, source_of(concepts.datasets, _is_from_catalogue))
        return replace(found, columns=_fractions(exact))


def average_samples(known: KnownDataset) -> Number | None:
    """Return the training samples of a dataset of the catalogue, divided by its classes in the benchmark's streams.

    Those of an evaluation dataset, which no stream has, are divided by all classes of its list. None for a dataset
    without training samples, or without classes.
    """
    classes = stream_classes(known)
    return simplest(Fraction(known.train_samples, len(classes))) if known.train_samples and classes else None


def known_samples(each: ClassList) -> SamplesGiven | None:
    """Return the samples of a class list, or of the catalogue; None if neither has any."""
    given = SAMPLES.of(each)
    if given is not None:
        return given
    known = find_dataset(each.name)
    return None if known is None else average_samples(known)


def samples_of_each(concepts: Concepts) -> list[Number] | None:
    """Return the exact samples of each concept, (n,), in canonical order; None if a dataset has none."""
    found = list[Number]()
    for each in concepts.datasets:
        samples = known_samples(each)
        if samples is None:
            return None
        if isinstance(samples, Mapping):
            found.extend(samples[name] for name in each.classes)
        else:
            found.extend([samples] * len(each.classes))
    return found


def total_samples(concepts: Concepts) -> Number | None:
    """Return the exact samples of all concepts; None if those of a dataset are not known, or are at fault."""
    total: Number = 0
    for each in concepts.datasets:
        samples = None if SAMPLES.name in each.doubtful else known_samples(each)
        if samples is None:
            return None
        total += _total_of(each, samples)
    return total


def common_denominator(numbers: Iterable[Number]) -> int:
    """Return the least common denominator of exact numbers; 1 if all are integers."""
    return lcm(*{each.denominator for each in numbers})


def simplest(number: Number) -> Number:
    """Return a whole number as an integer, and any other as it is."""
    return number.numerator if number.denominator == 1 else number


def samples_as_json(number: Number) -> dict[str, Json]:
    """Return an exact number as documents have it: the nearest double, with the fraction beside it if not whole."""
    number = simplest(number)
    if isinstance(number, int):
        return {SAMPLES.name: number}
    return {SAMPLES.name: float(number), EXACT: str(number)}


def _fractions(numbers: Sequence[Number]) -> dict[str, Sequence[Json]]:
    """Return the column with the fractions, None for integers; nothing if there is no fraction."""
    column = [str(each) if isinstance(each, Fraction) else None for each in numbers]
    return {EXACT: column} if any(column) else {}


def _check_denominator(given: Sequence[ClassList]) -> None:
    """Refuse fractions of very many different denominators: a sum of them would take all memory."""
    common = 1
    for each in given:
        samples = SAMPLES.of(each)
        if isinstance(samples, Fraction):
            common = lcm(common, samples.denominator)
        if common > MOST_DENOMINATOR:
            raise BadValue(
                "bad_samples",
                "The fractions of the samples have too many different denominators: their common one is over 2^256. "
                "Round them to integers.",
                [f"{each.pointer}/{SAMPLES.name}"],
            )


def _total_of(each: ClassList, samples: SamplesGiven) -> Number:
    return sum(samples.values()) if isinstance(samples, Mapping) else samples * len(each.classes)


def _with_samples(each: ClassList) -> ClassList:
    return replace(each, given={**each.given, SAMPLES.name: known_samples(each)})


def _is_from_catalogue(each: ClassList) -> bool:
    known = find_dataset(each.name)
    return known is not None and average_samples(known) == SAMPLES.of(each)
