"""What a client asks for: class lists, an ordering and a split, checked and in canonical form.

The service, the worker and ``concept-orderings order FILE`` all read requests here, so they agree on every rule.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import LARGEST_INTEGER, Json, canonical_json, sha256_hex
from concept_orderings.catalogue import find_dataset
from concept_orderings.checks import (
    check_fields,
    check_mapping,
    check_sequence,
    check_string,
    check_strings,
    escape_pointer,
    is_integer,
    is_number,
    wrong_type,
)
from concept_orderings.concepts import ClassList, Concepts, class_lists_of, gather_concepts, is_plain_text, shown
from concept_orderings.errors import BadConcept, BadParameter, BadValue, MissingEvidence
from concept_orderings.evidence import Need
from concept_orderings.names import NAME, NAME_RULE
from concept_orderings.orderings import Ordering, parse_ordering
from concept_orderings.orderings.frequency import IN_REQUEST, Frequency
from concept_orderings.queries import MOST_SPELLINGS, Query, default_query
from concept_orderings.split import EqualTasks, SizedTasks, Split, parse_split

PLACEHOLDER = "{}"
MOST_TEMPLATES = 1000

_FIELDS = ("name", "datasets", "concepts", "ordering", "tasks")
_DATASET_FIELDS = ("name", "classes", "year", "template", "scores", "counts", "queries")
_YEARS = range(1900, 2200)


@dataclass(frozen=True)
class StreamRequest:
    """A checked request.

    Attributes
    ----------
    name : str
        The stream.
    concepts : Concepts
        In canonical order; years, templates and scores that are needed and were not given are the catalogue's.
    ordering : Ordering
    split : Split
    """

    name: str
    concepts: Concepts
    ordering: Ordering
    split: Split

    @property
    def needs(self) -> frozenset[Need]:
        """All evidence that the ordering and the split need."""
        return self.ordering.needs | self.split.needs

    def as_json(self) -> dict[str, Json]:
        """Return the canonical request: everything that can change the stream, and nothing else.

        Requests that differ only in how they are written (in the order of their lists, in a dataset's two names, in
        what is left to the catalogue or to a default) have the same canonical form.
        """
        return {
            "name": self.name,
            "datasets": [_dataset_as_json(each, self.needs) for each in self.concepts.datasets],
            "ordering": self.ordering.as_json(),
            "tasks": self.split.as_json(),
        }

    @cached_property
    def canonical(self) -> bytes:
        """The canonical request as canonical JSON."""
        return canonical_json(self.as_json())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical request: its identity."""
        return sha256_hex(self.canonical)

    def years(self) -> NDArray[np.int64]:
        """Return the year of each concept's dataset, (n,)."""
        years = np.array([each.year for each in self.concepts.datasets], dtype=np.int64)
        return years[self.concepts.dataset_index]

    def scores(self) -> NDArray[np.float64]:
        """Return the score of each concept, (n,)."""
        return np.array([_score(each, name) for each in self.concepts.datasets for name in each.classes], np.float64)

    def counts(self) -> NDArray[np.int64]:
        """Return the count of each concept as the request gives it, (n,)."""
        return np.array(
            [each.counts[name] for each in self.concepts.datasets if each.counts for name in each.classes], np.int64
        )

    def queries(self) -> list[Query]:
        """Return what a source of counts is asked for each concept, (n,)."""
        return [
            (each.queries or {}).get(name) or default_query(name)
            for each in self.concepts.datasets
            for name in each.classes
        ]

    def settled(self, now: datetime) -> "StreamRequest":
        """Return this request with nothing left that depends on when it is made: a refresh counts from now on.

        Raises
        ------
        BadParameter
            If `counted_since` is to come.
        """
        if not isinstance(self.ordering, Frequency):
            return self
        return replace(self, ordering=self.ordering.settled(now))

    def captions(self) -> list[str]:
        """Return the caption of each concept: the class name in its dataset's template, (n,).

        Raises
        ------
        ValueError
            If a dataset has several templates, and its concepts several captions: see `caption_rounds`.
        """
        several = [each.name for each in self.concepts.datasets if len(each.templates) > 1]
        if several:
            raise ValueError(f"{several[0]} has several templates; caption_rounds() yields all captions")
        return next((captions for _, captions in self.caption_rounds()), [])

    def caption_rounds(self) -> Iterator[tuple[NDArray[np.int64], list[str]]]:
        """Yield all captions, round by round: in round k those in the k-th of each dataset's templates.

        There are as many rounds as the longest list has templates; all concepts take part in the first. So a prompt
        ensemble of any size needs the memory of one caption per concept.

        Yields
        ------
        positions : ndarray of int64, shape (m,)
            The concepts whose datasets have so many templates, ascending.
        captions : list of str
            Their captions, (m,).
        """
        datasets = self.concepts.datasets
        for k in range(max(len(each.templates) for each in datasets)):
            there = np.array([k < len(each.templates) for each in datasets])
            yield (
                np.flatnonzero(there[self.concepts.dataset_index]),
                [
                    each.templates[k].replace(PLACEHOLDER, name)
                    for each in datasets
                    if k < len(each.templates)
                    for name in each.classes
                ],
            )


