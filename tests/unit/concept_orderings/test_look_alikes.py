"""Test which names look the same, how sentences tell them apart, and that every Python finds the same."""

import unicodedata
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from concept_orderings.canonical import sha256_hex
from concept_orderings.data import LOOK_ALIKES, read_packed
from concept_orderings.errors import InvalidInput
from concept_orderings.look_alikes import (
    appearance,
    composed,
    first_beside,
    grouped_by_appearance,
    loose_appearance,
    shown_beside,
    told_apart,
)
from concept_orderings.plain_names import plain
from concept_orderings.request import parse_request
from concept_orderings.rows import rows_by_name
from concept_orderings.text import is_plain_text

LOOKING_THE_SAME = {
    "NFC and NFD": ("são", "sa\u0303o"),
    "two marks in another order": ("e\u0301\u0327", "e\u0327\u0301"),
    "full width": ("ｄｏｇ", "dog"),
    "a ligature": ("ﬁsh", "fish"),
    "Cyrillic in a Latin word": ("d\u043eg", "dog"),
    "Greek capitals": ("\u0391\u0392", "AB"),
    "Cyrillic capitals": ("\u0406\u0441\u0435", "Ice"),
    "fraktur": ("𝔡𝔬𝔤", "dog"),
    "mathematical bold digits": ("\U0001d7d0", "2"),
    "Roman numerals": ("Ⅳ", "IV"),
    "a digit and a letter": ("Class 1", "Class l"),
    "zero and O": ("C0", "CO"),
    "a soft hyphen": ("pop\xadcorn", "popcorn"),
    "a byte order mark": ("\ufeffdog", "dog"),
    "a byte order mark inside": ("d\ufeffog", "dog"),
    "a zero-width space": ("a\u200bb", "ab"),
    "a zero-width joiner": ("a\u200db", "ab"),
    "a zero-width non-joiner": ("a\u200cb", "ab"),
    "a right-to-left mark": ("dog\u200f", "dog"),
    "a selector of a variant": ("dog\ufe0f", "dog"),
    "a filler of Hangul": ("dog\u3164", "dog"),
    "a no-break space": ("hot\xa0dog", "hot dog"),
    "an ideographic space": ("hot\u3000dog", "hot dog"),
    "two spaces": ("hot  dog", "hot dog"),
    "a space at the end": ("dog ", "dog"),
    "a curly apostrophe": ("valentine’s day", "valentine's day"),
    "a no-break hyphen": ("e\u2011reader", "e-reader"),
    "the micro sign": ("\xb5m", "\u03bcm"),
    "the Kelvin sign": ("\u212a", "K"),
    "Hangul syllables and letters": ("\ud55c", "\u1112\u1161\u11ab"),
}
LOOKING_DIFFERENT = [
    ("são", "sao"), ("peche", "pêche"), ("cornet", "comet"), ("C", "C++"), ("C#", "C"), ("Dog", "dog"), ("a b", "a_b"),
    ("ab", "a b"), ("dog", "dogs"), ("👩", "👩\u200d👧"), ("β", "b"), ("日", "目"), ("5 %", "5"), ("a-b", "a b"),
]  # fmt: skip
READING_ALIKE = [("Dog", "dog"), ("hot_dog", "hot dog"), ("_dog", "Dog "), ("STRASSE", "straße"), ("\u0391", "a")]

texts = st.text(st.characters() | st.sampled_from("aeо\u0301\u0327\u200b\xad_ ﬁ1lI"), max_size=8)


@pytest.mark.parametrize("pair", LOOKING_THE_SAME.values(), ids=LOOKING_THE_SAME.keys())
def test_names_that_look_the_same(pair: tuple[str, str]) -> None:
    one, other = pair
    assert one != other
    assert appearance(one) == appearance(other)
    assert grouped_by_appearance(["zebra", one, "cat", other]) == [[one, other]]


@pytest.mark.parametrize(("one", "other"), LOOKING_DIFFERENT)
def test_names_that_look_different(one: str, other: str) -> None:
    assert appearance(one) != appearance(other)
    assert grouped_by_appearance([one, other]) == []


@pytest.mark.parametrize(("one", "other"), READING_ALIKE)
def test_names_that_read_alike(one: str, other: str) -> None:
    assert loose_appearance(one) == loose_appearance(other)
    assert grouped_by_appearance([one, other], loosely=True) == [[one, other]]


@given(st.lists(texts, unique=True, max_size=12), st.booleans())
@example(["a", " a", "a\u0301", "b  c", "b c"], False)
def test_groups_are_those_of_the_names_one_by_one(names: list[str], loosely: bool) -> None:
    names = [name for name in names if is_plain_text(name)]
    key = loose_appearance if loosely else appearance
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[key(name)].append(name)

    assert grouped_by_appearance(names, loosely=loosely) == [each for each in groups.values() if len(each) > 1]


