"""Test the spellings of apostrophes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.apostrophes import (
    LOOK_ALIKES,
    PRINTED,
    TYPED,
    apostrophe_spellings,
    by_text,
    has_apostrophe,
    typed,
)
from concept_orderings.queries import MOST_SPELLINGS

LETTERS = "aé7 -"
texts = st.text(f"{LETTERS}{TYPED}{PRINTED}{LOOK_ALIKES}", max_size=8)


@pytest.mark.parametrize(
    ("name", "spellings"),
    [
        ("bear", ["bear"]),
        ("valentine's day", ["valentine's day", "valentine’s day"]),
        ("valentine’s day", ["valentine's day", "valentine’s day"]),
        ("jack-o'-lantern", ["jack-o'-lantern", "jack-o’-lantern"]),
        ("GUESS Kids'", ["GUESS Kids'", "GUESS Kids’"]),
        ("rock 'n’ roll", ["rock 'n' roll", "rock ’n’ roll", "rock 'n’ roll"]),
        ("baird`s tapir", ["baird's tapir", "baird’s tapir", "baird`s tapir"]),
        ("lady´s slipper", ["lady's slipper", "lady’s slipper", "lady´s slipper"]),
        ("Oʻahu tree snail", ["O'ahu tree snail", "O’ahu tree snail", "Oʻahu tree snail"]),
        ("baird＇s tapir", ["baird's tapir", "baird’s tapir", "baird＇s tapir"]),
        ("7′ ladder", ["7′ ladder"]),
        ("5` 6´", ["5` 6´"]),
    ],
)
def test_both_spellings_are_given_beside_that_of_the_name(name: str, spellings: list[str]) -> None:
    assert list(apostrophe_spellings(name)) == spellings


@given(texts)
def test_all_spellings_of_a_text_have_the_same_spellings(text: str) -> None:
    spellings = apostrophe_spellings(text)

    assert text in spellings
    assert len(set(spellings)) == len(spellings) <= 3 <= MOST_SPELLINGS
    assert (len(spellings) > 1) == has_apostrophe(text)
    assert {typed(each) for each in spellings} == {typed(text)}
    for each in spellings:
        assert set(spellings[:2]) <= set(apostrophe_spellings(each))
        # Nothing but apostrophes differs.
        assert all(a == b for a, b in zip(text, each, strict=True) if a in LETTERS)


@given(st.lists(texts, max_size=6, unique=True))
def test_groups_hold_the_spellings_of_one_text(spellings: list[str]) -> None:
    groups = by_text(spellings)

    assert sorted(each for group in groups for each in group) == sorted(spellings)
    assert [group[0] for group in groups] == [
        each for i, each in enumerate(spellings) if typed(each) not in map(typed, spellings[:i])
    ]
    assert all(len(set(map(typed, group))) == 1 for group in groups)
