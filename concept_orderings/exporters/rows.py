"""The concepts of a version as rows with typed columns, for the formats that have a row per concept."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from concept_orderings.canonical import Json
from concept_orderings.published import PublishedVersion


class Kind(Enum):
    """The type of a column."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"
    TEXTS = "texts"
    JSON = "json"


KNOWN: Mapping[str, Kind] = {
    "year": Kind.INTEGER,
    "score": Kind.NUMBER,
    "mean_rank": Kind.NUMBER,
    "ranks": Kind.JSON,
    "rank_spread": Kind.NUMBER,
    "count": Kind.INTEGER,
    "easiness": Kind.NUMBER,
    "margin": Kind.NUMBER,
    "rank": Kind.INTEGER,
    "tie_group": Kind.INTEGER,
    "unit": Kind.TEXT,
    # One query or several spellings: always a list, so that the column has one type.
    "query": Kind.TEXTS,
    "caption": Kind.TEXT,
    "captions": Kind.INTEGER,
    "step_to_next": Kind.INTEGER,
    "shares_vector_with": Kind.INTEGER,
    "approximate": Kind.BOOLEAN,
}
"""The types of columns of evidence that orderings have; any other has the type of its values."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes
    ----------
    name : str
    kind : Kind
    values : sequence, (n,)
        In the order of the stream; None where a concept has no value.
    """

    name: str
    kind: Kind
    values: Sequence[Json]


def columns(version: PublishedVersion) -> list[Column]:
    """Return the columns of a version: position, task, dataset, class, concept, labels and evidence.

    Raises
    ------
    BadLabels
        The labels are not known or do not fit.
    """
    order = version.labelled
    entries = [entry for task in version.tasks for entry in task["concepts"]]
    tasks = [number for number, size in enumerate(version.sizes) for _ in range(size)]
    return [
        Column("position", Kind.INTEGER, range(len(entries))),
        Column("task", Kind.INTEGER, tasks),
        Column("dataset", Kind.TEXT, [entry["dataset"] for entry in entries]),
        Column("class", Kind.TEXT, [entry["class"] for entry in entries]),
        Column("concept", Kind.TEXT, version.concepts),
        Column("label", Kind.INTEGER, order.own),
        Column("global_label", Kind.INTEGER, order.old_of_new),
        *evidence_columns([entry["evidence"] for entry in entries]),
        Column("labels_digest", Kind.TEXT, [order.labels.digest] * len(entries)),
    ]


def evidence_columns(evidence: Sequence[Mapping[str, Json]]) -> list[Column]:
    """Return a column for each field that the evidence of any concept has, sorted by name."""
    names = sorted({name for each in evidence for name in each})
    return [_column(name, [each.get(name) for each in evidence]) for name in names]


def rows(found: Iterable[Column]) -> Iterable[dict[str, Json]]:
    """Yield each row as an object with all columns; null where a concept has no value."""
    given = list(found)
    names = [each.name for each in given]
    for values in zip(*(each.values for each in given), strict=True):
        yield dict(zip(names, values, strict=True))


def _column(name: str, values: Sequence[Json]) -> Column:
    kind = KNOWN.get(name) or _kind_of([each for each in values if each is not None])
    return Column(name, kind, [None if each is None else _converted(each, kind) for each in values])


def _kind_of(values: Sequence[Json]) -> Kind:
    if all(isinstance(each, bool) for each in values):
        return Kind.BOOLEAN
    if all(isinstance(each, int) and not isinstance(each, bool) for each in values):
        return Kind.INTEGER
    if all(isinstance(each, int | float) and not isinstance(each, bool) for each in values):
        return Kind.NUMBER
    if all(isinstance(each, str) for each in values):
        return Kind.TEXT
    if all(isinstance(each, list) and all(isinstance(one, str) for one in each) for each in values):
        return Kind.TEXTS
    return Kind.JSON


def _converted(value: Json, kind: Kind) -> Json:
    if kind is Kind.NUMBER and isinstance(value, int):
        return float(value)
    if kind is Kind.TEXTS and isinstance(value, str):
        return [value]
    if kind is Kind.JSON:
        return json.dumps(value, ensure_ascii=False)
    return value
