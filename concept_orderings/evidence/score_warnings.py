"""Warnings about the scores that a performance ordering uses.

Each function returns a tuple of zero or one warnings, which depends only on its arguments. The sentences stand in
published manifests, so their texts must not change. Which scale a score has is not known; what is likely is a warning.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from concept_orderings.catalogue import SCORES_METRIC, SCORES_MODEL
from concept_orderings.concepts import ClassList, Concepts, join_concept
from concept_orderings.evidence.base import first_names
from concept_orderings.evidence.scores import is_from_catalogue
from concept_orderings.evidence.ties import RANDOM, equal_values
from concept_orderings.stream_warnings import StreamWarning, WarningCode, chosen
from concept_orderings.text import first_of, shown

_Scores: TypeAlias = NDArray[np.float64] | NDArray[np.int64]

EXAMPLES = 10
"""The most examples in a warning."""

_CATALOGUE = f"the catalogue ({SCORES_METRIC}, of {SCORES_MODEL})"


def mixed_scores(concepts: Concepts) -> tuple[StreamWarning, ...]:
    """Warn of given scores beside scores of the catalogue: they are comparable only if model and unit are the same."""
    given = [each for each in concepts.datasets if not is_from_catalogue(each)]
    others = [each for each in concepts.datasets if is_from_catalogue(each)]
    if not (given and others):
        return ()
    concerned = _number(given)
    sentence = (
        f"The scores of {concerned} of {len(concepts)} concepts are given ({first_names(given)}), and those of the "
        f"others ({first_names(others)}) are from {_CATALOGUE}: they compare only if model and unit are the same; if "
        "not, give scores for all datasets."
    )
    return (StreamWarning.of(WarningCode.MIXED_SCORES, sentence, count=concerned, concepts=_ids_of(given)),)


def scores_like_shares(
    scores: NDArray[np.float64],
    concepts: Concepts,
    from_catalogue: Callable[[ClassList], bool] = is_from_catalogue,
) -> tuple[StreamWarning, ...]:
    """Warn of scores that look like shares (from 0 to 1) beside others that look like percent.

    A dataset's scores look like shares if all given scores lie in [0, 1], or if its own do and are not all equal: one
    score of 0.3 beside given ones above 1 may well be 0.3 percent. Scores of the catalogue are percent.
    """
    of_each = list(zip(concepts.datasets, _by_dataset(scores, concepts), strict=True))
    given = [(each, found) for each, found in of_each if not from_catalogue(each)]
    small = [(each, found) for each, found in given if ((found >= 0) & (found <= 1)).all()]
    shares = [each for each, found in small if len(small) == len(given) or (found != found[0]).any()]
    percent = [each for each, found in of_each if from_catalogue(each) or found.max() > 1]
    if not (shares and percent):
        return ()
    concerned = _number(shares)
    sentence = (
        f"The scores of {concerned} of {len(concepts)} concepts ({first_names(shares)}) lie between 0 and 1 and look "
        f"like shares, those of others ({first_names(percent)}) like percent: give all in percent, or those of shares "
        "count as harder than they are."
    )
    return (StreamWarning.of(WarningCode.SCORES_LIKE_SHARES, sentence, count=concerned, concepts=_ids_of(shares)),)


def odd_scores(scores: NDArray[np.float64], concepts: Concepts) -> tuple[StreamWarning, ...]:
    """Warn of scores below 0 or above 100, which are neither shares nor percent."""
    odd = np.flatnonzero((scores < 0) | (scores > 100)).tolist()
    if not odd:
        return ()
    named = first_of([f"{shown(concepts.ids[i])}: {scores[i]}" for i in odd[:EXAMPLES]], EXAMPLES)
    such_as = "such as " if len(odd) > EXAMPLES else ""
    sentence = (
        f"{len(odd)} of {len(scores)} concepts have a score below 0 or above 100 ({such_as}{named}), which is neither "
        "a share nor percent: check that all scores have one unit, and that a higher one is easier."
    )
    return (StreamWarning.of(WarningCode.ODD_SCORES, sentence, count=len(odd), concepts=chosen(concepts.ids, odd)),)


def dataset_scores(scores: _Scores, concepts: Concepts, *, among: str = RANDOM) -> tuple[StreamWarning, ...]:
    """Warn of datasets that have one score for all their classes: the order is one of datasets there."""
    of_each = zip(concepts.datasets, _by_dataset(scores, concepts), strict=True)
    one = [each for each, found in of_each if len(found) > 1 and (found == found[0]).all()]
    if not one:
        return ()
    concerned = _number(one)
    sentence = (
        f"{concerned} of {len(concepts)} concepts have the score of their dataset ({first_names(one)}) and none of "
        f"their own: datasets are ordered by it, and inside a dataset the order is {among}; give a score for each "
        "class to order the concepts themselves."
    )
    return (StreamWarning.of(WarningCode.DATASET_SCORES, sentence, count=concerned, concepts=_ids_of(one)),)


def equal_scores(scores: NDArray[np.float64], concepts: Concepts, *, among: str = RANDOM) -> tuple[StreamWarning, ...]:
    """Warn of large groups of equal scores, whose order is random and not by performance."""
    return equal_values(scores, concepts, WarningCode.EQUAL_SCORES, one="score", several="scores", among=among)


def equal_mean_ranks(
    means: NDArray[np.float64], concepts: Concepts, *, among: str = RANDOM
) -> tuple[StreamWarning, ...]:
    """Warn of large groups of equal mean ranks, whose order is random."""
    return equal_values(
        means, concepts, WarningCode.EQUAL_SCORES, one="mean rank", several="mean ranks", form=".2f", among=among
    )


def score_warnings(
    scores: NDArray[np.float64], concepts: Concepts, *, among: str = RANDOM
) -> tuple[StreamWarning, ...]:
    """Return all warnings about scores of the request and the catalogue, (n,) in canonical order of the concepts."""
    return (
        *mixed_scores(concepts),
        *scores_like_shares(scores, concepts),
        *odd_scores(scores, concepts),
        *dataset_scores(scores, concepts, among=among),
        *equal_scores(scores, concepts, among=among),
    )


def _by_dataset(scores: _Scores, concepts: Concepts) -> Iterator[_Scores]:
    """Yield the scores of each dataset's classes; canonical order keeps them together."""
    end = 0
    for each in concepts.datasets:
        start, end = end, end + len(each.classes)
        yield scores[start:end]


def _number(datasets: Sequence[ClassList]) -> int:
    return sum(len(each.classes) for each in datasets)


def _ids_of(datasets: Sequence[ClassList]) -> Iterator[str]:
    """Return the concepts of some of the datasets, one after the other as they are needed, in canonical order."""
    return (join_concept(each.name, name) for each in datasets for name in each.classes)
