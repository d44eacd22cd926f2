"""Test canonical JSON against the package rfc8785."""

import decimal
import json
import math
import struct
from enum import StrEnum
from typing import Any

import numpy as np
import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from concept_orderings.canonical import canonical_json, sha256_hex

LARGEST_INTEGER = 2**53 - 1
SMALLEST_FLOAT = math.ulp(0.0)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
integers = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
finite_floats = st.floats(allow_nan=False, allow_infinity=False)
# All bit patterns with equal probability, because hypothesis' own floats favour simple ones.
bit_patterns = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
json_values = st.recursive(
    st.none() | st.booleans() | integers | finite_floats | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)


@given(json_values)
def test_values_are_written_as_the_reference_writes_them(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(finite_floats | bit_patterns.filter(math.isfinite))
@example(0.0)
@example(-0.0)
@example(SMALLEST_FLOAT)
@example(-SMALLEST_FLOAT)
@example(2.2250738585072014e-308)
@example(2.225073858507201e-308)
@example(1.7976931348623157e308)
@example(1e20)
@example(1e21)
@example(999999999999999900000.0)
@example(123456789012345680000.0)
@example(1e-6)
@example(1e-7)
@example(1.5e-7)
@example(0.000001234)
@example(5e-324)
@example(9007199254740993.0)
@example(9.5367431640625e-07)
def test_floats_are_written_as_the_reference_writes_them(value: float) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(finite_floats)
def test_floats_are_read_back_unchanged(value: float) -> None:
    assert float(json.loads(canonical_json(value))) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # RFC 8785, appendix B.
        (0x0000000000000000, "0"),
        (0x8000000000000000, "0"),
        (0x0000000000000001, "5e-324"),
        (0x8000000000000001, "-5e-324"),
        (0x7FEFFFFFFFFFFFFF, "1.7976931348623157e+308"),
        (0xFFEFFFFFFFFFFFFF, "-1.7976931348623157e+308"),
        (0x4340000000000000, "9007199254740992"),
        (0xC340000000000000, "-9007199254740992"),
        (0x4430000000000000, "295147905179352830000"),
        (0x44B52D02C7E14AF5, "9.999999999999997e+22"),
        (0x44B52D02C7E14AF6, "1e+23"),
        (0x44B52D02C7E14AF7, "1.0000000000000001e+23"),
        (0x444B1AE4D6E2EF4E, "999999999999999700000"),
        (0x444B1AE4D6E2EF4F, "999999999999999900000"),
        (0x444B1AE4D6E2EF50, "1e+21"),
        (0x3EB0C6F7A0B5ED8C, "9.999999999999997e-7"),
        (0x3EB0C6F7A0B5ED8D, "0.000001"),
        (0x41B3DE4355555553, "333333333.3333332"),
        (0x41B3DE4355555557, "333333333.33333343"),
        (0xBECBF647612F3696, "-0.0000033333333333333333"),
        (0x43143FF3C1CB0959, "1424953923781206.2"),
    ],
)
def test_the_numbers_of_the_standard(value: int, expected: str) -> None:
    number = struct.unpack("<d", struct.pack("<Q", value))[0]

    assert canonical_json(number).decode() == expected


@given(integers)
@example(LARGEST_INTEGER)
@example(-LARGEST_INTEGER)
@example(0)
def test_integers_are_written_as_the_reference_writes_them(value: int) -> None:
    assert canonical_json(value) == rfc8785.dumps(value) == str(value).encode()


@given(texts)
@example("".join(map(chr, range(0x100))))
@example('\\"/\b\f\n\r\t\x7f\u2028\u2029\ufeff\U0001f600')
def test_strings_are_escaped_as_the_reference_escapes_them(value: str) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


def test_keys_are_sorted_by_utf16_code_units_not_by_code_points() -> None:
    # U+1F600 is written with the surrogates D83D DE00, which come before U+FB33.
    assert canonical_json({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()
    # RFC 8785, 3.2.3.
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\xf6"]
    found = json.loads(canonical_json(dict.fromkeys(keys, 0)))
    assert list(found) == ["\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33"]


@given(st.dictionaries(texts, integers, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(value: dict[str, int], random: object) -> None:
    items = list(value.items())
    random.shuffle(items)  # type: ignore[attr-defined]

    assert canonical_json(dict(items)) == canonical_json(value)


def test_tuples_are_arrays() -> None:
    assert canonical_json((1, ("a", ()))) == b'[1,["a",[]]]'


class Colour(StrEnum):
    RED = "red"


def test_subclasses_of_json_types_are_written_as_the_types() -> None:
    assert canonical_json({Colour.RED: Colour.RED}) == b'{"red":"red"}'
    assert canonical_json(np.float64(1.5)) == b"1.5"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**53, -(2**53), 10**400, "\ud800", "a\udfffb"])
@pytest.mark.parametrize("place", ["alone", "in an array", "in an object"])
def test_values_without_an_exact_json_form_are_refused(value: float | str, place: str) -> None:
    whole = {"alone": value, "in an array": [1, value], "in an object": {"a": {"b": value}}}[place]

    with pytest.raises(ValueError):  # noqa: PT011  # the codec's message for surrogates, ours for numbers
        canonical_json(whole)


def test_keys_with_lone_surrogates_are_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        canonical_json({"\ud800": 1})


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", bytearray(b"bytes"), 1j, object(), {1: 2}, {None: 1}, [{3: 4}]])
def test_values_that_are_not_json_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="not JSON"):
        canonical_json(value)  # type: ignore[arg-type]


def test_the_decimal_context_of_the_caller_does_not_matter() -> None:
    with decimal.localcontext() as context:
        context.prec = 3
        context.traps[decimal.Inexact] = True

        assert canonical_json(0.1234567890123456) == b"0.1234567890123456"


def test_a_digest_is_lower_case_hexadecimal() -> None:
    assert sha256_hex(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
