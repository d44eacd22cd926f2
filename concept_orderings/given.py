"""Evidence that stands in the request itself or in the catalogue: nothing has to be asked for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.catalogue import find_dataset
from concept_orderings.concepts import ClassList
from concept_orderings.evidence import Evidence, Need, Provenance, evidence_digest
from concept_orderings.orderings.frequency import IN_REQUEST, Frequency
from concept_orderings.request import StreamRequest


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

    values: NDArray[np.int64] | NDArray[np.float64] | NDArray[np.float32]
    provenance: Provenance
    columns: Mapping[str, Sequence[Json]] = field(default_factory=dict)


def given_evidence(request: StreamRequest) -> dict[Need, Gathered]:
    """Return the evidence among what the request needs that is at hand already."""
    found: dict[Need, Gathered] = {}
    if Need.YEARS in request.needs:
        found[Need.YEARS] = _gathered(request.years(), _source(request, _has_catalogue_year))
    if Need.SCORES in request.needs:
        found[Need.SCORES] = _gathered(request.scores(), _source(request, _has_catalogue_score))
    if isinstance(request.ordering, Frequency) and request.ordering.source == IN_REQUEST:
        found[Need.COUNTS] = _gathered(request.counts(), IN_REQUEST)
    return found


def assemble(gathered: Mapping[Need, Gathered]) -> Evidence:
    """Return gathered evidence as orderings take it."""
    return Evidence(**{str(need): each.values for need, each in gathered.items()})  # type: ignore[arg-type]


def _gathered(values: NDArray[np.int64] | NDArray[np.float64], source: str) -> Gathered:
    details: dict[str, Json] = {}
    return Gathered(values, Provenance(source=source, digest=evidence_digest(values), details=details))


def _source(request: StreamRequest, from_catalogue: Callable[[ClassList], bool]) -> str:
    """Say where values came from; a value that was given and is the catalogue's too counts as the catalogue's."""
    origins = {from_catalogue(each) for each in request.concepts.datasets}
    if origins == {True}:
        return "catalogue"
    return "request and catalogue" if True in origins else "request"


def _has_catalogue_year(each: ClassList) -> bool:
    known = find_dataset(each.name)
    return known is not None and known.year == each.year


def _has_catalogue_score(each: ClassList) -> bool:
    known = find_dataset(each.name)
    return known is not None and known.zero_shot_score == each.scores
