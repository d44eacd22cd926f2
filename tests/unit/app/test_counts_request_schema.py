"""Test that the check of requests for counts agrees with the schema of the API's document."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.source_schemas import REQUESTS
from concept_orderings.counts_request import parse_counts_request
from concept_orderings.errors import InvalidInput
from support.declared import assert_schema_agrees


@pytest.mark.parametrize("example", REQUESTS.values(), ids=REQUESTS)
def test_the_examples_are_accepted(example: dict[str, Any]) -> None:
    assert parse_counts_request(example["value"]).queries


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 1),
    st.sampled_from(["", "2026-01-31T12:00:00Z", "a"]),
    st.text(max_size=3),
    st.lists(st.text(max_size=3) | st.lists(st.text(max_size=2), max_size=2) | st.none(), max_size=3),
)
FIELDS = st.sampled_from(["names", "queries", "refresh", "counted_since", "other"])


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(FIELDS, VALUES, max_size=3) | VALUES)
def test_the_schema_and_the_check_agree(body: Any) -> None:
    try:
        parse_counts_request(body)
        refused = None
    except InvalidInput as error:
        refused = error
    assert_schema_agrees("CountsRequest", body, refused)
