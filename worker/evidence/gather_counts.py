"""The count of each concept: its query in the form that the source takes, counted once however many ask it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from concept_orderings.canonical import Json
from concept_orderings.errors import BadParameter, SourceError
from concept_orderings.evidence import Gathered, Provenance, evidence_digest
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.count_warnings import altered_names, approximate_counts, common_words, shared_names
from concept_orderings.evidence.counts import NeedsCounts, queries_of
from concept_orderings.progress import Report
from concept_orderings.queries import Query, default_query
from concept_orderings.request import StreamRequest
from concept_orderings.text import first_of, shown
from store.count_cache import CountCache
from store.runs import Phase
from worker.evidence.counts import open_source
from worker.evidence.counts.base import CountSource, SourceFacts, Unit
from worker.evidence.counts.through_cache import SourceCounts, count_through_cache
from worker.evidence.gathering import Gathering, about
from worker.watched import watched

_CONCEPTS_NAMED = 10


async def gather_counts(gathering: Gathering) -> Gathered:
    """Return the count of each concept in the source that the ordering names; see `count_concepts`.

    Raises
    ------
    SourceError, SettingError, StoreError, BadParameter, Cancelled
        As `open_source` and `count_concepts` raise them, with a pointer to the parameter.
    """
    request, monitor = gathering.request, gathering.monitor
    parameters = parameters_of(request.ordering, NeedsCounts)
    # Before the source is opened: an index's files are looked at, which takes a moment.
    total = len(request.concepts)
    await monitor.enter(Phase.COUNTING, total)
    with about("/ordering/source"), about("/ordering/counted_since", BadParameter):
        opening = open_source(parameters.source, gathering.settings, gathering.stores.objects)
        source = await watched(opening, lambda: monitor.report(0, total))
        try:
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
    """Return the count of each concept, with what was asked for it and where.

    Parameters
    ----------
    request
        Its concepts and their queries.
    source
        Where to count; it is not closed here.
    cache
        Where counts are kept; None counts everything.
    counted_since
        Counts of before this time are not used; see `count_through_cache`.
    report
        Called with queries counted and queries in all.

    Returns
    -------
    Gathered
        int64 values, and the columns ``query``, ``unit`` and ``approximate``, each (n,).

    Raises
    ------
    SourceError, BadParameter, Cancelled
        As `count_through_cache` raises them.
    """
    # What takes a moment for some hundred thousand concepts is not done on the event loop.
    asking = await asyncio.to_thread(_Asking.of, request, source)
    try:
        counted = await count_through_cache(source, asking.distinct, cache, counted_since=counted_since, report=report)
    except SourceError as error:
        raise asking.with_concepts(error) from error
    return await asyncio.to_thread(_gathered, asking, counted)


@dataclass(frozen=True)
class _Asking:
    """What is asked for each concept.

    Attributes
    ----------
    request : StreamRequest
    asked : sequence of Query
        As the request has it, (n,).
    sent : sequence of Query
        As the source takes it, (n,).
    forms : mapping of str to str
        Each spelling as the source takes it.
    distinct : sequence of Query
        What is sent, each once.
    """

    request: StreamRequest
    asked: Sequence[Query]
    sent: Sequence[Query]
    forms: Mapping[str, str]
    distinct: Sequence[Query]

    @classmethod
    def of(cls, request: StreamRequest, source: CountSource) -> "_Asking":
        asked = queries_of(request.concepts)
        forms = {spelling: source.form(spelling) for query in asked for spelling in query.spellings}
        sent = [Query.of(filter(None, (forms[spelling] for spelling in query.spellings))) for query in asked]
        return cls(request, asked, sent, forms, list(dict.fromkeys(sent)))

    def with_concepts(self, error: SourceError) -> SourceError:
        """Return an error of queries with the concepts that ask them: a query may be written otherwise."""
        places = {query: at for at, query in enumerate(error.queries)}
        wrong = [
            (places[query], name)
            for name, query in zip(self.request.concepts.ids, self.sent, strict=True)
            if query in places
        ]
        if not wrong:
            return error
        # As the error names their queries: those first that are to blame for the others.
        concepts = [name for _, name in sorted(wrong)]
        named = first_of([shown(each) for each in concepts], _CONCEPTS_NAMED)
        return SourceError(
            error.code,
            f"{error.detail} Concepts without a count: {named}.",
            error.pointers,
            queries=error.queries,
        )


def _gathered(asking: _Asking, counted: SourceCounts) -> Gathered:
    values = np.array([counted.counts[query].value for query in asking.sent], dtype=np.int64)
    return Gathered(
        values,
        Provenance(
            source=counted.facts.name,
            digest=evidence_digest(values),
            details=_details(counted),
            warnings=_warnings(asking, counted),
        ),
        _columns(asking.sent, counted),
    )


def _columns(sent: Sequence[Query], counted: SourceCounts) -> dict[str, Sequence[Json]]:
    return {
        "query": [query.as_json() for query in sent],
        "unit": [str(counted.facts.unit)] * len(sent),
        # Only shown where it is so.
        "approximate": [counted.counts[query].approximate or None for query in sent],
    }


def _details(counted: SourceCounts) -> dict[str, Json]:
    """Return what the manifest says of the counts besides source and digest; a size that is not known is left out."""
    facts = counted.facts
    said: dict[str, Json] = {
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
    return {name: value for name, value in said.items() if value is not None}


def _warnings(asking: _Asking, counted: SourceCounts) -> tuple[str, ...]:
    values = {query: count.value for query, count in counted.counts.items()}
    approximate = sum(count.approximate for count in counted.counts.values())
    return (
        *shared_names(asking.request.concepts, asking.sent),
        *common_words(values, **_size(counted.facts)),
        *altered_names(_sent_for(asking)),
        *approximate_counts(approximate, len(values)),
    )


def _size(facts: SourceFacts) -> dict[str, int | None]:
    """Return the size of the corpus in what is counted: documents say nothing of how frequent an occurrence is."""
    if facts.unit is Unit.DOCUMENTS:
        return {"documents": facts.documents}
    return {"tokens": facts.tokens}


def _sent_for(asking: _Asking) -> set[tuple[str, str]]:
    """Return each name, or spelling that the request gives instead of it, with what was sent for it."""
    sent: set[tuple[str, str]] = set()
    for name, query in zip(asking.request.concepts.class_names, asking.asked, strict=True):
        if query == default_query(name):
            sent.add((name, "".join(asking.forms[spelling] for spelling in query.spellings)))
        else:
            sent.update((spelling, asking.forms[spelling]) for spelling in query.spellings)
    return sent
