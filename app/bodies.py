"""Decode JSON from clients, and refuse objects that have a name twice."""

import json
from collections import Counter

from concept_orderings.errors import BadValue
from concept_orderings.text import shown


def decoded(body: bytes) -> object:
    """Decode JSON. A large body takes seconds, so do not call this on the event loop.

    Raises
    ------
    ValueError, RecursionError
        If the body is not JSON.
    BadValue
        ``duplicate_field``: an object has a name twice.
    """
    value: object = json.loads(body, object_pairs_hook=_with_unique_names)
    return value


def _with_unique_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that has a name twice, because JSON readers would silently ignore one of the two values."""
    found = dict(pairs)
    if len(found) < len(pairs):
        [(name, _)] = Counter(each for each, _ in pairs).most_common(1)
        raise BadValue("duplicate_field", f"An object has {shown(name)} twice; leave one out.")
    return found
