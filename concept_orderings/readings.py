"""What a source of counts reads in a query: its words, as the source cuts and changes them."""

from collections.abc import Mapping
from typing import TypeAlias

from concept_orderings.queries import Query

Reading: TypeAlias = tuple[str, ...]
"""The words that a source reads in a spelling, in order; empty if it reads none.

An empty string stands for a word between two others that the source leaves out.
"""

Readings: TypeAlias = Mapping[str, Reading]
"""The reading of each spelling, as far as a source tells. One that is absent has words, and it is not known which."""


def is_unread(query: Query, readings: Readings) -> bool:
    """Tell whether a source reads no word in any spelling of a query, so that it cannot have counted it."""
    return all(readings.get(each) == () for each in query.spellings)


def words_read(query: Query, readings: Readings) -> Query | frozenset[Reading]:
    """Return what a source looks for: the readings of a query's spellings, or the query itself if one is not known."""
    found = frozenset(readings[each] for each in query.spellings if each in readings)
    return found - {()} if all(each in readings for each in query.spellings) else query
