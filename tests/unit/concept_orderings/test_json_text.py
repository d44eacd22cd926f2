"""Test the decoding of JSON: fields that an object has twice are all named, with their places."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.errors import BadValue, InvalidInput
from concept_orderings.faults import Faults
from concept_orderings.json_text import decode_json, parse_json, read_json
from concept_orderings.request import parse_request

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def duplicates(text: str) -> list[tuple[str, tuple[str, ...]]]:
    with pytest.raises(BadValue) as refused:
        decode_json(text.encode())
    assert {each.code for each in refused.value.faults} == {"duplicate_field"}
    return [(each.detail, each.pointers) for each in refused.value.faults]


def test_all_fields_that_are_given_twice_are_named_with_their_places() -> None:
    text = """{"name": 1, "datasets": [
        {"classes": ["a"], "counts": {"a/b": 1, "c~d": 2, "a/b": 3, "c~d": 4, "c~d": 5}},
        {"year": 1, "year": 2}
    ], "name": 2}"""

    assert duplicates(text) == [
        ("An object has 'c~d' 3 times; keep one.", ("/datasets/0/counts/c~0d",)),
        ("An object has 'a/b' twice; leave one out.", ("/datasets/0/counts/a~1b",)),
        ("An object has 'year' twice; leave one out.", ("/datasets/1/year",)),
        ("An object has 'name' twice; leave one out.", ("/name",)),
    ]


def test_a_field_in_both_values_of_another_is_named() -> None:
    assert [pointers for _, pointers in duplicates('{"a": {"b": 1, "b": 2}, "a": {"c": 1, "c": 2}}')] == [
        ("/a/b",),
        ("/a/c",),
        ("/a",),
    ]


def test_the_last_of_several_fields_is_read() -> None:
    faults = Faults()

    assert read_json(b'{"a": {"b": 1}, "a": {"b": 2, "b": 3}}', faults) == {"a": {"b": 3}}
    assert faults.found == 2


@given(values)
def test_a_value_without_such_fields_is_read_as_it_is(value: Any) -> None:
    assert decode_json(json.dumps(value).encode()) == value


def test_a_deeply_nested_body_with_such_a_field_is_read() -> None:
    nested = "[" * 900 + '{"a": 1, "a": 2}' + "]" * 900

    assert duplicates(nested) == [("An object has 'a' twice; leave one out.", ("/0" * 900 + "/a",))]


def test_a_field_given_twice_is_named_with_the_other_faults() -> None:
    text = b"""{"name": "No name", "datasets": [{"name": "A", "classes": ["a", "a"]}],
        "ordering": {"kind": "random", "seed": 1, "seed": 2}, "tasks": {"count": 1}}"""
    with pytest.raises(InvalidInput) as refused:
        parse_json(text, parse_request)

    assert [(each.code, each.pointers) for each in refused.value.faults] == [
        ("duplicate_field", ("/ordering/seed",)),
        ("bad_stream_name", ("/name",)),
        ("duplicate_concept", ("/datasets/0/classes/0", "/datasets/0/classes/1")),
    ]


@pytest.mark.parametrize("text", [b"", b"{", b'{"a": 1, "a": 2', b'{"a": 1, "a": 2} x'])
def test_what_is_not_json_is_refused_as_such(text: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        decode_json(text)
