"""Gathering counts: the count of each concept in a source, with one query for all concepts that share it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from concept_orderings.canonical import Json
from concept_orderings.errors import BadParameter, SourceError
from concept_orderings.evidence import Gathered, Provenance, evidence_digest
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.count_warnings import (
    altered_names,
    approximate_counts,
    common_words,
    not_asked,
    shared_names,
    shared_words,
)
from concept_orderings.evidence.counts import NeedsCounts, queries_of
from concept_orderings.progress import Phase, Report
from concept_orderings.queries import Query, default_query
from concept_orderings.readings import Readings, is_unread
from concept_orderings.request import StreamRequest
from concept_orderings.stream_warnings import StreamWarning, WarningCode
from concept_orderings.text import first_of, shown
from store.count_cache import CountCache
from store.sources import SourceFacts, Unit
from worker.evidence.counts import open_source
from worker.evidence.counts.base import CountSource
from worker.evidence.counts.figures import errors_counted
from worker.evidence.counts.through_cache import SourceCounts, count_through_cache
from worker.evidence.gathering import Gathering, about
from worker.watched import watched

_MOST_NAMED = 10


async def gather_counts(gathering: Gathering) -> Gathered:
    """Return the count of each concept in the source that the ordering names; see `count_concepts`.

    Raises
    ------
    SourceError, SettingError, StoreError, BadParameter, Cancelled
        See `open_source` and `count_concepts`; with a pointer to the parameter.
    """
    request, monitor = gathering.request, gathering.monitor
    parameters = parameters_of(request.ordering, NeedsCounts)
    # Before the source is opened, which takes a moment: the files of an index are checked.
    await monitor.enter(Phase.WAITING, 0)
    with about("/ordering/source"), about("/ordering/counted_since", BadParameter):
        opening = open_source(parameters.source, gathering.settings, gathering.stores.objects)
        source = await watched(opening, monitor.report.check)
        try:
            with errors_counted(source, parameters.source):
                return await count_concepts(
                    request,
                    source,
                    gathering.stores.counts,
                    counted_since=parameters.counted_since,
                    report=monitor.report,
                )
        finally:
            await source.aclose()


async def count_concepts(
    request: StreamRequest,
    source: CountSource,
    cache: CountCache | None,
    *,
    counted_since: str = "",
    report: Report,
) -> Gathered:
    """Return the count of each concept, with the query that was counted and where.

    Parameters
    ----------
    request
        The concepts and their queries.
    source
        Where to count; it is not closed here.
    cache
        The cache; with None every query is counted.
    counted_since
        Cached counts older than this time are not used; see `count_through_cache`.
    report
        Called with the queries counted and all queries.

    Returns
    -------
    Gathered
        int64 values, and the columns ``query``, ``unit`` and ``approximate``, each (n,); ``asked`` too, if the source
        reads no word of a name.

    Raises
    ------
    SourceError, BadParameter, Cancelled
        See `count_through_cache`.
    """
    # In threads, since both steps take a moment for 100,000 concepts.
    queries = await asyncio.to_thread(_ConceptQueries.of, request, source)
    try:
        counted = await count_through_cache(source, queries.distinct, cache, counted_since=counted_since, report=report)
        all_counted = partial(report, len(queries.distinct), len(queries.distinct))
        readings = await watched(source.readings(counted.counts), all_counted)
    except SourceError as error:
        raise queries.with_concepts(error) from error
    return await asyncio.to_thread(_gathered, queries, counted, readings)


@dataclass(frozen=True)
class _ConceptQueries:
    """The query of each of n concepts.

    Attributes
    ----------
    request : StreamRequest
    given : sequence of Query
        The queries in the request or by default, (n,).
    sent : sequence of Query
        The same in the form of the source, (n,).
    forms : mapping of str to str
        The form of the source for each given spelling.
    distinct : sequence of Query
        The distinct queries among `sent`.
    """

    request: StreamRequest
    given: Sequence[Query]
    sent: Sequence[Query]
    forms: Mapping[str, str]
    distinct: Sequence[Query]

    @classmethod
    def of(cls, request: StreamRequest, source: CountSource) -> "_ConceptQueries":
        given = queries_of(request.concepts)
        forms = {spelling: source.form(spelling) for query in given for spelling in query.spellings}
        sent = [Query.of(filter(None, (forms[spelling] for spelling in query.spellings))) for query in given]
        return cls(request, given, sent, forms, list(dict.fromkeys(sent)))

    def with_concepts(self, error: SourceError) -> SourceError:
        """Return an error about queries with the names of their concepts, which may be spelled differently."""
        positions = {query: at for at, query in enumerate(error.queries)}
        affected = [
            (positions[query], name)
            for name, query in zip(self.request.concepts.ids, self.sent, strict=True)
            if query in positions
        ]
        if not affected:
            return error
        # In the order of the error's queries, which begins with those that failed first.
        concepts = [name for _, name in sorted(affected)]
        named = first_of([shown(each) for each in concepts], _MOST_NAMED)
        return SourceError(
            error.code,
            f"{error.detail} Concepts without a count: {named}.",
            error.pointers,
            queries=error.queries,
        )


def _gathered(queries: _ConceptQueries, counted: SourceCounts, readings: Readings) -> Gathered:
    values = np.array([counted.counts[query].value for query in queries.sent], dtype=np.int64)
    return Gathered(
        values,
        Provenance(
            source=counted.facts.name,
            digest=evidence_digest(values),
            details=_details(counted),
            warnings=_warnings(queries, counted, readings),
        ),
        _columns(queries.sent, counted, readings),
    )


def _columns(sent: Sequence[Query], counted: SourceCounts, readings: Readings) -> dict[str, Sequence[Json]]:
    # Shown only where it is false.
    asked = [False if is_unread(query, readings) else None for query in sent]
    return {
        "query": [query.as_json() for query in sent],
        "unit": [str(counted.facts.unit)] * len(sent),
        # Shown only where it is true.
        "approximate": [counted.counts[query].approximate or None for query in sent],
        **({"asked": asked} if False in asked else {}),
    }


def _details(counted: SourceCounts) -> dict[str, Json]:
    """Return what the manifest says of the counts besides source and digest; unknown values are left out."""
    facts = counted.facts
    details: dict[str, Json] = {
        "kind": facts.kind,
        "unit": str(facts.unit),
        "corpus": facts.corpus,
        "documents": facts.documents,
        "tokens": facts.tokens,
        "query_form": facts.query_form,
        "fingerprint": facts.fingerprint,
        "index": facts.index,
        "counted": {"first": counted.first, "last": counted.last},
    }
    return {name: value for name, value in details.items() if value is not None}


def _warnings(queries: _ConceptQueries, counted: SourceCounts, readings: Readings) -> tuple[StreamWarning, ...]:
    concepts, sent = queries.request.concepts, queries.sent
    values = {query: count.value for query, count in counted.counts.items()}
    approximate = {query for query, count in counted.counts.items() if count.approximate}
    return (
        *(StreamWarning.of(WarningCode.SOURCE_WARNING, each, count=None) for each in counted.facts.warnings),
        *not_asked(concepts, sent, readings),
        *shared_names(concepts, sent),
        *shared_words(concepts, sent, readings),
        *common_words(values, concepts, sent, **_size(counted.facts)),
        *altered_names(_sent_for(queries)),
        *approximate_counts(approximate, len(values), concepts, sent),
    )


def _size(facts: SourceFacts) -> dict[str, int | None]:
    """Return the size of the corpus in the unit of the counts, which the frequency of a word is measured against."""
    if facts.unit is Unit.DOCUMENTS:
        return {"documents": facts.documents}
    return {"tokens": facts.tokens}


def _sent_for(queries: _ConceptQueries) -> Iterator[tuple[str, str, str]]:
    """Yield each concept with its name, or a spelling that the request gives for it, and the text that was sent."""
    concepts = queries.request.concepts
    for concept, name, query in zip(concepts.ids, concepts.class_names, queries.given, strict=True):
        if query == default_query(name):
            yield concept, name, "".join(queries.forms[spelling] for spelling in query.spellings)
        else:
            yield from ((concept, spelling, queries.forms[spelling]) for spelling in query.spellings)
