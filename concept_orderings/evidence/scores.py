"""Scores: the zero-shot performance of the base model, from the request, the catalogue, or uploaded files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.catalogue import SCORES_METRIC, SCORES_MODEL, KnownDataset, find_dataset
from concept_orderings.checks import is_number
from concept_orderings.concepts import ClassList, Concepts
from concept_orderings.errors import BadParameter, BadValue
from concept_orderings.evidence.base import (
    EvidenceField,
    Gathered,
    Kind,
    Need,
    NeedsEvidence,
    Provenance,
    check_same,
    covers,
    evidence_digest,
    find_other_classes,
    first_names,
    require,
    source_of,
)
from concept_orderings.evidence.ties import tie_groups
from concept_orderings.parameters import POINTER, Contradiction, parameter
from concept_orderings.shapes import ByClass, Either, Number, Refusal
from concept_orderings.text import first_of, shown
from concept_orderings.url_names import URL_NAME

ScoresGiven: TypeAlias = float | Mapping[str, float]
"""One score for the dataset, or one for each class. Higher is easier."""

HIGHER_IS_EASIER = "higher is easier"
"""The direction of scores in the request and the catalogue, as manifests name it."""

_A_SCORE = Refusal(BadValue, "bad_score", "A score is a finite number.")
_SCORES = Refusal(BadValue, "bad_score", "Scores are one finite number, or an object of class name to number.")


def _parse(value: float | Mapping[str, float], classes: Sequence[str]) -> ScoresGiven:
    if not isinstance(value, Mapping):
        return _as_score(value)
    by_class = {name: _as_score(score) for name, score in value.items()}
    # Equal scores for all classes are written as one score, so that both forms give one canonical request.
    same = set(by_class.values()) if covers(by_class, classes) else set()
    return same.pop() if len(same) == 1 else by_class


def _as_score(value: float) -> float:
    """Return a score as a float, with 0.0 for -0.0, so that equal scores have equal digests."""
    return float(value) + 0.0


def _read(value: object) -> ScoresGiven:
    # Canonical JSON has no decimal point in 75.0, so it is read as an integer.
    if is_number(value):
        return float(value)
    if isinstance(value, Mapping) and all(map(is_number, value.values())):
        return {name: float(score) for name, score in value.items()}
    raise TypeError("scores are one number, or an object of numbers")


SCORES = EvidenceField(
    "scores",
    Either((Number(_SCORES), ByClass(Number(_A_SCORE), type_refusal=_SCORES)), type_refusal=_SCORES),
    "Zero-shot score of the base model: one for the dataset, or one per class name. Higher is easier. "
    "Beside scores of the catalogue: in percent, as these are.",
    (75.8, {"bear": 71.5, "otter": 80.1}),
    parse=_parse,
    read=_read,
    find_others=partial(find_other_classes, code="bad_score"),
)


EASINESS = "easiness"
"""The name in published evidence of values that are made from scores: higher for easier concepts, and no scores."""

SEPARATOR = ", "
"""What stands between the names of several sources in manifests."""

MOST_SOURCES = 100
"""The most sources whose scores are combined."""


@dataclass(frozen=True, kw_only=True)
class NeedsScores(NeedsEvidence):
    """Base class of orderings that need scores, with the parameters that name uploaded ones."""

    need: ClassVar[Need] = Need.SCORES

    source: str | None = parameter(
        None,
        "The name of an uploaded scores file. The default is the scores given with the classes and, for datasets "
        "without any, those of the catalogue.",
        type="string",
        pattern=URL_NAME.pattern,
        absent=None,
    )
    sources: tuple[str, ...] | None = parameter(
        None,
        f"The names of 2 to {MOST_SOURCES} different uploaded scores files, whose models are combined by mean rank; "
        "their order has no meaning.",
        type="array of strings",
        pattern=URL_NAME.pattern,
        fewest=2,
        most=MOST_SOURCES,
        distinct=True,
        absent=None,
    )

    def contradictions(self, concepts: Concepts | None) -> Iterator[Contradiction]:
        """See `Parameters.contradictions`."""
        if self.source is not None and self.sources is not None:
            detail = "Give either one source of scores, or several sources to combine; leave one of the two out."
            yield Contradiction.between(detail, "source", "sources")
        yield from super().contradictions(concepts)

    def canonical_for(self, concepts: Concepts, listed: Callable[[], Sequence[str]]) -> Self:
        """See `Parameters.canonical_for`: the sources are sorted."""
        others = super().canonical_for(concepts, listed)
        return others if others.sources is None else replace(others, sources=tuple(sorted(others.sources)))


def names_of(parameters: NeedsScores) -> Sequence[str]:
    """Return the names of the scores files to use; none if the request and the catalogue have the scores."""
    return parameters.sources or ([parameters.source] if parameters.source is not None else [])


class Scores(Kind[NeedsScores]):
    """A score for each dataset, or for each of its classes."""

    need = Need.SCORES
    published_as, value_name, value_type = "scores", "score", "float64"
    fields = (SCORES,)
    shown_as = "score"
    reads = frozenset({"source", "sources"})

    def from_catalogue(self, known: KnownDataset) -> Mapping[str, object]:
        """See `Kind.from_catalogue`."""
        return {SCORES.name: known.zero_shot_score}

    def check_given(self, concepts: Concepts, parameters: NeedsScores) -> None:
        """See `Kind.check_given`: scores in the request would be ignored beside named ones."""
        given = [each for each in concepts.datasets if SCORES.is_given(each)]
        if not (given and names_of(parameters)):
            return
        name = "source" if parameters.source is not None else "sources"
        raise BadParameter(
            "bad_parameter",
            f"Scores are given for {first_names(given)}, and the ordering has {name} too "
            f"({first_of([shown(each) for each in names_of(parameters)], 10)}); leave one of the two out.",
            [f"{POINTER}/{name}", *(f"{each.pointer}/{SCORES.name}" for each in given)],
        )

    def check_complete(self, concepts: Concepts, parameters: NeedsScores) -> None:
        """See `Kind.check_complete`."""
        if names_of(parameters):
            return
        require(
            [each for each in concepts.datasets if not covers(SCORES.of(each), each.classes)],
            SCORES.name,
            code="missing_scores",
            advice="give each one score, or one for every class. "
            "GET /v1/datasets lists the datasets that bring their own.",
        )

    def as_json(self, each: ClassList, parameters: NeedsScores) -> dict[str, Json]:
        """See `Kind.as_json`: the catalogue's scores mean nothing beside named ones."""
        return {} if names_of(parameters) else super().as_json(each, parameters)

    def is_outside(self, parameters: NeedsScores) -> bool:
        """See `Kind.is_outside`."""
        return bool(names_of(parameters))

    def at_hand(self, concepts: Concepts, parameters: NeedsScores) -> Gathered:
        """See `Kind.at_hand`."""
        del parameters
        values, source = scores_of(concepts), source_of(concepts.datasets, is_from_catalogue)
        details: dict[str, Json] = {"direction": HIGHER_IS_EASIER}
        if source == "catalogue":
            details |= {"model": SCORES_MODEL, "metric": SCORES_METRIC}
        return Gathered(values, Provenance(source=source, digest=evidence_digest(values), details=details))

    def check_origin(self, parameters: NeedsScores, source: str, facts: Mapping[str, Json]) -> None:
        """See `Kind.check_origin`: the names of the scores files."""
        del facts
        name = "source" if parameters.source is not None else "sources"
        check_same(name, SEPARATOR.join(names_of(parameters)), source)

    def shown(self, found: Gathered) -> dict[str, Sequence[Json]]:
        """See `Kind.shown`; of easiness, which tasks do not show, only how many concepts have the same."""
        ties = tie_groups(np.asarray(found.values, dtype=np.float64)).tolist()
        return {**({} if found.shown_as == EASINESS else super().shown(found)), "tie_group": ties}


def scores_of(concepts: Concepts) -> NDArray[np.float64]:
    """Return the score of each concept, (n,) float64."""
    return np.array([_score(each, name) for each in concepts.datasets for name in each.classes], np.float64)


def _score(each: ClassList, class_name: str) -> float:
    scores = SCORES.of(each)
    if isinstance(scores, Mapping):
        return scores[class_name]
    if scores is None:
        raise ValueError(f"{each.name} has no scores")
    return scores


def is_from_catalogue(each: ClassList) -> bool:
    """Tell whether a class list has the catalogue's score; the same score in a request counts as the catalogue's."""
    known = find_dataset(each.name)
    return known is not None and known.zero_shot_score == SCORES.of(each)
