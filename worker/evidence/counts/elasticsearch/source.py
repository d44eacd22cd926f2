"""An index in Elasticsearch as a source of counts."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from functools import partial

from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.errors import SourceError
from concept_orderings.queries import Query
from concept_orderings.readings import Reading, Readings
from concept_orderings.text import shown
from store.sources import SourceFacts, Unit
from worker.evidence.counts.base import Count
from worker.evidence.counts.elasticsearch.answers import NotCounted
from worker.evidence.counts.elasticsearch.batches import Batches
from worker.evidence.counts.elasticsearch.patience import Patience
from worker.evidence.counts.elasticsearch.searches import Searches
from worker.evidence.counts.elasticsearch.server import Server
from worker.evidence.counts.spellings import distinct_spellings, sendable

KIND = "elasticsearch"

FACTS_IN_FLIGHT = 3
"""Requests at once for the facts of the corpus, besides those that count."""

# Part of the fingerprint. Raise it when the same query is searched, or its answer read, in another way.
_FORMAT = 1
_EXAMPLES = 10
_READ_AT_ONCE = 1000
# Of several reasons, the error has the first of these: those that no retry cures come first.
_GRAVEST_FIRST = ("source_not_configured", "source_refused", "source_unavailable")


class ElasticsearchSource:
    """An index in Elasticsearch as a source of counts: numbers of documents, from complete answers only.

    Parameters
    ----------
    name : str
        The name that orderings give as their source.
    server : Server
    searches : Searches
    names_per_request, in_flight : int
        Queries in a request, and requests at once.
    ttl_seconds : float, optional
        Seconds for which a count is valid.
    patience : Patience
        When a request is repeated.
    """

    def __init__(
        self,
        name: str,
        server: Server,
        searches: Searches,
        *,
        names_per_request: int,
        in_flight: int,
        patience: Patience,
        ttl_seconds: float | None = None,
    ) -> None:
        self._name = name
        self._server = server
        self._searches = searches
        self._names_per_request = names_per_request
        self._in_flight = in_flight
        self._ttl_seconds = ttl_seconds
        self._patience = patience

    async def facts(self) -> SourceFacts:
        """Return what is counted, as the server has it now.

        The fingerprint covers the number of documents, so that it changes when an index grows. It does not change when
        documents are replaced by the same number of others.

        Raises
        ------
        SourceError
            ``source_not_configured`` if no document passes the filters, if the text field is missing or not of a text
            type, or if a filter is by a field of a text type; ``source_refused`` if the server does not let this
            client search; ``source_unavailable`` if it does not answer in full.
        """
        documents, types, uuids = await asyncio.gather(
            self._patience.ask(self._count_documents),
            self._patience.ask(lambda: self._server.field_types([self._searches.text_field, *self._searches.filters])),
            self._patience.ask(self._server.identities),
        )
        total = self._total(documents)
        self._check_fields(types)
        return SourceFacts(
            name=self._name,
            kind=KIND,
            unit=Unit.DOCUMENTS,
            corpus=self._searches.corpus,
            documents=total,
            query_form=self._searches.form,
            fingerprint=self._fingerprint(total, uuids),
            index=None if isinstance(uuids, NotCounted) else ", ".join(uuids) or None,
            ttl_seconds=self._ttl_seconds,
        )

    def form(self, spelling: str) -> str:
        """See `CountSource.form`; cut between words if it is far longer than a name."""
        return sendable(spelling)

    async def count(self, queries: Sequence[Query]) -> AsyncGenerator[dict[Query, Count], None]:
        """Count the documents that contain any of a query's spellings.

        Parameters
        ----------
        queries
            Distinct, with spellings in the form of `form`. The count of a query without spellings is 0.

        Yields
        ------
        dict of Query to Count
            The counts of one response, as soon as it arrives.

        Raises
        ------
        SourceError
            ``source_unavailable`` if the server does not answer in full, after all retries; ``source_refused`` if it
            refuses a query or this client; ``source_not_configured`` if it has no such index. The error names the
            queries without a count. All other queries are counted first, unless a whole request gave no count.
        """
        sent = [query for query in queries if any(query.spellings)]
        if len(sent) < len(queries):
            yield {query: Count(0) for query in queries if not any(query.spellings)}
        batches = Batches(
            sent, self._search, size=self._names_per_request, in_flight=self._in_flight, patience=self._patience
        )
        missing = dict.fromkeys(sent)
        arriving = batches.counts()
        try:
            async for counts in arriving:
                for query in counts:
                    del missing[query]
                yield counts
        finally:
            await arriving.aclose()
        if missing:
            raise self._not_counted(batches.failures, list(missing), len(sent))

    async def readings(self, counts: Mapping[Query, Count]) -> Readings:
        """See `CountSource.readings`: as the index's own analyser reads the spellings.

        Of several indices, and of one with another analyser for searches, only the spellings without a word are known.

        Raises
        ------
        SourceError
            ``source_unavailable`` if the server does not answer in full, after all retries.
        """
        spellings = distinct_spellings(counts)
        if not spellings:
            return {}
        words = await self._words(spellings)
        if words is None:
            absent = [query for query, count in counts.items() if count.value == 0]
            return await self._unread(distinct_spellings(absent))
        return {each: self._searches.reading(found) for each, found in zip(spellings, words, strict=True)}

    async def aclose(self) -> None:
        """Close the connections."""
        await self._server.aclose()

    async def _words(self, spellings: Sequence[str]) -> list[dict[int, str]] | None:
        """Return the words of each spelling by their positions, or None if the server does not tell."""
        field = self._searches.text_field
        # A field in a field may hold the text of the outer one, and nothing tells how a text for it is to be sent.
        if "." in field or await self._patience.ask(lambda: self._server.searches_as_it_indexes(field)) is False:
            return None
        words: list[dict[int, str]] = []
        for at in range(0, len(spellings), _READ_AT_ONCE):
            found = await self._patience.ask(partial(self._server.words, field, spellings[at : at + _READ_AT_ONCE]))
            if isinstance(found, NotCounted):
                if found.may_pass:
                    raise self._error(found, f"does not say which words it reads in names by the field {field}")
                return None
            words += found
        return words

    async def _unread(self, spellings: Sequence[str]) -> Readings:
        """Return the readings of the spellings that have no word, of some that are in no document."""
        asked = Batches(
            [Query.of([each]) for each in spellings],
            self._search_unread,
            size=self._names_per_request,
            in_flight=self._in_flight,
            patience=self._patience,
        )
        unread: dict[str, Reading] = {}
        arriving = asked.counts()
        try:
            async for counts in arriving:
                unread |= {query.spellings[0]: () for query, count in counts.items() if count.value}
        finally:
            await arriving.aclose()
        return unread

    async def _search_unread(self, queries: Sequence[Query]) -> Sequence[int | NotCounted]:
        return await self._server.search([self._searches.of_unread(query.spellings[0]) for query in queries])

    async def _search(self, queries: Sequence[Query]) -> Sequence[int | NotCounted]:
        return await self._server.search([self._searches.of(query) for query in queries])

    async def _count_documents(self) -> int | NotCounted:
        return (await self._server.search([self._searches.of_all()]))[0]

    def _total(self, documents: int | NotCounted) -> int:
        """Return the number of documents; refuse a corpus without documents, or one that cannot be counted."""
        if isinstance(documents, NotCounted):
            raise self._error(documents, f"does not count the documents of {self._searches.corpus}")
        if documents == 0:
            raise SourceError(
                "source_not_configured",
                f"The source {self._name!r} has no documents: {self._searches.corpus} has none. Correct the index or "
                "the filters in the file of sources.",
            )
        return documents

    def _check_fields(self, types: Mapping[str, set[str]] | NotCounted) -> None:
        """Refuse a text field of another type, and a filter by a text field; accept both if the types are secret."""
        field = self._searches.text_field
        if isinstance(types, NotCounted):
            if types.may_pass:
                raise self._error(types, f"does not tell the type of the field {field}")
            return
        kinds = types[field]
        if not kinds or not all(map(_has_words, kinds)):
            found = f"is of type {', '.join(sorted(kinds))}, not text" if kinds else "does not exist"
            raise SourceError(
                "source_not_configured",
                f"The source {self._name!r} cannot be searched: the field {field} of {self._searches.index} {found}. "
                "Correct its text_field in the file of sources.",
            )
        for each in self._searches.filters:
            if any(map(_has_words, types[each])):
                raise SourceError(
                    "source_not_configured",
                    f"The source {self._name!r} cannot be searched: its filter by {each} would match single words of "
                    f"{self._searches.index}. Name a field of type keyword in its filters, such as {each}.keyword.",
                )

    def _fingerprint(self, documents: int, uuids: list[str] | NotCounted) -> str:
        """Return the digest of everything that decides a count; without UUIDs, the address identifies the index."""
        if isinstance(uuids, NotCounted) and uuids.may_pass:
            raise self._error(uuids, f"does not tell the UUID of {self._searches.index}")
        identity = uuids if not isinstance(uuids, NotCounted) and uuids else [self._server.place]
        searches = self._searches
        return sha256_hex(
            canonical_json(
                {
                    "kind": KIND,
                    "format": _FORMAT,
                    "index": searches.index,
                    "identity": identity,
                    "text_field": searches.text_field,
                    "filters": dict(searches.filters),
                    "match": searches.match,
                    "documents": documents,
                }
            )
        )

    def _not_counted(self, failures: Mapping[Query, NotCounted], missing: Sequence[Query], of: int) -> SourceError:
        """Return the error for queries without a count; it names first those that failed."""
        why = min(failures.values(), key=lambda each: _GRAVEST_FIRST.index(each.code))
        failed = [query for query in failures if failures[query].code == why.code]
        named = dict.fromkeys([*failed, *missing])
        examples = ", ".join(shown(" or ".join(query.spellings)) for query in list(named)[:_EXAMPLES])
        what = f"does not count {len(missing)} of {of} queries in {self._searches.corpus}, such as {examples}"
        return self._error(why, what, named)

    def _error(self, why: NotCounted, what: str, queries: Iterable[Query] = ()) -> SourceError:
        detail = f"The source {self._name!r} {what}: {why.reason}. {_NEXT[why.code]}"
        return SourceError(why.code, detail, queries=queries)


_NEXT = {
    "source_unavailable": "Try again later; the counts so far are kept.",
    "source_refused": "Correct the query, or the key or user in the file of sources.",
    "source_not_configured": "Correct the url and the index in the file of sources.",
}


def _has_words(field_type: str) -> bool:
    return "text" in field_type or field_type == "search_as_you_type"
