"""Bodies as they are sent: JSON in which nothing stands twice."""

import json
from collections import Counter

from concept_orderings.errors import BadValue
from concept_orderings.text import shown


def decoded(body: bytes) -> object:
    """Return the JSON value of a body. A large one takes seconds: not for the event loop.

    Raises
    ------
    ValueError, RecursionError
        If it is not JSON.
    BadValue
        ``duplicate_field``.
    """
    value: object = json.loads(body, object_pairs_hook=_each_name_once)
    return value


def _each_name_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a name that an object has twice: of two counts for a class, JSON readers silently take one."""
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise BadValue("duplicate_field", f"An object has {shown(twice)} twice; leave one out.")
    return found
