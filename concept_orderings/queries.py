"""What a source of counts is asked for a concept: its class name as text has it, or what the request gives instead."""

from collections.abc import Iterable
from dataclasses import dataclass


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


def folded(name: str) -> str:
    """Return a class name as running text has it: underscores and slashes are spaces, white space is one space.

    It may be empty, and is then in no document.
    """
    return " ".join(name.replace("_", " ").replace("/", " ").split())