@given(texts)
def test_a_name_looks_as_its_skeleton_and_as_its_normal_forms_do(name: str) -> None:
    assert appearance(appearance(name)) == appearance(name)
    assert appearance(composed(name)) == appearance(name)
    assert composed(composed(name)) == composed(name)
    if not name.isascii() and unicodedata.unidata_version == "14.0.0":
        assert composed(name) == unicodedata.normalize("NFC", name)


@given(texts)
@example("d\u043eg")
@example("\u200bﬁ\ufeff")
def test_the_plain_form_of_a_name_looks_the_same_and_is_plain(name: str) -> None:
    found = plain(name)

    assert appearance(found) == appearance(name)
    assert plain(found) == found
    if name.isascii():
        assert found == name


PLAIN = {
    "d\u043eg": "dog",
    "p\u041d": "pH",
    "c\u043e\u0432\u0430": "\u0441\u043e\u0432\u0430",
    "\u03a7mas tree": "Xmas tree",
    "ﬁsh": "fish",
    "ﬀ": "ff",
    "ｄｏｇ ２": "dog 2",
    "𝔡𝔬𝔤": "dog",
    "Ⅳ": "IV",
    "pop\xadcorn": "popcorn",
    "\ufeffdog": "dog",
    "d\ufeffog": "dog",
    "a\u200bb": "ab",
    "dog\u200e": "dog",
    "\u0441\u043e\u200b\u0432\u0430": "\u0441\u043e\u0432\u0430",
    "sa\u0303o": "são",
}


@pytest.mark.parametrize(("name", "text"), PLAIN.items(), ids=map(ascii, PLAIN))
def test_the_plain_form_is_what_running_text_has(name: str, text: str) -> None:
    assert plain(name) == text


