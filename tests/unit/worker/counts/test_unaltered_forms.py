"""Spellings that the library says no source alters, so that their warnings are known before a source is asked."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from concept_orderings.queries import MOST_BYTES_UNALTERED, folded, is_sent_unaltered
from worker.evidence.counts.infini_gram import InfiniGramSettings
from worker.evidence.counts.spellings import sendable

WORDS = st.sampled_from(["AND", "OR", "and", "x", "a_b", "a/b", "été", "🐟", "x" * 300, "é" * 200, "", "\t"])
INFINI_GRAM = InfiniGramSettings().open("c4")


@given(st.lists(WORDS | st.text(max_size=9), max_size=6).map(" ".join))
@example("é" * (MOST_BYTES_UNALTERED // 2))
@example("x " * (MOST_BYTES_UNALTERED // 2 - 1) + "x")
def test_no_form_of_a_source_alters_an_unaltered_spelling(spelling: str) -> None:
    if is_sent_unaltered(spelling):
        # The forms of infini-gram, of Elasticsearch and local indexes, and of counts files.
        assert {INFINI_GRAM.form(spelling), sendable(spelling), folded(spelling)} == {spelling}


@pytest.mark.parametrize("spelling", ["grey wolf", "ANDROID", "pêche", "x" * MOST_BYTES_UNALTERED])
def test_ordinary_names_are_sent_unaltered(spelling: str) -> None:
    assert is_sent_unaltered(spelling)
