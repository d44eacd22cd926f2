import gzip
import json
from itertools import product
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from worker.evidence.local_index import cutting, tokens

RECORDED = [
    (text, answer) for text, answer in json.loads(Path(__file__).with_name("standard_analyser.json").read_text())
]
"""Texts, and what the ``standard`` analyser of Elasticsearch 8.19 makes of them."""

ASCII = "aZ1_.':,;"
BETWEEN_TOKENS = ' -"#*\n\x00\x1e\x7f'
OTHERS = "éÉİΣß’·“—\u0301\u00ad\u200d\u202f\ufe0f\u20e3漢あカก\u0e48ש😀🇩🏽\ud83d\ude00\udc00"


def exact(texts: list[str]) -> list[tuple[str, ...]]:
    return [tuple(tokens.tokenise(text)) for text in texts]


def test_recorded_answers_of_the_standard_analyser() -> None:
    texts = [text for text, _ in RECORDED]
    assert cutting.tokenise(texts) == [tuple(answer) for _, answer in RECORDED]


def test_all_short_texts_of_ascii_have_the_tokens_of_the_exact_rule() -> None:
    # A character of each class and, in the middle, all there is to look at: two neighbours on either side.
    texts = ["".join(characters) for characters in product(ASCII + " -", repeat=4)]
    assert cutting.tokenise(texts) == exact(texts)


def test_texts_of_c4_have_the_tokens_of_the_exact_rule() -> None:
    sample = Path(__file__).parents[5] / "shared" / "data" / "c4" / "c4-sample.json.gz"
    if not sample.exists():
        pytest.skip(f"the C4 sample is not beside the checkout: {sample}")
    with gzip.open(sample) as lines:
        texts = [json.loads(line)["text"] for line in lines]
    assert cutting.tokenise(texts) == exact(texts)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.sampled_from(ASCII + BETWEEN_TOKENS), max_size=30), max_size=6))
def test_texts_of_ascii_have_the_tokens_of_the_exact_rule(texts: list[str]) -> None:
    assert cutting.tokenise(texts) == exact(texts)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.characters(max_codepoint=127), max_size=60), max_size=4))
def test_any_ascii_has_the_tokens_of_the_exact_rule(texts: list[str]) -> None:
    assert cutting.tokenise(texts) == exact(texts)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.text(st.sampled_from(ASCII + BETWEEN_TOKENS + OTHERS), max_size=20), max_size=5))
def test_mixed_texts_have_the_tokens_of_the_exact_rule(texts: list[str]) -> None:
    assert cutting.tokenise(texts) == exact(texts)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=4))
def test_any_texts_have_the_tokens_of_the_exact_rule(texts: list[str]) -> None:
    assert cutting.tokenise(texts) == exact(texts)


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.sampled_from("ab1_.,' é漢𐐀"), min_size=1, max_size=8),
    st.integers(min_value=1, max_value=300),
    st.text(st.sampled_from("a_.' -é"), max_size=4),
)
@example("a", 255, "")
@example("a", 256, "")
@example("a", 254, ".b")
@example("_", 300, "a")
@example("a.", 200, "")
def test_tokens_around_the_longest(part: str, times: int, end: str) -> None:
    text = part * times + end
    texts = ["before", text, f"{text} {text}", "after"]
    assert cutting.tokenise(texts) == exact(texts)


@pytest.mark.parametrize("length", range(253, 259))
def test_a_token_is_cut_after_255_characters_wherever_it_is(length: int) -> None:
    for before in ("", "x", "x " * 127, "x " * 128, "x " * 500):
        (found,) = cutting.tokenise([f"{before}{' ' if before else ''}{'a' * length} z"])
        rest = ("a" * (length - 255),) if length > 255 else ()
        assert found == ("x",) * before.count("x") + ("a" * min(length, 255), *rest, "z")


def test_every_character_has_the_tokens_of_the_exact_rule() -> None:
    places = "{0} a{0}a 1{0}1 -{0}-a .{0}_ #{0}"
    texts = [
        " ".join(places.format(chr(code)) for code in range(start, start + 256) if not 0xD800 <= code < 0xE000)
        for start in [*range(0, 0x3200, 256), 0xFE00, 0xFF00, 0x1F300, 0x1F600, 0xE0000]
    ]
    assert cutting.tokenise(texts) == exact(texts)


def test_a_narrow_space_within_a_token_stays() -> None:
    # It connects like "_" (its word break class is ExtendNumLet), though Python takes it for white space.
    assert cutting.tokenise(["a\u202fb c"]) == [("a\u202fb", "c")]


def test_halves_of_a_pair_in_two_texts_stay_apart() -> None:
    assert cutting.tokenise(["a\ud83d", "\ude00b", "\ud83d\ude00"]) == [("a",), ("b",), ("😀",)]


def test_what_separates_texts_may_be_in_them() -> None:
    assert cutting.tokenise(["a\x1eb", "", "\x1e", "c"]) == [("a", "b"), (), (), ("c",)]


def test_no_texts() -> None:
    assert cutting.tokenise([]) == []
