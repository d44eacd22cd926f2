"""What every source of counts offers."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from concept_orderings.queries import Query

REQUEST_ATTEMPTS = 6
"""How often a server is asked one thing that it does not answer in full."""


class Unit(StrEnum):
    """What is counted: the two are never mixed, nor compared."""

    DOCUMENTS = "documents"
    OCCURRENCES = "occurrences"


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """What a source's counts mean, and what they can be cited by.

    Attributes
    ----------
    name : str
        As orderings name it.
    kind : str
        ``local-index``, ``elasticsearch``, ``infini-gram`` or ``file``.
    unit : Unit
    corpus : str
        What is counted in, for a reader: an index's name and filters, a file's description.
    documents : int, optional
        How many documents the corpus has.
    tokens : int, optional
        How many tokens the corpus has, where occurrences are counted.
    query_form : str
        How a query is asked, for a reader: ``match_phrase with slop 0 in the field text``.
    fingerprint : str
        SHA-256 (hexadecimal) of all that decides a count, as far as it can be known: the key of the cache.
    index : str, optional
        SHA-256 of what a local index holds; UUIDs of indices in Elasticsearch, if it tells them.
    ttl_seconds : float, optional
        How long a count holds; None for a corpus that does not change.
    counted_at : str, optional
        When all its counts were made, such as ``2026-01-31T12:00:00Z``; None if that is when they are asked for.
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
    """A whole answer; a partial one is never a count.

    Attributes
    ----------
    value : int
    approximate : bool
        Whether the source says of itself that it estimated.
    """

    value: int
    approximate: bool = False


class CountSource(Protocol):
    """A place that counts phrases in a corpus."""

    async def facts(self) -> SourceFacts:
        """Say what is counted; may ask the source.

        Raises
        ------
        SourceError
            ``source_not_configured``, ``source_damaged``, ``source_refused`` or ``source_unavailable``.
        """
        ...

    def form(self, spelling: str) -> str:
        """Return a spelling as this source can be asked for it, such as cut to its longest query.

        Empty only if the spelling is; such a spelling is never asked, and is nowhere.
        """
        ...

    def count(self, queries: Sequence[Query]) -> AsyncIterator[dict[Query, Count]]:
        """Count queries, whose spellings are in `form` and not empty.

        Parameters
        ----------
        queries : sequence of Query
            Distinct.

        Yields
        ------
        dict of Query to Count
            Some of them, as soon as they are counted; each query once. What was yielded before an error is true.

        Raises
        ------
        SourceError
            ``source_unavailable`` if it does not answer in full, tried again or not, naming queries that are not
            counted; ``source_refused`` if it will not answer a query, or this client; ``source_incomplete`` if it
            does not know a query; ``source_damaged``.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections and files."""
        ...
