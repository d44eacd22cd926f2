"""Check the types of JSON values; each error points to the field."""

import math
import re
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from types import NoneType, UnionType
from typing import TypeGuard

from concept_orderings.errors import BadValue
from concept_orderings.faults import Faults
from concept_orderings.text import nearest

# The first match counts, because Python takes a boolean for an int.
_NAMES: Sequence[tuple[type | UnionType, str]] = (
    (NoneType, "null"),
    (bool, "a boolean"),
    (int | float, "a number"),
    (str, "a string"),
    (list | tuple, "an array"),
    (Mapping, "an object"),
)
_MOST_COMPARED = 20  # an object may have a million unknown fields, and comparing names takes long
_LONGEST_COMPARED = 40
_LONE_SURROGATES = re.compile(r"[\ud800-\udfff]")


def check_mapping(value: object, pointer: str) -> Mapping[str, object]:
    """Return a value that is a JSON object, and refuse any other.

    Raises
    ------
    BadValue
        ``wrong_type``, also for a key that is not a string, which only a Python dict can have.
    """
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise wrong_type("an object", value, pointer)
    return value


def check_sequence(value: object, pointer: str) -> Sequence[object]:
    """Return a value that is a JSON array, and refuse any other.

    Raises
    ------
    BadValue
        ``wrong_type``.
    """
    if not isinstance(value, list | tuple):
        raise wrong_type("an array", value, pointer)
    return value


def check_strings(value: object, pointer: str) -> tuple[str, ...]:
    """Return a value that is a JSON array of strings, and refuse any other.

    Raises
    ------
    BadValue
        ``wrong_type``, for each item that is not a string.
    """
    items = check_sequence(value, pointer)
    strings = strings_of(items)
    if len(strings) != len(items):
        faults = Faults()
        for i, item in enumerate(items):
            if not isinstance(item, str):
                faults.add_made("wrong_type", partial(wrong_type, "a string", item, f"{pointer}/{i}"))
        faults.refuse()
    return strings


def strings_of(items: Sequence[object]) -> tuple[str, ...]:
    """Return the items that are strings."""
    return tuple(item for item in items if isinstance(item, str))


def check_string(value: object, pointer: str) -> str:
    """Return a value that is a JSON string, and refuse any other.

    Raises
    ------
    BadValue
        ``wrong_type``.
    """
    if not isinstance(value, str):
        raise wrong_type("a string", value, pointer)
    return value


def check_fields(body: Mapping[str, object], allowed: Sequence[str], pointer: str) -> None:
    """Refuse unknown fields of an object, because a misspelt field would be ignored otherwise.

    Raises
    ------
    BadValue
        ``unknown_field``.
    """
    unknown = [name for name in body if name not in allowed]
    if unknown:
        raise BadValue(
            "unknown_field",
            f"There is no field {ascii(unknown[0])[:80]} here; {choice(unknown[0], 'the fields are', allowed)}",
            (f"{pointer}/{escape_pointer(name)}" for name in unknown),
        )


def choice(unknown: str, introduction: str, names: Sequence[str]) -> str:
    """Return the end of the error for an unknown name: which one was probably meant, and all names."""
    near = nearest(unknown[:_LONGEST_COMPARED], names)
    if near is not None:
        introduction = f"did you mean {near}? {introduction.capitalize()}"
    return f"{introduction} {', '.join(names)}."


def meant_fields(body: Mapping[str, object], allowed: Sequence[str]) -> frozenset[str]:
    """Return the fields that an object lacks, and that unknown fields in it probably stand for.

    Such a field is not missing: its name is misspelt, which is a fault already.
    """
    unknown = islice((name for name in body if name not in allowed), _MOST_COMPARED)
    absent = [name for name in allowed if body.get(name) is None]
    found = (nearest(name[:_LONGEST_COMPARED], absent) for name in unknown)
    return frozenset(each for each in found if each is not None)


def is_integer(value: object) -> TypeGuard[int]:
    """Tell whether a JSON value is an integer; a boolean is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a JSON value is a finite number that fits a float; a boolean is not."""
    if is_integer(value):
        return abs(value) <= sys.float_info.max
    return isinstance(value, float) and math.isfinite(value)


def escape_pointer(token: str) -> str:
    """Escape a name as a reference token of a JSON pointer (RFC 6901, section 3).

    A pointer is Unicode text, so each lone surrogate is replaced by U+FFFD.
    """
    return _LONE_SURROGATES.sub("\ufffd", token).replace("~", "~0").replace("/", "~1")


def wrong_type(expected: str, value: object, pointer: str) -> BadValue:
    """Return the error for a value whose JSON type is not the expected one."""
    where = pointer or "The body"
    return BadValue("wrong_type", f"{where} must be {expected}, not {_json_type(value)}.", [pointer])


def _json_type(value: object) -> str:
    if isinstance(value, Mapping) and not all(isinstance(name, str) for name in value):
        return "an object with keys that are not strings"
    named = (name for types, name in _NAMES if isinstance(value, types))
    return next(named, f"the Python type {type(value).__name__}")
