"""Canonical JSON (RFC 8785): the same bytes for equal values on every machine. Digests are computed from it."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from json.encoder import encode_basestring as _encode_string
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

LARGEST_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader reads exactly: many use doubles (RFC 8785, 3.2.2.3)."""

_CONSTANTS: Mapping[bool | None, str] = {True: "true", False: "false", None: "null"}


def canonical_json(value: Json) -> bytes:
    """Return the RFC 8785 form of a JSON value, UTF-8 encoded.

    Parameters
    ----------
    value
        None, booleans, integers up to 2**53 - 1 in size, finite floats, strings, sequences and mappings of them.

    Raises
    ------
    ValueError
        For NaN, infinities, larger integers and strings that are not Unicode text (lone surrogates).
    TypeError
        For a value that is not JSON.
    """
    parts: list[str] = []
    _add(value, parts.append)
    return "".join(parts).encode()


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of ``data``, 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _add(value: Json, add: Callable[[str], None]) -> None:
    """Call `add` with the parts of a value; a function that yields them takes twice as long."""
    match value:
        case str():
            add(_encode_string(value))
        case bool() | None:
            add(_CONSTANTS[value])
        case int():
            add(_integer(value))
        case float():
            add(_number(value))
        case Mapping():
            _add_object(value, add)
        case Sequence() if not isinstance(value, bytes | bytearray):
            _add_array(value, add)
        case _:
            raise TypeError(f"{type(value).__name__} is not JSON")


def _add_object(value: Mapping[str, Json], add: Callable[[str], None]) -> None:
    if not all(isinstance(key, str) for key in value):
        raise TypeError("an object with keys that are no strings is not JSON")
    names = sorted(value)
    if not "".join(names).isascii():
        # RFC 8785 sorts keys by UTF-16 code units, not by code points: they differ beyond the basic plane.
        names.sort(key=lambda text: text.encode("utf-16-be"))
    separator = "{"
    for name in names:
        add(f"{separator}{_encode_string(name)}:")
        _add(value[name], add)
        separator = ","
    add("}" if names else "{}")


def _add_array(value: Sequence[Json], add: Callable[[str], None]) -> None:
    separator = "["
    for item in value:
        add(separator)
        _add(item, add)
        separator = ","
    add("]" if value else "[]")


def _integer(value: int) -> str:
    if abs(value) > LARGEST_INTEGER:
        raise ValueError(f"{value} does not fit a JSON number exactly")
    return int.__repr__(value)


def _number(value: float) -> str:
    """Format a float as ECMAScript does (ECMA-262, Number::toString): Python's shortest digits in another notation."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a JSON number")
    if value == 0:
        return "0"
    # `Decimal` of a string rounds nothing, so the caller's decimal context does not change a digest.
    sign, digit_tuple, exponent = Decimal(float.__repr__(value)).as_tuple()
    digits = "".join(map(str, digit_tuple))
    point = len(digits) + int(exponent)
    return ("-" if sign else "") + _place_point(digits.rstrip("0"), point)


def _place_point(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{mantissa}e{point - 1:+d}"
