"""What a source of counts is asked for a concept: its class name as text has it, or what the request gives instead."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from concept_orderings.canonical import Json

MOST_SPELLINGS = 20

_encode_string = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, order=True)
class Query:
    """What is asked for one concept.

    Attributes
    ----------
    spellings : tuple of str
        One or more, distinct and sorted, since their order has no meaning. A count of documents is of those that
        contain any of them; a count of occurrences is the sum over them.
    """

    spellings: tuple[str, ...]

    @classmethod
    def of(cls, spellings: Iterable[str]) -> "Query":
        """Make the query of spellings, given in any order and however often."""
        return cls(tuple(sorted(set(spellings))))

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the canonical JSON (RFC 8785) of the list of spellings, 32 bytes: what a count is kept by."""
        # Without the time that the general way takes; looked at several times for each query that is counted.
        return hashlib.sha256(f"[{','.join(map(_encode_string, self.spellings))}]".encode()).digest()

    def as_json(self) -> Json:
        """Return the spelling, or an array of several; of none, an empty string."""
        return list(self.spellings) if len(self.spellings) > 1 else "".join(self.spellings)


def folded(name: str) -> str:
    """Return a class name as running text has it: underscores and slashes are spaces, white space is one space.

    It may be empty, and is then in no document.
    """
    return " ".join(name.replace("_", " ").replace("/", " ").split())


def default_query(name: str) -> Query:
    """Return what is asked for a class name if the request does not say: the name, `folded`.

    It has no spelling if nothing is left of the name: such a query is never asked, and its count is 0.
    """
    return Query.of(filter(None, [folded(name)]))
