"""The form of spellings for sources that cut texts into words."""

import re
from collections.abc import Iterable

from concept_orderings.queries import Query

LONGEST = 1_000
"""The most characters of a spelling that are sent. A word has at least one, and Elasticsearch always takes 1,024 words
in a query. A local index cuts in the same way, so that its counts are the same."""

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def distinct_spellings(queries: Iterable[Query]) -> list[str]:
    """Return each spelling of some queries once."""
    return list(dict.fromkeys(each for query in queries for each in query.spellings))


def sendable(spelling: str) -> str:
    """Return a spelling as Unicode text, cut between words if it is longer than `LONGEST` characters."""
    if not spelling.isascii():
        # A lone surrogate has no UTF-8 form: the server would refuse the request, with all other names in it.
        spelling = _LONE_SURROGATES.sub("\ufffd", spelling)
    if len(spelling) <= LONGEST:
        return spelling
    cut = spelling[: LONGEST + 1]
    return cut.rpartition(" ")[0].rstrip() or cut[:LONGEST]
