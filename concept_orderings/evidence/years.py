"""Years of publication of datasets, from the request or the catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from concept_orderings.catalogue import KnownDataset, find_dataset
from concept_orderings.checks import is_integer
from concept_orderings.concepts import ClassList, Concepts
from concept_orderings.errors import BadValue
from concept_orderings.evidence.base import (
    EvidenceField,
    Gathered,
    Kind,
    Need,
    NeedsEvidence,
    require,
    source_of,
)
from concept_orderings.parameters import Parameters
from concept_orderings.shapes import Integer, Refusal

OLDEST, NEWEST = 1900, 2199


def _parse(value: int, classes: Sequence[str]) -> int:
    del classes
    return value


def _read(value: object) -> int:
    if not is_integer(value):
        raise TypeError("a year is an integer")
    return value


YEAR = EvidenceField(
    "year",
    Integer(
        Refusal(BadValue, "bad_year", f"A year is an integer from {OLDEST} to {NEWEST}."),
        minimum=OLDEST,
        maximum=NEWEST,
    ),
    "Year of publication.",
    (2009,),
    parse=_parse,
    read=_read,
)


@dataclass(frozen=True, kw_only=True)
class NeedsYears(NeedsEvidence):
    """Base class of orderings that need years."""

    need: ClassVar[Need] = Need.YEARS


class Years(Kind[Parameters]):
    """A year for each dataset."""

    need = Need.YEARS
    published_as, value_name, value_type = "years", "year", "int64"
    fields = (YEAR,)
    shown_as = "year"

    def from_catalogue(self, known: KnownDataset) -> Mapping[str, object]:
        """See `Kind.from_catalogue`."""
        return {YEAR.name: known.year}

    def check_complete(self, concepts: Concepts, parameters: Parameters) -> None:
        """See `Kind.check_complete`."""
        require(
            [each for each in concepts.datasets if YEAR.of(each) is None],
            YEAR.name,
            code="missing_years",
            advice="give each a year. GET /v1/datasets lists the datasets that bring their own.",
        )

    def at_hand(self, concepts: Concepts, parameters: Parameters) -> Gathered:
        """See `Kind.at_hand`."""
        del parameters
        return Gathered.of(years_of(concepts), source_of(concepts.datasets, _is_from_catalogue))


def years_of(concepts: Concepts) -> NDArray[np.int64]:
    """Return the year of each concept's dataset, (n,) int64."""
    years = np.array([YEAR.of(each) for each in concepts.datasets], dtype=np.int64)
    return years[concepts.dataset_index]


def _is_from_catalogue(each: ClassList) -> bool:
    known = find_dataset(each.name)
    return known is not None and known.year == YEAR.of(each)
