"""The interface of sources of counts."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from concept_orderings.queries import Query

REQUEST_ATTEMPTS = 6
"""How often a server is asked one thing that it does not answer in full."""


class Unit(StrEnum):
    """What is counted: documents that contain a query, or its occurrences. The two are never mixed or compared."""

    DOCUMENTS = "documents"
    OCCURRENCES = "occurrences"


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """What the counts of a source mean, and how they can be cited.

    Attributes
    ----------
    name : str
        The name that orderings give as their `source`.
    kind : str
        ``local-index``, ``elasticsearch``, ``infini-gram`` or ``file``.
    unit : Unit
    corpus : str
        The corpus, described for readers: name and filters of an index, description of a file.
    documents : int, optional
        Number of documents in the corpus.
    tokens : int, optional
        Number of tokens in the corpus, where occurrences are counted.
    query_form : str
        How a query is counted, for readers: ``match_phrase with slop 0 in the field text``.
    fingerprint : str
        SHA-256 (hexadecimal) of everything known that decides a count. It is part of the cache's key.
    index : str, optional
        SHA-256 of the contents of a local index; UUIDs of the indices in Elasticsearch, if the server tells them.
    ttl_seconds : float, optional
        Seconds for which a count is valid; None for a corpus that does not change.
    counted_at : str, optional
        Time of all its counts, such as ``2026-01-31T12:00:00Z``; None for a source that counts at each request.
    """

    name: str
    kind: str
    unit: Unit
    corpus: str
    documents: int | None = None
    tokens: int | None = None
    query_form: str
    fingerprint: str
    index: str | None = None
    ttl_seconds: float | None = None
    counted_at: str | None = None


@dataclass(frozen=True)
class Count:
    """The answer of a source to one query; an answer for only a part of the corpus never becomes a count.

    Attributes
    ----------
    value : int
    approximate : bool
        Whether the source itself says that it estimated the number.
    """

    value: int
    approximate: bool = False


class CountSource(Protocol):
    """A place that counts phrases in a corpus."""

    async def facts(self) -> SourceFacts:
        """Return what is counted; may send requests to a server.

        Raises
        ------
        SourceError
            ``source_not_configured``, ``source_damaged``, ``source_refused`` or ``source_unavailable``.
        """
        ...

    def form(self, spelling: str) -> str:
        """Return a spelling in the form that `count` takes, such as cut to the longest query of a server.

        It is empty only if the spelling is. An empty spelling is never counted by a source: its count is 0.
        """
        ...

    def count(self, queries: Sequence[Query]) -> AsyncIterator[dict[Query, Count]]:
        """Count queries whose spellings are in the form of `form` and not empty.

        Parameters
        ----------
        queries : sequence of Query
            Distinct.

        Yields
        ------
        dict of Query to Count
            Counts of some queries, as soon as they are known; each query once. Those before an error are valid.

        Raises
        ------
        SourceError
            ``source_unavailable`` if it does not answer in full, after all retries; ``source_refused`` if it refuses a
            query or this client; ``source_incomplete`` if it has no count for a query; ``source_damaged``. The error
            names queries that are not counted.
        """
        ...

    async def aclose(self) -> None:
        """Close connections and files."""
        ...