def parse_request(body: object, *, defaults: Mapping[str, Mapping[str, object]] | None = None) -> StreamRequest:
    """Check a request and complete it from the catalogue.

    Parameters
    ----------
    body
        The JSON value of a ``POST /v1/streams`` body, or of a class-list file.
    defaults
        Parameters by kind of ordering that stand in for the ordering's own defaults.

    Raises
    ------
    InvalidInput
        With a stable code and pointers to the fields.
    """
    fields = check_mapping(body, "")
    check_fields(fields, _FIELDS, "")
    _check_complete(fields)
    name = _parse_name(fields["name"])
    ordering = parse_ordering(fields.get("ordering"), defaults=defaults)
    split = parse_split(fields.get("tasks"))
    given = gather_concepts(_parse_class_lists(fields))
    _refuse_unused_counts(given, ordering)
    _refuse_unused_queries(given, ordering)
    _check_split(split, len(given))
    concepts = Concepts(tuple(_completed(each) for each in given.datasets))
    request = StreamRequest(name, concepts, ordering.fitted(concepts), split)
    _check_evidence(request)
    return request


def _check_complete(fields: Mapping[str, object]) -> None:
    for name, example in (("name", '"my-stream"'), ("ordering", '{"kind": "random"}'), ("tasks", '{"count": 20}')):
        if fields.get(name) is None:
            raise BadValue("missing_field", f"The request has no {name}; give one, such as {example}.", [f"/{name}"])


def _parse_name(value: object) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise BadValue(
            "bad_stream_name",
            f"A stream's name {NAME_RULE}.",
            ["/name"],
        )
    return value


def _parse_class_lists(fields: Mapping[str, object]) -> Sequence[ClassList]:
    # null is the same as nothing here, as it is for a dataset's year or template.
    if (fields.get("datasets") is None) == (fields.get("concepts") is None):
        raise BadValue(
            "wrong_type", "Give either datasets, with their classes, or concepts.", ["/datasets", "/concepts"]
        )
    if fields.get("concepts") is not None:
        return class_lists_of(check_strings(fields["concepts"], "/concepts"))
    datasets = check_sequence(fields["datasets"], "/datasets")
    return [_parse_class_list(each, f"/datasets/{i}") for i, each in enumerate(datasets)]


def _parse_class_list(value: object, pointer: str) -> ClassList:
    body = check_mapping(value, pointer)
    check_fields(body, _DATASET_FIELDS, pointer)
    name = check_string(body.get("name"), f"{pointer}/name")
    classes = check_strings(body.get("classes"), f"{pointer}/classes")
    return ClassList(
        name=name,
        classes=classes,
        year=_parse_year(body.get("year"), f"{pointer}/year"),
        templates=_parse_templates(body.get("template"), f"{pointer}/template"),
        scores=_parse_scores(body.get("scores"), classes, f"{pointer}/scores"),
        counts=_parse_counts(body.get("counts"), classes, f"{pointer}/counts"),
        queries=_parse_queries(body.get("queries"), classes, f"{pointer}/queries"),
        pointer=pointer,
    )


def _parse_year(value: object, pointer: str) -> int | None:
    if value is None or (is_integer(value) and value in _YEARS):
        return value
    raise BadValue("bad_year", f"A year is an integer from {_YEARS.start} to {_YEARS.stop - 1}.", [pointer])


def _parse_templates(value: object, pointer: str) -> tuple[str, ...]:
    """Check one template or an array of them; return them sorted: a mean does not depend on their order."""
    if value is None:
        return ()
    if not isinstance(value, str | list | tuple):
        raise wrong_type("a string or an array of strings", value, pointer)
    templates = (value,) if isinstance(value, str) else check_strings(value, pointer)
    pointers = [pointer] if isinstance(value, str) else [f"{pointer}/{i}" for i in range(len(templates))]
    if not 1 <= len(templates) <= MOST_TEMPLATES:
        raise BadConcept(
            "bad_template", f"There are {len(templates)} templates; give one to {MOST_TEMPLATES}.", [pointer]
        )
    wrong = [i for i, each in enumerate(templates) if PLACEHOLDER not in each or not is_plain_text(each)]
    if wrong:
        raise BadConcept(
            "bad_template",
            f"The template {shown(templates[wrong[0]])} needs {PLACEHOLDER} where the class name goes, "
            "and no control characters.",
            [pointers[i] for i in wrong],
        )
    _refuse_equal_templates(templates, pointers)
    return tuple(sorted(templates))