@pytest.mark.parametrize(
    "name",
    [
        "são", "\u0441\u043e\u0432\u0430", "ΑΒ", "α-helix", "β2", "μm", "\xb5m", "m²", "½", "™", "℃", "…",
        "1\ufe0f\u20e3", "❤\ufe0f", "👩\u200d👩\u200d👧", "🏴\U000e0067\U000e0062\U000e007f", "می\u200cخواهم",
        "क्\u200dष",
        "ไทย\u200bไทย", "עברית\u200f", "中文（一）", "hot\xa0dog", "葛\U000e0100", "αβc",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_running_text_has_is_plain(name: str) -> None:
    assert plain(name) == name


def test_names_are_told_apart_by_the_code_points_in_which_they_differ() -> None:
    assert told_apart("são", "sa\u0303o") == ("'são' (U+00E3)", "'sa\u0303o' (a, U+0303)")
    assert told_apart("popcorn", "pop\xadcorn") == ("'popcorn'", r"'pop\xadcorn' (U+00AD)")
    assert told_apart("hot dog", "hot\xa0dog") == ("'hot dog' (U+0020)", r"'hot\xa0dog' (U+00A0)")
    assert told_apart("Class 1", "Class l") == ("'Class 1' (1)", "'Class l' (l)")
    assert told_apart("ａｂｃｄｅｆｇ", "abcdefg")[1] == "'abcdefg' (a, b, c, d, e, f, …)"


@given(texts, texts)
def test_two_names_are_never_shown_alike(one: str, other: str) -> None:
    if one != other and len(one) == len(other) == 1:
        first, second = told_apart(one, other)
        assert first != second
        assert first.isprintable()
        assert second.isprintable()


def test_a_name_beside_its_look_alike() -> None:
    assert shown_beside("pin\u0303ata", ["fig", "piñata"]) == (
        "'pin\u0303ata' (n, U+0303; it only looks like 'piñata', U+00F1)"
    )
    assert shown_beside("popcorn", ["pop\xadcorn"]) == r"'popcorn' (it only looks like 'pop\xadcorn', U+00AD)"
    assert shown_beside("fig", ["piñata", "fig tree"]) == "'fig'"
    assert first_beside(["d\u043eg", "b", "c"], ["dog"], 2) == (
        "'d\u043eg' (U+043E; it only looks like 'dog', o), 'b' and 1 more"
    )


# --- Errors about names that are among others to the eye.


def refusal(**changes: Any) -> str:
    """Return the sentence that refuses a request for the classes piñata, in NFC, and fig."""
    dataset: dict[str, Any] = {"name": "X", "classes": ["piñata", "fig"], **changes.pop("dataset", {})}
    body = {"name": "s", "datasets": [dataset], "ordering": {"kind": "random"}, "tasks": {"count": 1}, **changes}
    with pytest.raises(InvalidInput) as refused:
        parse_request(body)
    return refused.value.detail


DECOMPOSED = "pin\u0303ata"
APART = "'pin\u0303ata' (n, U+0303; it only looks like 'piñata', U+00F1)"


@pytest.mark.parametrize("field", ["counts", "scores", "queries"])
def test_evidence_for_a_class_that_only_looks_like_one_of_the_list(field: str) -> None:
    ordering = {"counts": {"kind": "frequency"}, "scores": {"kind": "performance"}}
    value: Any = "pinata" if field == "queries" else 1
    found = refusal(
        dataset={field: {DECOMPOSED: value, "fig": value}},
        ordering=ordering.get(field, {"kind": "frequency", "source": "c4"}),
    )

    assert found == f"{APART} is not among the dataset's classes; remove it or add the class."


@pytest.mark.parametrize(("field", "kind"), [("counts", "frequency"), ("scores", "performance")])
def test_a_class_without_evidence_that_looks_like_one_with_it(field: str, kind: str) -> None:
    found = refusal(dataset={"classes": ["piñata", DECOMPOSED], field: {"piñata": 1}}, ordering={"kind": kind})

    assert found.endswith(f"X has {field} for some classes, but none for {APART}.")


def test_an_order_with_a_concept_that_only_looks_like_one() -> None:
    found = refusal(ordering={"kind": "given", "order": [f"X+++{DECOMPOSED}", "X+++fig"]})

    assert found.startswith(
        "The order has 'X+++pin\u0303ata' (n, U+0303; it only looks like 'X+++piñata', U+00F1), which"
    )


def test_a_path_that_is_to_start_at_a_concept_that_only_looks_like_one() -> None:
    found = refusal(ordering={"kind": "similarity", "starts": f"X+++{DECOMPOSED}"})

    assert "'X+++pin\u0303ata' (n, U+0303; it only looks like 'X+++piñata', U+00F1), which is not" in found


def test_rows_with_names_that_only_look_like_concepts() -> None:
    body = {"name": "s", "concepts": ["X+++piñata", "X+++fig"], "ordering": {"kind": "random"}, "tasks": {"count": 1}}
    concepts = parse_request(body).concepts

    with pytest.raises(InvalidInput) as refused:
        rows_by_name([DECOMPOSED, "fig"], concepts)
    assert refused.value.detail.endswith(f"no concept: {APART}.")
    with pytest.raises(InvalidInput) as refused:
        rows_by_name([f"X+++{DECOMPOSED}", "fig"], concepts)
    assert (
        "has no row: 'X+++piñata' (U+00F1; it only looks like 'X+++pin\u0303ata', n, U+0303);" in refused.value.detail
    )


# --- The same on every Python.

CHANGING = (
    range(0x3100),
    range(0xA600, 0xABF0),
    range(0xF900, 0x10100),
    range(0x1D400, 0x1D800),
    range(0x1DF00, 0x1FBF0),
)


def test_the_known_characters_are_those_of_unicode_14() -> None:
    runs = read_packed(LOOK_ALIKES)["assigned"]
    known = {code_point for first, last in runs for code_point in range(first, last + 1)}
    without_meaning = {
        point for point in range(0x110000) if 0xFDD0 <= point <= 0xFDEF or point % 0x10000 in (0xFFFE, 0xFFFF)
    }
    unassigned = {point for point in range(0x110000) if unicodedata.category(chr(point)) == "Cn"} - without_meaning

    assert without_meaning <= known
    assert known.isdisjoint(unassigned)  # nothing is ever taken out of Unicode
    if unicodedata.unidata_version == "14.0.0":
        assert known | unassigned == set(range(0x110000))


@pytest.mark.parametrize(
    ("change", "digest"),
    [
        (appearance, "6956482529ccbe223405752085bfd8a6147f64be83ab44c2a3cd5024d6112930"),
        (loose_appearance, "ffbe476623f878183b765e93b573eac761c204e95078255e715a0cbdd25bc027"),
        (composed, "35ebea3629f8b4fd098c86ddfb18ec37ad807b0a9b662b0220b0c43e1b699bf4"),
        (plain, "b0bbfdb6d35ec6b435b0bf4ce3e5c654a48faac1e56910559342f99aff2eadcb"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_python_reads_each_character_alike(change: Any, digest: str) -> None:
    """Each character of the blocks that have been added to most, alone, after a letter and before an accent."""
    found = (change(f"{chr(point)} a{chr(point)}\u0301b") for block in CHANGING for point in block)

    assert sha256_hex("\n".join(found).encode()) == digest
