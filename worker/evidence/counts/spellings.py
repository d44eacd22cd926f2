"""Spellings as sources that cut them into words can be asked for them."""

import re

LONGEST = 1_000
"""Characters of a spelling that are asked for. A word is one character at least, and 1,024 words are the least that an
Elasticsearch must take in one query; a local index gives the same counts."""

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def sendable(spelling: str) -> str:
    """Return a spelling as Unicode text, cut between words if it is longer than `LONGEST` characters."""
    if not spelling.isascii():
        # A lone surrogate has no UTF-8 form: the request with it would be refused, and all other names in it.
        spelling = _LONE_SURROGATES.sub("\ufffd", spelling)
    if len(spelling) <= LONGEST:
        return spelling
    cut = spelling[: LONGEST + 1]
    return cut.rpartition(" ")[0].rstrip() or cut[:LONGEST]
