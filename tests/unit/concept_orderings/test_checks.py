"""Test the checks of JSON types."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.checks import (
    check_fields,
    check_mapping,
    check_sequence,
    check_string,
    check_strings,
    escape_pointer,
    is_integer,
    is_number,
)
from concept_orderings.errors import BadValue

OF_EACH_TYPE = {
    "null": None,
    "a boolean": True,
    "a string": "text",
    "a number": 10**5000,  # more digits than Python writes out
    "an array": [1],
    "an object": {"a": 1},
    "the Python type set": {1},
    "the Python type ndarray": np.zeros(3),
    "the Python type bytes": b"text",
}
CHECKS = {
    "an object": (check_mapping, {"an object"}),
    "an array": (check_sequence, {"an array"}),
    "a string": (check_string, {"a string"}),
}


@pytest.mark.parametrize("expected", CHECKS)
@pytest.mark.parametrize("found", OF_EACH_TYPE)
def test_a_value_passes_only_the_check_of_its_own_type(expected: str, found: str) -> None:
    check, passes = CHECKS[expected]
    value = OF_EACH_TYPE[found]

    if found in passes:
        assert check(value, "/here") is value
        return
    with pytest.raises(BadValue) as refused:
        check(value, "/here")
    assert refused.value.code == "wrong_type"
    assert refused.value.pointers == ("/here",)
    assert refused.value.detail == f"/here must be {expected}, not {found}."


def test_an_error_of_the_whole_body_says_the_body() -> None:
    with pytest.raises(BadValue) as refused:
        check_mapping(None, "")

    assert refused.value.detail == "The body must be an object, not null."
    assert refused.value.pointers == ("",)


def test_an_object_with_a_key_that_is_not_a_string_is_refused() -> None:
    with pytest.raises(BadValue) as refused:
        check_mapping({"a": 1, 2: 3}, "/here")

    assert refused.value.code == "wrong_type"
    assert "keys" in refused.value.detail


def test_the_pointer_is_to_the_first_item_that_is_not_a_string() -> None:
    with pytest.raises(BadValue) as refused:
        check_strings(["a", 1, None], "/here")

    assert refused.value.pointers == ("/here/1",)


def test_pointers_are_to_all_unknown_fields_and_the_first_is_named() -> None:
    with pytest.raises(BadValue) as refused:
        check_fields({"known": 1, "a/b": 2, "c~d": 3}, ["known", "other"], "/here")

    assert refused.value.code == "unknown_field"
    assert refused.value.pointers == ("/here/a~1b", "/here/c~0d")
    assert "'a/b'" in refused.value.detail
    assert "known, other" in refused.value.detail


@given(st.text())
def test_an_escaped_name_is_one_token_and_can_be_unescaped(name: str) -> None:
    token = escape_pointer(name)

    assert "/" not in token
    assert token.replace("~1", "/").replace("~0", "~") == name


def test_a_pointer_to_a_name_with_a_lone_surrogate_is_unicode_text() -> None:
    assert escape_pointer("a\ud800b").encode() == "a\ufffdb".encode()


@pytest.mark.parametrize(
    ("value", "integer", "number"),
    [
        (0, True, True),
        (-(10**30), True, True),
        (1.0, False, True),
        (True, False, False),
        (None, False, False),
        ("1", False, False),
        (math.nan, False, False),
        (math.inf, False, False),
        (-math.inf, False, False),
    ],
)
def test_which_values_are_integers_and_numbers(value: object, integer: bool, number: bool) -> None:
    assert is_integer(value) is integer
    assert is_number(value) is number
