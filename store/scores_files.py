"""Scores files: scores of one model, uploaded once under a name; see `store.uploaded_files`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from concept_orderings.canonical import Json
from concept_orderings.evidence.named_scores import Direction, NamedScores, ScoresByDataset, number_of_scores
from concept_orderings.text import first_of, nearest
from store import object_keys
from store.damage import Damaged, scores_file_damaged
from store.uploaded_files import UploadedFile, UploadedFiles

_MOST_LISTED = 50


@dataclass(frozen=True, kw_only=True)
class ScoresMeaning:
    """What the numbers of a scores file mean.

    Attributes
    ----------
    model : str
        The model that was scored, described for readers.
    metric : str
        What was measured, and its unit.
    direction : str
        Which scores are easier: one of `concept_orderings.evidence.named_scores.DIRECTIONS`.
    """

    model: str
    metric: str
    direction: Direction


@dataclass(frozen=True, kw_only=True)
class ScoresFile(UploadedFile[ScoresMeaning]):
    """The record of a scores file; its content is the scores of each dataset, and `names` is their number."""

    meaning_type: ClassVar[type[Any]] = ScoresMeaning

    @property
    def facts(self) -> NamedScores:
        """What is known of its scores, as orderings use them."""
        meaning = self.meaning
        return NamedScores(
            name=self.name,
            model=meaning.model,
            metric=meaning.metric,
            direction=meaning.direction,
            number=self.names,
            digest=self.digest,
        )


def no_such_scores(name: str, names: Sequence[str]) -> str:
    """Return the sentences for a name that no scores file has: all names, a similar one, and how to add one.

    Parameters
    ----------
    name
        The unknown name.
    names
        The names of all scores files, sorted.
    """
    close = nearest(name, names)
    hint = f" Did you mean {close}?" if close else ""
    listed = f"The scores files are {first_of(names, _MOST_LISTED)}" if names else "There is none at all"
    return f"There is no scores file {name}.{hint} {listed}. To add one, upload it with PUT /v1/scores/{name}."


class ScoresFiles(UploadedFiles[ScoresFile, ScoresMeaning, ScoresByDataset]):
    """All scores files of a service. Their errors have the code ``scores_file_damaged``."""

    file_type = ScoresFile
    folder: ClassVar[str] = object_keys.SCORES_FILES
    contents: ClassVar[str] = "scores"
    damaged: ClassVar[Damaged] = scores_file_damaged

    def content_key(self, digest: str) -> str:
        """See `UploadedFiles.content_key`."""
        return object_keys.scores(digest)

    def as_json(self, content: ScoresByDataset) -> Json:
        """See `UploadedFiles.as_json`."""
        return content

    def read(self, data: bytes) -> ScoresByDataset:
        """See `UploadedFiles.read`."""
        # Canonical JSON has no decimal point in 75.0, so it would be read as an integer.
        scores: Mapping[str, float | Mapping[str, float]] = json.loads(data, parse_int=float)
        return scores

    def size(self, content: ScoresByDataset) -> int:
        """See `UploadedFiles.size`."""
        return number_of_scores(content)
