"""The searches that are sent to Elasticsearch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from concept_orderings.queries import Query
from concept_orderings.readings import Reading

Match = Literal["phrase", "all-words"]
FilterValue = str | bool | int | float | list[str] | list[int]


@dataclass(frozen=True)
class Searches:
    """Writes the searches for documents of an index.

    Attributes
    ----------
    index : str
        A name, an alias, or several names with commas or wildcards.
    text_field : str
        The field that is searched, with the analyser that the index has for it.
    filters : mapping of str to value or list of values
        Fields and their required value, or values of which they must have one; other documents do not count.
    match : str
        ``phrase``: all words next to each other in this order. ``all-words``: all words, anywhere in the text.
    """

    index: str
    text_field: str
    filters: Mapping[str, FilterValue]
    match: Match

    def of(self, query: Query) -> dict[str, Any]:
        """Return the search for documents with any of a query's spellings."""
        clauses = [self._clause(spelling) for spelling in query.spellings]
        if len(clauses) == 1:
            return _counting([*clauses, *self._terms])
        return _counting([{"bool": {"should": clauses, "minimum_should_match": 1}}, *self._terms])

    def of_unread(self, spelling: str) -> dict[str, Any]:
        """Return the search that finds all documents if no word is read in a spelling, and else those with it."""
        return _counting([self._clause(spelling, zero_terms_query="all"), *self._terms])

    def reading(self, words: Mapping[int, str]) -> Reading:
        """Return what is looked for, of words by their positions in a spelling.

        A phrase keeps the gaps of words that the analyser leaves out; other words may stand anywhere.
        """
        if self.match != "phrase":
            return tuple(sorted(set(words.values())))
        return tuple(words.get(at, "") for at in range(min(words), max(words) + 1)) if words else ()

    def of_all(self) -> dict[str, Any]:
        """Return the search for all documents."""
        return _counting(self._terms or [{"match_all": {}}])

    @property
    def corpus(self) -> str:
        """The index and its filters, in words; published in manifests."""
        filters = ", ".join(f"{field} = {_shown(value)}" for field, value in sorted(self.filters.items()))
        return f"{self.index} where {filters}" if filters else self.index

    @property
    def form(self) -> str:
        """How a query is matched, in words; published in manifests."""
        how = "match_phrase with slop 0" if self.match == "phrase" else "match with all words"
        return f"{how} in the field {self.text_field}"

    def _clause(self, spelling: str, **options: str) -> dict[str, Any]:
        if self.match == "phrase":
            return {"match_phrase": {self.text_field: {"query": spelling, "slop": 0, **options}}}
        return {"match": {self.text_field: {"query": spelling, "operator": "and", **options}}}

    @cached_property
    def _terms(self) -> list[dict[str, Any]]:
        return [_term(field, value) for field, value in sorted(self.filters.items())]


def _counting(clauses: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a search that only counts: it fetches no document and counts beyond 10,000."""
    query = clauses[0] if len(clauses) == 1 else {"bool": {"filter": list(clauses)}}
    return {"size": 0, "track_total_hits": True, "query": query}


def _term(field: str, value: FilterValue) -> dict[str, Any]:
    return {"terms": {field: value}} if isinstance(value, list) else {"term": {field: value}}


def _shown(value: FilterValue) -> str:
    return " or ".join(map(str, value)) if isinstance(value, list) else str(value)
