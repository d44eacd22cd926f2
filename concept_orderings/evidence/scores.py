"""Scores: the zero-shot performance of the base model, from the request or the catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.catalogue import SCORES_METRIC, SCORES_MODEL, KnownDataset, find_dataset
from concept_orderings.checks import is_number
from concept_orderings.concepts import ClassList, Concepts
from concept_orderings.errors import BadValue
from concept_orderings.evidence.base import (
    EvidenceField,
    Gathered,
    Kind,
    Need,
    NeedsEvidence,
    Provenance,
    covers,
    evidence_digest,
    find_other_classes,
    require,
    source_of,
)
from concept_orderings.evidence.ties import tie_groups
from concept_orderings.parameters import Parameters
from concept_orderings.shapes import ByClass, Either, Number, Refusal

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


@dataclass(frozen=True, kw_only=True)
class NeedsScores(NeedsEvidence):
    """Base class of orderings that need scores."""

    need: ClassVar[Need] = Need.SCORES


class Scores(Kind[Parameters]):
    """A score for each dataset, or for each of its classes."""

    need = Need.SCORES
    published_as, value_name, value_type = "scores", "score", "float64"
    fields = (SCORES,)
    shown_as = "score"

    def from_catalogue(self, known: KnownDataset) -> Mapping[str, object]:
        """See `Kind.from_catalogue`."""
        return {SCORES.name: known.zero_shot_score}

    def check_complete(self, concepts: Concepts, parameters: Parameters) -> None:
        """See `Kind.check_complete`."""
        require(
            [each for each in concepts.datasets if not covers(SCORES.of(each), each.classes)],
            SCORES.name,
            code="missing_scores",
            advice="give each one score, or one for every class. "
            "GET /v1/datasets lists the datasets that bring their own.",
        )

    def at_hand(self, concepts: Concepts, parameters: Parameters) -> Gathered:
        """See `Kind.at_hand`."""
        del parameters
        values, source = scores_of(concepts), source_of(concepts.datasets, is_from_catalogue)
        details: dict[str, Json] = {"direction": HIGHER_IS_EASIER}
        if source == "catalogue":
            details |= {"model": SCORES_MODEL, "metric": SCORES_METRIC}
        return Gathered(values, Provenance(source=source, digest=evidence_digest(values), details=details))

    def shown(self, found: Gathered) -> dict[str, Sequence[Json]]:
        """See `Kind.shown`."""
        ties = tie_groups(np.asarray(found.values, dtype=np.float64)).tolist()
        return {**super().shown(found), "tie_group": ties}


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
