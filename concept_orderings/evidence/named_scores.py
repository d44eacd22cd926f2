"""Named scores: the scores of one model, measured in one way, which orderings name as their source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.concepts import ClassList, Concepts, join_concept
from concept_orderings.errors import MissingEvidence
from concept_orderings.evidence.base import Gathered, Provenance, evidence_digest
from concept_orderings.evidence.mean_ranks import combined_ranks
from concept_orderings.evidence.score_warnings import (
    dataset_scores,
    equal_mean_ranks,
    equal_scores,
    scores_like_shares,
)
from concept_orderings.evidence.scores import EASINESS, HIGHER_IS_EASIER, SEPARATOR, ScoresGiven
from concept_orderings.evidence.ties import RANDOM
from concept_orderings.look_alikes import shown_beside
from concept_orderings.stream_warnings import StreamWarning
from concept_orderings.text import first_of

Direction: TypeAlias = Literal["higher is easier", "lower is easier"]

DIRECTIONS: Sequence[Direction] = get_args(Direction)
"""Which scores are easier, as manifests name it. Of a loss, the lower ones are."""

COMBINED_BY = "mean rank"
"""How several sources of scores are combined, as manifests name it."""

ScoresByDataset: TypeAlias = Mapping[str, ScoresGiven]
"""By the name of the dataset (of one in the catalogue, the FoMo-in-Flux name), its scores in the form of requests."""

_MOST_NAMED = 20


@dataclass(frozen=True, kw_only=True)
class NamedScores:
    """What is known of the scores that have a name.

    Attributes
    ----------
    name : str
        The name that orderings give as their source.
    model, metric : str
        What was scored and how, with the unit of the scores, for readers.
    direction : str
        One of `DIRECTIONS`.
    number : int
        How many scores there are; one for a whole dataset counts once.
    digest : str
        SHA-256 of the scores as canonical JSON.
    """

    name: str
    model: str
    metric: str
    direction: Direction
    number: int
    digest: str

    @property
    def higher_is_easier(self) -> bool:
        """Whether a concept with a higher score is easier."""
        return self.direction == HIGHER_IS_EASIER

    def as_json(self) -> dict[str, Json]:
        """Return what the manifest says of the scores, besides the name."""
        return {
            "model": self.model,
            "metric": self.metric,
            "direction": self.direction,
            "number": self.number,
            "source_digest": self.digest,
        }


def number_of_scores(scores: ScoresByDataset) -> int:
    """Return how many scores there are; one for a whole dataset counts once."""
    return sum(len(each) if isinstance(each, Mapping) else 1 for each in scores.values())


def named_scores_of(
    named: NamedScores, scores: ScoresByDataset, concepts: Concepts, *, pointer: str
) -> NDArray[np.float64]:
    """Return the score of each concept as it was measured, whatever the direction, (n,) float64.

    Parameters
    ----------
    named, scores
        Scores that have a name.
    concepts
        n concepts.
    pointer
        JSON pointer to the parameter that names them, for the error.

    Raises
    ------
    MissingEvidence
        ``missing_scores``, with the concepts that have none.
    """
    lacking = [(each, name) for each in concepts.datasets for name in _without_score(each, scores.get(each.name))]
    if lacking:
        first = [_shown_without_score(each, name, scores.get(each.name)) for each, name in lacking[:_MOST_NAMED]]
        missing = first_of([*first, *(name for _, name in lacking[_MOST_NAMED:])], _MOST_NAMED)
        raise MissingEvidence(
            "missing_scores",
            f"The scores file {named.name} has no score for {len(lacking)} of {len(concepts)} concepts: "
            f"{missing}. Upload a file that has these too, under another name; a row without a class is the score of "
            "all classes of its dataset.",
            [pointer],
        )
    found = (_score_of_each(each, scores[each.name]) for each in concepts.datasets)
    return np.fromiter((score for each in found for score in each), np.float64, len(concepts))


def gathered_scores(
    measured: Sequence[tuple[NamedScores, NDArray[np.float64]]], concepts: Concepts, *, among: str = RANDOM
) -> Gathered:
    """Return the scores of one model as evidence, or the mean ranks that several give the concepts.

    Parameters
    ----------
    measured
        Scores with the score of each concept in them, as `named_scores_of` returns it.
    concepts
        n concepts.
    among
        What the order of concepts with equal scores is, for warnings.

    Returns
    -------
    Gathered
        The values are higher for easier concepts. For one model they are its scores, or their negatives where lower
        scores are easier; tasks show the scores as they were measured. For several they are the negatives of the sums
        of ranks, doubled, which are whole numbers; tasks show ``mean_rank``, ``ranks`` by name, and ``rank_spread``.
    """
    if len(measured) > 1:
        return _combined(measured, concepts, among)
    ((named, scores),) = measured
    warnings = (
        *_shares(named, scores, concepts),
        *dataset_scores(scores, concepts, among=among),
        *equal_scores(scores, concepts, among=among),
    )
    if named.higher_is_easier:
        return Gathered(scores, _provenance(named.name, scores, named.as_json(), warnings))
    values = 0.0 - scores  # not -scores, which has -0.0 for 0.0
    provenance = _provenance(named.name, values, named.as_json(), warnings)
    return Gathered(values, provenance, {"score": scores.tolist()}, shown_as=EASINESS)


def _combined(measured: Sequence[tuple[NamedScores, NDArray[np.float64]]], concepts: Concepts, among: str) -> Gathered:
    ranks = combined_ranks([scores if named.higher_is_easier else -scores for named, scores in measured])
    names = [named.name for named, _ in measured]
    warnings = (
        *(warning for named, scores in measured for warning in _named(named, _shares(named, scores, concepts))),
        *dataset_scores(ranks.doubled_sums, concepts, among=among),
        *equal_mean_ranks(ranks.means, concepts, among=among),
    )
    values = -ranks.doubled_sums.astype(np.float64)
    facts: dict[str, Json] = {
        "combined_by": COMBINED_BY,
        "sources": [{"name": named.name, **named.as_json()} for named, _ in measured],
    }
    provenance = _provenance(SEPARATOR.join(names), values, facts, warnings)
    columns: dict[str, Sequence[Json]] = {
        "mean_rank": ranks.means.tolist(),
        "ranks": [dict(zip(names, each, strict=True)) for each in (ranks.doubled.T / 2).tolist()],
        "rank_spread": ranks.spreads.tolist(),
    }
    return Gathered(values, provenance, columns, shown_as=EASINESS)


def _provenance(
    source: str, values: NDArray[np.float64], facts: dict[str, Json], warnings: tuple[StreamWarning, ...]
) -> Provenance:
    return Provenance(source=source, digest=evidence_digest(values), details=facts, warnings=warnings)


def _shares(named: NamedScores, scores: NDArray[np.float64], concepts: Concepts) -> tuple[StreamWarning, ...]:
    # Where lower is easier, scores are losses or ranks, and values below 1 beside others are nothing unusual.
    return scores_like_shares(scores, concepts, lambda _: False) if named.higher_is_easier else ()


def _named(named: NamedScores, warnings: Sequence[StreamWarning]) -> Iterator[StreamWarning]:
    """Yield warnings of one of several sources, with its name."""
    for each in warnings:
        yield StreamWarning(each.code, f"{named.name}: {each.detail}", each.count, each.concepts)


def _without_score(each: ClassList, scores: ScoresGiven | None) -> Iterator[str]:
    if scores is None or isinstance(scores, Mapping):
        yield from (name for name in each.classes if name not in (scores or {}))


def _shown_without_score(each: ClassList, name: str, scores: ScoresGiven | None) -> str:
    scored = scores if isinstance(scores, Mapping) else ()
    return shown_beside(join_concept(each.name, name), (join_concept(each.name, other) for other in scored))


def _score_of_each(each: ClassList, scores: ScoresGiven) -> Iterator[float]:
    if isinstance(scores, Mapping):
        return (scores[name] for name in each.classes)
    return (scores for _ in each.classes)
