"""Test where two JSON values differ."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.json_differences import ABSENT, as_text, differences

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert list(differences(value, json.loads(json.dumps(value)))) == []


@given(VALUES, VALUES)
def test_values_differ_if_their_json_does(first: Any, second: Any) -> None:
    found = list(differences(first, second))

    assert bool(found) == (json.dumps(first, sort_keys=True) != json.dumps(second, sort_keys=True))
    assert len(list(differences(second, first))) == len(found)


def pointers(first: Any, second: Any) -> dict[str, tuple[object, object]]:
    return {each.pointer: (each.first, each.second) for each in differences(first, second)}


def test_objects_are_compared_name_by_name() -> None:
    first, second = {"a": {"b/c": 1, "same": [1]}, "gone": 2}, {"a": {"b/c": 3, "same": [1]}, "new": 4}

    assert pointers(first, second) == {"/a/b~1c": (1, 3), "/gone": (2, ABSENT), "/new": (ABSENT, 4)}


def test_arrays_of_named_objects_are_compared_by_name() -> None:
    first = [{"name": "x", "year": 1}, {"name": "y"}]
    second = [{"name": "w"}, {"name": "x", "year": 2}]

    assert pointers(first, second) == {
        "/0/year": (1, 2),
        "/1": ({"name": "y"}, ABSENT),
        # The first array has no place for it: the pointer is that in the second.
        "/0": (ABSENT, {"name": "w"}),
    }


def test_other_arrays_of_objects_are_compared_place_by_place_and_all_others_as_a_whole() -> None:
    assert pointers([{"task": 0}, {"task": 1}], [{"task": 0}, {"task": 2}]) == {"/1/task": (1, 2)}
    assert pointers([1, 2, 3], [1, 2, 4]) == {"": ([1, 2, 3], [1, 2, 4])}


def test_a_number_is_no_boolean() -> None:
    assert pointers({"reverse": 1}, {"reverse": True}) == {"/reverse": (1, True)}
    assert pointers({"share": 1}, {"share": 1.0}) == {}


def test_long_values_are_cut() -> None:
    assert as_text(ABSENT) is None
    assert as_text({"a": [None]}) == '{"a":[null]}'
    assert as_text("x" * 300, 10) == '"xxxxxxxx…'