def _refuse_equal_templates(templates: Sequence[str], pointers: Sequence[str]) -> None:
    """One that is given twice would weigh twice in the mean, which hardly anybody means."""
    seen: dict[str, int] = {}
    for i, template in enumerate(templates):
        first = seen.setdefault(template, i)
        if first != i:
            raise BadConcept(
                "bad_template",
                f"The template {shown(template)} is given twice; leave one out.",
                [pointers[first], pointers[i]],
            )


def _parse_scores(value: object, classes: Sequence[str], pointer: str) -> float | dict[str, float] | None:
    if value is None:
        return None
    if is_number(value):
        return _as_score(value)
    if not isinstance(value, Mapping):
        raise BadValue("bad_score", "Scores are one finite number, or an object of class name to number.", [pointer])
    scores = check_mapping(value, pointer)
    wrong = [name for name, score in scores.items() if not is_number(score)]
    if wrong:
        raise BadValue(
            "bad_score", "A score is a finite number.", (f"{pointer}/{escape_pointer(name)}" for name in wrong)
        )
    _refuse_other_classes(scores, classes, pointer, "bad_score")
    by_class = {name: _as_score(score) for name, score in scores.items() if is_number(score)}
    # One score for every class is one score for the dataset: the same request, whichever way it is written.
    same = set(by_class.values()) if _covers(by_class, classes) else set()
    return same.pop() if len(same) == 1 else by_class


def _as_score(value: float) -> float:
    """Return a score with no minus before zero: equal scores have one form, in digests too."""
    return float(value) + 0.0


def _parse_counts(value: object, classes: Sequence[str], pointer: str) -> dict[str, int] | None:
    if value is None:
        return None
    counts = check_mapping(value, pointer)
    wrong = [name for name, count in counts.items() if not is_integer(count) or not 0 <= count <= LARGEST_INTEGER]
    if wrong:
        raise BadValue(
            "bad_count",
            "A count is an integer from 0 to 2^53 - 1.",
            (f"{pointer}/{escape_pointer(name)}" for name in wrong),
        )
    _refuse_other_classes(counts, classes, pointer, "bad_count")
    return {name: count for name, count in counts.items() if is_integer(count)}


def _parse_queries(value: object, classes: Sequence[str], pointer: str) -> dict[str, Query] | None:
    if value is None:
        return None
    given = check_mapping(value, pointer)
    queries = {name: parse_query(each, f"{pointer}/{escape_pointer(name)}") for name, each in given.items()}
    _refuse_other_classes(queries, classes, pointer, "bad_query")
    # What would be asked anyway need not be said: the same request, whichever way it is written.
    return {name: query for name, query in queries.items() if query != default_query(name)}


def parse_query(value: object, pointer: str) -> Query:
    """Check one spelling or an array of them.

    Raises
    ------
    BadValue
        ``bad_query``.
    """
    spellings = [value] if isinstance(value, str) else value
    if not isinstance(spellings, list | tuple) or not 1 <= len(spellings) <= MOST_SPELLINGS:
        raise BadValue("bad_query", f"A query is a string, or an array of 1 to {MOST_SPELLINGS} strings.", [pointer])
    wrong = [i for i, each in enumerate(spellings) if not _is_spelling(each)]
    if wrong:
        raise BadValue(
            "bad_query",
            "A query is text with a visible character and without control characters.",
            [pointer] if isinstance(value, str) else (f"{pointer}/{i}" for i in wrong),
        )
    return Query.of(" ".join(each.split()) for each in spellings)


