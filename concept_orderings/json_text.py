"""Decode JSON of requests and of files; refuse objects that have the same field twice."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias, TypeVar

from concept_orderings.checks import escape_pointer
from concept_orderings.errors import BadValue
from concept_orderings.faults import Faults, times
from concept_orderings.text import shown

_Result = TypeVar("_Result")
_Pairs: TypeAlias = list[tuple[str, object]]


class _Members(_Pairs):
    """The members of an object, with those that have the same name."""


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
    faults = Faults()
    value = read_json(text, faults)
    faults.refuse()
    return value


def parse_json(text: bytes, parse: Callable[[object], _Result]) -> _Result:
    """Decode the JSON of a request and return what `parse` makes of its value.

    Raises
    ------
    ValueError, RecursionError
        If it is not JSON.
    InvalidInput
        With ``duplicate_field`` for each name that an object has twice, and with all faults that `parse` finds.
    """
    faults = Faults()
    result = faults.attempt(parse, read_json(text, faults))
    faults.refuse()
    assert result is not None  # otherwise there were faults
    return result


def read_json(text: bytes, faults: Faults) -> object:
    """Return the JSON value of a body; of fields with the same name, it has the last.

    Parameters
    ----------
    text
        The body. Several megabytes take seconds, so call this off the event loop.
    faults
        Gets ``duplicate_field`` for each name that an object has twice, with a pointer to the field.

    Raises
    ------
    ValueError, RecursionError
        If it is not JSON.
    """
    repeated = False

    def as_dict(pairs: _Pairs) -> dict[str, object]:
        nonlocal repeated
        members = dict(pairs)
        repeated = repeated or len(members) < len(pairs)
        return members

    value: object = json.loads(text, object_pairs_hook=as_dict)
    if repeated:
        # Only now, because most bodies have no such field, and places take time and memory.
        for pointer, members in _objects(json.loads(text, object_pairs_hook=_Members)):
            for name, number in Counter(name for name, _ in members).most_common():
                if number > 1:
                    faults.add_made("duplicate_field", partial(_duplicate, name, number, pointer))
    return value


def why_not_json(error: ValueError | RecursionError) -> str:
    """Return what is wrong with a text that `read_json` cannot read."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return str(error)
    # Python's sentence on integers of thousands of digits says how to change a setting of Python.
    return f"a number in it has more than {sys.get_int_max_str_digits():,} digits"


def _objects(value: object) -> Iterator[tuple[str, _Members]]:
    """Yield all objects in a value with their JSON pointers, in the order in which they end in the text.

    It uses no recursion, of which Python allows less than JSON may be nested.
    """
    left: list[tuple[str, object, bool]] = [("", value, False)]
    while left:
        pointer, each, is_done = left.pop()
        if is_done and isinstance(each, _Members):
            yield pointer, each
        elif isinstance(each, _Members):
            left.append((pointer, each, True))
            left.extend((f"{pointer}/{escape_pointer(name)}", inner, False) for name, inner in reversed(each))
        elif isinstance(each, list):
            left.extend((f"{pointer}/{i}", inner, False) for i, inner in reversed(list(enumerate(each))))


def _duplicate(name: str, number: int, pointer: str) -> BadValue:
    leave_out = "leave one out" if number == 2 else "keep one"
    return BadValue(
        "duplicate_field",
        f"An object has {shown(name)} {times(number)}; {leave_out}.",
        [f"{pointer}/{escape_pointer(name)}"],
    )
