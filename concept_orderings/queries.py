"""Queries to sources of counts: the class name as running text has it, or the spellings that the request gives."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from concept_orderings.apostrophes import apostrophe_spellings, has_apostrophe
from concept_orderings.canonical import Json

MOST_SPELLINGS = 20
"""The most spellings of a query in a request."""

MOST_BYTES_UNALTERED = 400
"""No source cuts a spelling of at most this many bytes in UTF-8."""

_OPERATORS = frozenset({"AND", "OR"})
"""Words that infini-gram reads as operators unless they are altered."""

_encode_string = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, order=True)
class Query:
    """The query for one concept.

    Attributes
    ----------
    spellings : tuple of str
        Distinct and sorted, because their order has no meaning. A source of documents counts those that contain any of
        the spellings; a source of occurrences adds up the occurrences of all. Without spellings the count is 0.
    """

    spellings: tuple[str, ...]

    @classmethod
    def of(cls, spellings: Iterable[str]) -> "Query":
        """Return the query of some spellings, in any order and with any repetitions."""
        return cls(tuple(sorted(set(spellings))))

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the canonical JSON (RFC 8785) of the list of spellings, 32 bytes: the key of a cached count."""
        # Faster than `canonical_json`; the digest of each counted query is read several times.
        return hashlib.sha256(f"[{','.join(map(_encode_string, self.spellings))}]".encode()).digest()

    def as_json(self) -> Json:
        """Return the only spelling as a string, several as an array, none as an empty string."""
        return list(self.spellings) if len(self.spellings) > 1 else "".join(self.spellings)


def folded(name: str) -> str:
    """Return a class name as running text has it: underscores and slashes become spaces, and white space one space.

    The result may be empty, and is then found in no document.
    """
    return " ".join(name.replace("_", " ").replace("/", " ").split())


def is_sent_unaltered(spelling: str) -> bool:
    """Tell whether every source sends a spelling as it is: it is `folded` and short, and has no word AND or OR."""
    return (
        spelling == folded(spelling)
        and len(spelling.encode()) <= MOST_BYTES_UNALTERED
        and _OPERATORS.isdisjoint(spelling.split())
    )


def default_query(name: str) -> Query:
    """Return the query that a canonical request without a query for a class means: the name, `folded`.

    The rule never changes. What a client's body means by leaving out a query may be another one (`query_for`), which is
    then written into the canonical request.

    The query has no spelling if the folded name is empty. Such a query is not sent to a source, and its count is 0.
    """
    return Query.of(filter(None, [folded(name)]))


class QueryForm(StrEnum):
    """How a class name becomes a query, for a class for which a client's body gives none."""

    WORDS = "words"
    """As running text has it: `folded`, with both spellings of its apostrophes."""

    VERBATIM = "verbatim"
    """As it is, but for white space, of which a run is one space: as if the name were given as the query."""


def query_for(name: str, form: QueryForm = QueryForm.WORDS) -> Query:
    """Return the query that a client's body means for a class name for which it gives none.

    It has no spelling if nothing is left of the name.
    """
    if form is QueryForm.VERBATIM:
        return Query.of(filter(None, [" ".join(name.split())]))
    return Query.of(filter(None, apostrophe_spellings(folded(name))))


def is_query_written(name: str, query: Query) -> bool:
    """Tell whether a canonical request has the query of a class.

    It leaves out the query that each body and each canonical request without one means. So it has all queries of names
    with an apostrophe: posted again, without its query, it would be another request.
    """
    return has_apostrophe(name) or query != default_query(name)