def _is_spelling(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and is_plain_text(value)


def _refuse_other_classes(values: Mapping[str, object], classes: Sequence[str], pointer: str, code: str) -> None:
    others = sorted(set(values).difference(classes))
    if others:
        raise BadValue(
            code,
            f"{shown(others[0])} is not among the dataset's classes; remove it or add the class.",
            (f"{pointer}/{escape_pointer(name)}" for name in others),
        )


def _refuse_unused_counts(concepts: Concepts, ordering: Ordering) -> None:
    """Counts from two places contradict each other: silently ignoring one would give a stream nobody asked for."""
    if not isinstance(ordering, Frequency) or ordering.source == IN_REQUEST:
        return
    given = [each for each in concepts.datasets if each.counts is not None]
    if given:
        raise BadParameter(
            "bad_parameter",
            f"Counts are given for {_names(given)} and the source {shown(ordering.source)} is named too; "
            f'leave the counts out, or set the source to "{IN_REQUEST}".',
            ["/ordering/source", *(f"{each.pointer}/counts" for each in given)],
        )


def _refuse_unused_queries(concepts: Concepts, ordering: Ordering) -> None:
    """Queries are for a source: beside counts that the request gives they would be ignored silently."""
    if not isinstance(ordering, Frequency) or ordering.source != IN_REQUEST:
        return
    given = [each for each in concepts.datasets if each.queries is not None]
    if given:
        raise BadParameter(
            "bad_parameter",
            f'Queries are given for {_names(given)}, but the source "{IN_REQUEST}" is not asked anything; '
            "leave the queries out, or name a source of counts.",
            ["/ordering/source", *(f"{each.pointer}/queries" for each in given)],
        )


def _check_split(split: Split, n: int) -> None:
    """Refuse tasks that do not fit n concepts before a job is made; grouped tasks always fit."""
    if isinstance(split, EqualTasks | SizedTasks):
        split.sizes(range(n))


def _completed(each: ClassList) -> ClassList:
    known = find_dataset(each.name)
    if known is None:
        return each
    return replace(
        each,
        year=known.year if each.year is None else each.year,
        templates=each.templates or (known.template,),
        scores=known.zero_shot_score if each.scores is None else each.scores,
    )


def _check_evidence(request: StreamRequest) -> None:
    datasets = request.concepts.datasets
    for need in sorted(request.needs):
        match need:
            case Need.YEARS:
                _require([each for each in datasets if each.year is None], "year")
            case Need.SCORES:
                _require([each for each in datasets if not _covers(each.scores, each.classes)], "scores")
            case Need.EMBEDDINGS:
                _require([each for each in datasets if not each.templates], "template")
            case Need.COUNTS:
                _require_counts(request)


def _require_counts(request: StreamRequest) -> None:
    if isinstance(request.ordering, Frequency) and request.ordering.source == IN_REQUEST:
        datasets = request.concepts.datasets
        _require([each for each in datasets if not _covers(each.counts or {}, each.classes)], "counts")


def _covers(values: float | Mapping[str, object] | None, classes: Sequence[str]) -> bool:
    if isinstance(values, Mapping):
        return all(name in values for name in classes)
    return values is not None


def _require(missing: Sequence[ClassList], field: str) -> None:
    if not missing:
        return
    code, advice = {
        "year": ("missing_years", "give each a year"),
        "template": ("missing_templates", 'give each a template such as "A photo of a {}."'),
        "scores": ("missing_scores", "give each one score, or one for every class"),
        "counts": (
            "missing_counts",
            'give a count for every class, or name a source of counts, such as "infini-gram" or a local index "c4"',
        ),
    }[field]
    # Concepts have no fields of their own to point at: the whole array is what lacks the evidence.
    pointers = dict.fromkeys(
        each.pointer if each.pointer == "/concepts" else f"{each.pointer}/{field}" for each in missing
    )
    if "/concepts" in pointers:
        # Concepts have no place for it: the class lists that they are a short form of have.
        advice = f"post them as datasets, with their classes, and {advice}"
    known = " GET /v1/datasets lists the datasets that bring their own." if field != "counts" else ""
    raise MissingEvidence(code, f"No {field} for {_names(missing)}: {advice}.{known}", list(pointers))


def _names(class_lists: Sequence[ClassList], limit: int = 10) -> str:
    names = ", ".join(each.name for each in class_lists[:limit])
    more = len(class_lists) - limit
    return f"{names} and {more} more" if more > 0 else names


def _score(each: ClassList, class_name: str) -> float:
    if isinstance(each.scores, Mapping):
        return each.scores[class_name]
    if each.scores is None:
        raise ValueError(f"{each.name} has no scores")
    return each.scores


def _dataset_as_json(each: ClassList, needs: frozenset[Need]) -> dict[str, Json]:
    body: dict[str, Json] = {"name": each.name, "classes": each.classes}
    if Need.YEARS in needs:
        body["year"] = each.year
    if Need.EMBEDDINGS in needs:
        # an array of one is the string, so that both ways to write it are one request
        body["template"] = each.templates[0] if len(each.templates) == 1 else each.templates
    if Need.SCORES in needs:
        body["scores"] = each.scores
    if Need.COUNTS in needs and each.counts is not None:
        body["counts"] = each.counts
    if Need.COUNTS in needs and each.queries:
        body["queries"] = {name: query.as_json() for name, query in each.queries.items()}
    return body
