"""Decode JSON of requests and of files; refuse an object that has the same field twice."""

import json
from collections import Counter

from concept_orderings.errors import BadValue
from concept_orderings.text import shown


def decode_json(text: bytes) -> object:
    """Return the JSON value of a body or a file.

    Several megabytes take seconds, so call this off the event loop.

    Raises
    ------
    ValueError, RecursionError
        If it is not JSON.
    BadValue
        ``duplicate_field``: an object has a name twice.
    """
    value: object = json.loads(text, object_pairs_hook=_object)
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object; refuse a duplicate field, of which `json` would silently keep the last."""
    members = dict(pairs)
    if len(members) < len(pairs):
        [(duplicate, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise BadValue("duplicate_field", f"An object has {shown(duplicate)} twice; leave one out.")
    return members
