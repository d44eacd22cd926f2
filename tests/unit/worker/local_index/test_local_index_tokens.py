import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.evidence.local_index import tokens
from worker.evidence.local_index.tokens import tokenise

from .plain_counter import plain_tokens

RECORDED = [
    (text, answer) for text, answer in json.loads(Path(__file__).with_name("standard_analyser.json").read_text())
]
"""Texts, and what the ``standard`` analyser of Elasticsearch 8.19 makes of them."""


@pytest.mark.parametrize(("text", "answer"), RECORDED, ids=lambda value: ascii(value)[:30])
def test_tokens_are_those_of_the_standard_analyser(text: str, answer: list[str]) -> None:
    assert tokenise(text) == answer


def test_every_character_has_the_class_it_had() -> None:
    # Between letters, digits and alone: a character whose class changes changes one of them. The digest is of
    # tokens that were compared with Elasticsearch 8.19; if the library changes its character tables, add the
    # exceptions to the rule rather than a new digest here.
    places = "{0} a{0}a 1{0}1 1,{0} ア{0}ア"
    digest = hashlib.sha256()
    for start in [*range(0, 0x32400, 256), 0xE0000, 0xE0100]:
        block = [chr(code) for code in range(start, start + 256) if not 0xD800 <= code < 0xE000]
        found = tokenise(" ".join(places.format(character) for character in block))
        digest.update("\n".join(found).encode())
    assert digest.hexdigest() == "4b8a93ad593305131200a54551d3bf3306dfd8f8a0b12f04b6170b94c8b4098e"


@settings(max_examples=400, deadline=None)
@given(st.text(st.sampled_from("aBcZéßΣİ 123'’.,:;·_-/!\n\t\u0301\u00ad漢あカーक한😀©"), max_size=24))
def test_tokens_are_those_of_the_plain_rules(text: str) -> None:
    assert tokenise(text) == plain_tokens(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_has_tokens_without_spaces_that_are_their_own_tokens(text: str) -> None:
    for token in tokenise(text):
        assert tokenise(token) == [token]
        assert not set(token) & set(" \t\n\r")


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.sampled_from("ab1_. 𐐀漢"), min_size=1, max_size=8),
    st.integers(min_value=1, max_value=120),
)
def test_no_token_is_longer_than_the_longest(part: str, times: int) -> None:
    found = tokenise(part * times)
    assert all(len(token.encode("utf-16-le")) <= 2 * tokens.LONGEST for token in found)


def test_a_text_without_anything_unusual_is_prepared_as_it_is() -> None:
    text = "Nothing to do — «here», or thére. " * 50
    assert tokens.prepare(text) is text or tokens.prepare(text) == text


def test_half_a_surrogate_pair_is_no_token_and_harms_none() -> None:
    assert tokenise("a\ud800b \udc00 c\ud83d") == ["a", "b", "c"]
    assert tokenise("\ud83d\ude00") == ["😀"]
