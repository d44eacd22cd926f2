"""The interface of sources of counts."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from concept_orderings.queries import Query
from concept_orderings.readings import Readings
from store.sources import SourceFacts

REQUEST_ATTEMPTS = 6
"""How often a server is asked one thing that it does not answer in full."""


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

        A spelling of which `is_sent_unaltered` is true is returned as it is: warnings are foreseen by that. The form is
        empty only if the spelling is. An empty spelling is never counted by a source: its count is 0.
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

    async def readings(self, counts: Mapping[Query, Count]) -> Readings:
        """Return the words that the source reads in the spellings of counted queries, as far as it tells.

        Parameters
        ----------
        counts
            Queries with their counts. A source may leave out readings of those that were found: they have words.

        Raises
        ------
        SourceError
            ``source_unavailable`` if it does not answer in full, after all retries.
        """
        ...

    async def aclose(self) -> None:
        """Close connections and files."""
        ...
