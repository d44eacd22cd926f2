"""Read uploaded scores files, as CSV, JSON lines or Parquet, into the scores of each dataset.

A row has the score of a class or, without a class, the one score of a whole dataset. A score that is not a finite
number, two different scores for one name, and a dataset with scores of both forms are errors: see
`app.uploaded_tables`.
"""

import math
from typing import NamedTuple

from app.uploaded_tables import (
    CSV,
    JSON_LINES,
    JSONL,
    PARQUET,
    Column,
    Row,
    RowFault,
    Table,
    described,
    read_table,
)
from concept_orderings.catalogue import canonical_name
from concept_orderings.concepts import CLASS_NAME, DATASET_NAME, join_concept
from concept_orderings.errors import BadScoresFile
from concept_orderings.evidence.named_scores import ScoresByDataset
from concept_orderings.text import shown

MEDIA_TYPES = {
    CSV: "CSV in UTF-8 with a header that has `dataset` and `score`, and `class` unless each score is that of a whole "
    "dataset; other columns are ignored.",
    JSON_LINES: "JSON lines: objects with `dataset`, `score` and, unless the score is that of the whole dataset, "
    "`class`; other fields are ignored.",
    JSONL: "JSON lines, as above.",
    PARQUET: "Parquet with string columns `dataset` and `class` and a column of numbers `score`; `class` may be "
    "missing or null; other columns are ignored.",
}
"""The formats of scores files by media type, and what a file of each must contain."""

TABLE = Table(
    "scores file",
    (Column("dataset", "string"), Column("class", "string", optional=True), Column("score", "number")),
    "scores",
    "bad_scores_file",
    BadScoresFile,
)


def read_scores(body: bytes, media_type: str) -> ScoresByDataset:
    """Return the scores of each dataset in a file; a dataset of the catalogue has its FoMo-in-Flux name.

    A large file takes seconds, so call this off the event loop.

    Parameters
    ----------
    body
        The file.
    media_type
        One of `MEDIA_TYPES`, or `app.uploaded_tables.ANY_FORMAT`.

    Raises
    ------
    BadScoresFile
        ``bad_scores_file`` or ``conflicting_scores``; the text names the line.
    """
    found = _Collected()
    read_table(body, media_type, TABLE, found.add)
    return found.scores()


class _Score(NamedTuple):
    """A score, and the row that it was read from first."""

    value: float
    number: int


class _Collected:
    """The scores of the rows that were read: of datasets, and of their classes."""

    def __init__(self) -> None:
        self._whole: dict[str, _Score] = {}
        self._by_class: dict[str, dict[str, _Score]] = {}

    def scores(self) -> ScoresByDataset:
        """Return the scores of each dataset."""
        by_class = {
            dataset: {name: score.value for name, score in each.items()} for dataset, each in self._by_class.items()
        }
        return {**by_class, **{dataset: score.value for dataset, score in self._whole.items()}}

    def add(self, unit: str, row: Row) -> RowFault | None:
        """Add a row; return its fault if it is wrong."""
        number, (given, name, score) = row
        name = None if isinstance(name, str) and not name.strip() else name
        dataset = canonical_name(given) if isinstance(given, str) else ""
        if reason := _wrong_names(given, dataset, name) or _wrong_score(dataset, name, score):
            return TABLE.unusable(f"{unit} {number}: {reason}")
        assert name is None or isinstance(name, str)  # both are checked above
        assert isinstance(score, int | float)
        # 0.0 for -0.0, so that equal scores have equal digests.
        return self._add(unit, dataset, name, _Score(float(score) + 0.0, number))

    def _add(self, unit: str, dataset: str, name: str | None, score: _Score) -> RowFault | None:
        other = next(iter(self._by_class.get(dataset, {}).values()), None) if name is None else self._whole.get(dataset)
        if other is not None:
            whole, single = (score, other) if name is None else (other, score)
            return _conflicting(
                f"one score for the whole dataset {shown(dataset)} in {unit} {whole.number} and one for a class of it "
                f"in {unit} {single.number}; keep one of the two forms for each dataset"
            )
        scores, key = (self._whole, dataset) if name is None else (self._by_class.setdefault(dataset, {}), name)
        first = scores.setdefault(key, score)
        if first.value != score.value:
            advice = "; give each row its class, or keep one row" if name is None else ""
            return _conflicting(
                f"two scores for {_named(dataset, name)}: {first.value} in {unit} {first.number} and {score.value} in "
                f"{unit} {score.number}{advice}"
            )
        return None


def _conflicting(problem: str) -> RowFault:
    return TABLE.fault(f"The scores file has {problem}", "conflicting_scores")


def _named(dataset: str, name: str | None) -> str:
    return f"the whole dataset {shown(dataset)}" if name is None else shown(join_concept(dataset, name))


def _wrong_names(given: object, dataset: str, name: object) -> str | None:
    """Return the reason why the name of a dataset or a class is wrong."""
    if not isinstance(given, str):
        return f"the dataset is {described(given)} and must be a string"
    if not DATASET_NAME.fits(dataset):
        return f"{shown(given)} cannot name a dataset"
    if name is None or (isinstance(name, str) and CLASS_NAME.fits(name)):
        return None
    return f"{shown(name)} cannot name a class" if isinstance(name, str) else f"the class is {described(name)}"


def _wrong_score(dataset: str, name: object, score: object) -> str | None:
    """Return the reason why a score is wrong."""
    whose = _named(dataset, name if isinstance(name, str) else None)
    if isinstance(score, bool) or not isinstance(score, int | float):
        return f"the score of {whose} is {described(score)}, and a score is a finite number"
    try:
        finite = math.isfinite(score)
    except OverflowError:  # an integer that no float holds
        finite = False
    return None if finite else f"the score of {whose} is not finite"
