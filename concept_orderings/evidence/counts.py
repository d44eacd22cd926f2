"""Counts: how often each class name occurs in the pretraining corpus, from the request or from a source of counts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from concept_orderings.apostrophes import has_apostrophe
from concept_orderings.canonical import LARGEST_INTEGER, Json
from concept_orderings.checks import escape_pointer, is_integer
from concept_orderings.concepts import ClassList, Concepts
from concept_orderings.errors import BadParameter, BadValue
from concept_orderings.evidence.base import (
    EvidenceField,
    Gathered,
    Kind,
    Need,
    NeedsEvidence,
    check_same,
    covers,
    find_other_classes,
    first_names,
    require,
)
from concept_orderings.evidence.class_synonyms import SYNONYMS, names_of
from concept_orderings.evidence.count_warnings import shared_names
from concept_orderings.evidence.counted_since import (
    NO_SUCH_TIME,
    TIME_PATTERN,
    check_is_past,
    parse_time,
    refreshed_since,
)
from concept_orderings.evidence.ranks import RANKS, check_ranked, ranks_as_evidence
from concept_orderings.evidence.ties import tie_groups
from concept_orderings.parameters import POINTER, Contradiction, parameter, refused
from concept_orderings.queries import (
    MOST_SPELLINGS,
    Query,
    QueryForm,
    default_query,
    is_query_written,
    is_sent_unaltered,
    query_for,
)
from concept_orderings.shapes import ByClass, Either, Integer, Items, Refusal, Text
from concept_orderings.stream_warnings import StreamWarning
from concept_orderings.text import FORBIDDEN, VISIBLE, in_sentence, shown
from concept_orderings.url_names import URL_NAME

IN_REQUEST = "request"
"""The name of the source for counts that the request itself contains."""

BUILT_IN = "infini-gram"
"""The name of the source that workers have without a configuration of sources."""

AT_HAND = (IN_REQUEST, RANKS)
"""The sources that are not asked: no worker has them, and they take no queries."""

RESERVED = {
    IN_REQUEST: "the counts in a request",
    BUILT_IN: "the source that workers have by default",
    RANKS: "the benchmark's own ranks",
}
"""What no source of that name can be added for, by name."""

_A_QUERY = Refusal(BadValue, "bad_query", f"A query is a string, or an array of 1 to {MOST_SPELLINGS} strings.")
_A_SPELLING = Refusal(BadValue, "bad_query", "A query is text with a visible character and without control characters.")
_SPELLING = Text(_A_SPELLING, (VISIBLE,), without=(FORBIDDEN,), type_refusal=_A_SPELLING)

QUERY = Either(
    (_SPELLING, Items(_SPELLING, length_refusal=_A_QUERY, type_refusal=_A_QUERY, most=MOST_SPELLINGS)),
    type_refusal=_A_QUERY,
)
"""The shape of a query in a request: one spelling, or an array of several."""


def query_of(value: str | Sequence[str]) -> Query:
    """Return the query of a JSON value of the shape `QUERY`."""
    spellings = [value] if isinstance(value, str) else value
    return Query.of(" ".join(each.split()) for each in spellings)


def _parse_counts(value: Mapping[str, int], classes: Sequence[str]) -> dict[str, int]:
    del classes
    return dict(value)


def _parse_queries(value: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Query]:
    del classes
    return {name: query_of(each) for name, each in value.items()}


def _read_counts(value: object) -> dict[str, int]:
    if not (isinstance(value, dict) and all(map(is_integer, value.values()))):
        raise TypeError("counts are an object of integers")
    return value


def _read_queries(value: object) -> dict[str, Query]:
    if not isinstance(value, dict):
        raise TypeError("queries are an object")
    return {name: _read_query(each) for name, each in value.items()}


def _read_query(value: object) -> Query:
    spellings = [value] if isinstance(value, str) else value
    if not (isinstance(spellings, list) and all(isinstance(each, str) for each in spellings)):
        raise TypeError("a query is a string, or an array of strings")
    return Query(tuple(spellings))


COUNTS = EvidenceField[dict[str, int]](
    "counts",
    ByClass(
        Integer(Refusal(BadValue, "bad_count", "A count is an integer from 0 to 2^53 - 1."), 0, LARGEST_INTEGER),
    ),
    "How often each class name occurs in the pretraining corpus.",
    ({"bear": 91042, "otter": 388},),
    parse=_parse_counts,
    read=_read_counts,
    find_others=partial(find_other_classes, code="bad_count"),
)

QUERIES = EvidenceField[dict[str, Query]](
    "queries",
    ByClass(QUERY),
    "The query to the source of counts for a class, if it is not the name in the form `query_form`, or any of the "
    "class's names. For several spellings the source counts documents with any of them, or adds up occurrences.",
    ({"crane": "crane bird", "grey wolf": ["grey wolf", "gray wolf"]},),
    parse=_parse_queries,
    read=_read_queries,
    find_others=partial(find_other_classes, code="bad_query"),
)


@dataclass(frozen=True, kw_only=True)
class NeedsCounts(NeedsEvidence):
    """Base class of orderings that need counts, with the parameters of their source and their age."""

    need: ClassVar[Need] = Need.COUNTS
    times: ClassVar[frozenset[str]] = frozenset({"counted_since", "refresh"})

    source: str = parameter(
        IN_REQUEST,
        'The source of the counts: "request" for those given with the classes, or the name of a source: an index of '
        f"Elasticsearch or infini-gram, a counts file, a local index of C4 shards, or {RANKS} for the ranks by which "
        "the FoMo-in-Flux benchmark ordered its concepts.",
        pattern=URL_NAME.pattern,
    )
    counted_since: str = parameter(
        "",
        "Cached counts from before this time are not used: UTC, as 2026-01-31T12:00:00Z; empty for no limit.",
        pattern=f"|{TIME_PATTERN}",
    )
    refresh: bool = parameter(
        False,
        "Counts again: the service sets counted_since to the time of the request, which makes a new version.",
        absent=False,
    )
    query_form: str = parameter(
        str(QueryForm.WORDS),
        "How a class name is asked for: words, as running text has it, with underscores and slashes as spaces and both "
        "spellings of an apostrophe; or verbatim, as it is. The service writes queries into the request where they "
        "are not what a request without this parameter means.",
        choices=tuple(map(str, QueryForm)),
        absent=str(QueryForm.WORDS),
    )

    def contradictions(self, concepts: Concepts | None) -> Iterator[Contradiction]:
        """See `Parameters.contradictions`."""
        given = {"counted_since": self.counted_since != "", "refresh": self.refresh}
        for name in (each for each in given if given[each] and self.source in AT_HAND):
            detail = f'The source "{self.source}" counts nothing again; leave {name} out, or name a source of counts.'
            yield Contradiction(("source", name), refused(detail, name))
        if self.query_form != QueryForm.WORDS and self.source in AT_HAND:
            detail = f'The source "{self.source}" takes no queries; leave query_form out, or name a source of counts.'
            yield Contradiction(("source", "query_form"), refused(detail, "query_form"))
        if all(given.values()):
            detail = "A refresh sets counted_since itself; leave one of the two out."
            yield Contradiction.between(detail, "refresh", "counted_since")
        if self.counted_since and parse_time(self.counted_since) is None:
            yield Contradiction.between(NO_SUCH_TIME, "counted_since")
        yield from super().contradictions(concepts)

    def canonical_for(self, concepts: Concepts, listed: Callable[[], Sequence[str]]) -> Self:
        """See `Parameters.canonical_for`: the queries stand in the class lists (`Counts.written_out`)."""
        return replace(super().canonical_for(concepts, listed), query_form=str(QueryForm.WORDS))

    def as_of(self, now: datetime) -> Self:
        """Return the equivalent ordering in which `refresh` is replaced by the time `now` as `counted_since`.

        Raises
        ------
        BadParameter
            If `counted_since` lies in the future.
        """
        others = super().as_of(now)
        if self.refresh:
            return replace(others, refresh=False, counted_since=refreshed_since(now))
        check_is_past(self.counted_since, now, f"{POINTER}/counted_since")
        return others


class Counts(Kind[NeedsCounts]):
    """A count for each class, from the request or from a source of counts."""

    need = Need.COUNTS
    published_as, value_name, value_type = "counts", "count", "int64"
    fields = (COUNTS, QUERIES)
    shown_as = "count"
    reads = frozenset({"source"})

    def check_given(self, concepts: Concepts, parameters: NeedsCounts) -> None:
        """See `Kind.check_given`: counts need the source "request", queries one that can be asked."""
        if parameters.source in AT_HAND:
            _refuse_queries([each for each in concepts.datasets if QUERIES.is_given(each)], parameters.source)
        else:
            _refuse_long_queries(concepts, QueryForm(parameters.query_form))
        if parameters.source != IN_REQUEST:
            _refuse_counts([each for each in concepts.datasets if COUNTS.is_given(each)], parameters.source)

    def check_complete(self, concepts: Concepts, parameters: NeedsCounts) -> None:
        """See `Kind.check_complete`."""
        if parameters.source == RANKS:
            check_ranked(concepts)
        if parameters.source != IN_REQUEST:
            return
        require(
            [each for each in concepts.datasets if not covers(COUNTS.of(each) or {}, each.classes)],
            COUNTS.name,
            code="missing_counts",
            advice="give a count for every class, or name a source of counts, "
            'such as "infini-gram" or a local index "c4".',
        )

    def written_out(self, concepts: Concepts, parameters: NeedsCounts) -> Concepts:
        """See `Kind.written_out`: with the queries that `is_query_written` says, unless no source is asked."""
        if parameters.source in AT_HAND:
            return concepts
        form = QueryForm(parameters.query_form)
        return Concepts(tuple(_with_queries(each, form) for each in concepts.datasets))

    def as_json(self, each: ClassList, parameters: NeedsCounts) -> dict[str, Json]:
        """See `Kind.as_json`."""
        del parameters
        body: dict[str, Json] = {}
        if (counts := COUNTS.of(each)) is not None:
            body[COUNTS.name] = counts
        if queries := QUERIES.of(each):
            body[QUERIES.name] = {name: query.as_json() for name, query in queries.items()}
        return body

    def is_outside(self, parameters: NeedsCounts) -> bool:
        """See `Kind.is_outside`."""
        return parameters.source not in AT_HAND

    def check_origin(self, parameters: NeedsCounts, source: str, facts: Mapping[str, Json]) -> None:
        """See `Kind.check_origin`: the source."""
        del facts
        check_same("source", parameters.source, source)

    def foreseen_warnings(self, concepts: Concepts) -> tuple[StreamWarning, ...]:
        """See `Kind.foreseen_warnings`: of names that share a query, unless a source may alter some of them."""
        queries = queries_of(concepts)
        unaltered = all(is_sent_unaltered(spelling) for query in queries for spelling in query.spellings)
        return shared_names(concepts, queries) if unaltered else ()

    def at_hand(self, concepts: Concepts, parameters: NeedsCounts) -> Gathered:
        """See `Kind.at_hand`."""
        if parameters.source == RANKS:
            return ranks_as_evidence(concepts)
        return Gathered.of(counts_of(concepts), IN_REQUEST)

    def shown(self, found: Gathered) -> dict[str, Sequence[Json]]:
        """See `Kind.shown`."""
        ties = tie_groups(np.asarray(found.values, dtype=np.int64)).tolist()
        return {**super().shown(found), "tie_group": ties}


def counts_of(concepts: Concepts) -> NDArray[np.int64]:
    """Return the count of each concept in the request, (n,) int64."""
    given = [(COUNTS.of(each), each.classes) for each in concepts.datasets]
    return np.array([counts[name] for counts, classes in given if counts for name in classes], np.int64)


def queries_of(concepts: Concepts) -> list[Query]:
    """Return the query to a source of counts for each concept, (n,)."""
    given = [(QUERIES.of(each) or {}, each.classes) for each in concepts.datasets]
    return [queries.get(name) or default_query(name) for queries, classes in given for name in classes]


def _with_queries(each: ClassList, form: QueryForm) -> ClassList:
    given, synonyms = QUERIES.of(each) or {}, SYNONYMS.of(each) or {}
    names: Iterable[str] = each.classes
    if form is QueryForm.WORDS:
        # The others have the default query: no `Query` is made for a million names to find that out.
        several = given.keys() | synonyms.keys()
        names = (name for name in names if has_apostrophe(name) or name in several)
    queries = ((name, given.get(name) or query_of_class(each, name, form)) for name in names)
    written = {name: query for name, query in queries if is_query_written(name, query)}
    return replace(each, given={**each.given, QUERIES.name: written})


def query_of_class(each: ClassList, name: str, form: QueryForm) -> Query:
    """Return the query that a client's body means for a class for which it gives none: any of the class's names."""
    return Query.of(spelling for each_name in names_of(each, name) for spelling in query_for(each_name, form).spellings)


def _refuse_counts(given: Sequence[ClassList], source: str) -> None:
    """Refuse counts in the request if another source is named, because one of the two would be ignored."""
    if given:
        raise BadParameter(
            "bad_parameter",
            f"Counts are given for {first_names(given)} and the source {shown(source)} is named too; "
            f'leave the counts out, or set the source to "{IN_REQUEST}".',
            [f"{POINTER}/source", *(f"{each.pointer}/counts" for each in given)],
        )


def _refuse_queries(given: Sequence[ClassList], source: str) -> None:
    """Refuse queries for a source that is not asked, because they would be ignored."""
    if given:
        raise BadParameter(
            "bad_parameter",
            f'Queries are given for {first_names(given)}, but the source "{source}" takes no queries; '
            "leave the queries out, or name a source of counts.",
            [f"{POINTER}/source", *(f"{each.pointer}/queries" for each in given)],
        )


def _refuse_long_queries(concepts: Concepts, form: QueryForm) -> None:
    """Refuse classes whose names have more spellings than a query may have."""
    long = [
        (each, name, number)
        for each in concepts.datasets
        for name in SYNONYMS.of(each) or {}
        if name not in (QUERIES.of(each) or {})
        and (number := len(query_of_class(each, name, form).spellings)) > MOST_SPELLINGS
    ]
    if long:
        each, name, number = long[0]
        raise BadValue(
            "bad_query",
            f"The names of the class {shown(name)} of {in_sentence(each.name)} have {number} spellings, and a query "
            f"has at most {MOST_SPELLINGS}: give fewer synonyms, or the query of the class in queries.",
            (f"{each.pointer}/{QUERIES.name}/{escape_pointer(name)}" for each, name, _ in long),
        )
