"""Canonical JSON (RFC 8785): the same bytes for equal values on every machine. Digests are computed from it."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

LARGEST_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader reads exactly: many use doubles (RFC 8785, 3.2.2.3)."""

_encode_string = json.JSONEncoder(ensure_ascii=False).encode


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
    return "".join(_parts(value)).encode()


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of ``data``, 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _parts(value: Json) -> Iterator[str]:
    match value:
        case str():
            yield _encode_string(value)
        case bool() | None:
            yield json.dumps(value)
        case int():
            yield _integer(value)
        case float():
            yield _number(value)
        case Mapping():
            yield from _object(value)
        case Sequence() if not isinstance(value, bytes | bytearray):
            yield from _array(value)
        case _:
            raise TypeError(f"{type(value).__name__} is not JSON")


def _object(value: Mapping[str, Json]) -> Iterator[str]:
    if not all(isinstance(key, str) for key in value):
        raise TypeError("an object with keys that are no strings is not JSON")
    separator = "{"
    # RFC 8785 sorts keys by UTF-16 code units, not by code points: they differ beyond the basic plane.
    for key in sorted(value, key=lambda text: text.encode("utf-16-be")):
        yield separator + _encode_string(key) + ":"
        yield from _parts(value[key])
        separator = ","
    yield "}" if value else "{}"


def _array(value: Sequence[Json]) -> Iterator[str]:
    separator = "["
    for item in value:
        yield separator
        yield from _parts(item)
        separator = ","
    yield "]" if value else "[]"


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
