"""Test which characters show nothing, that a name of them alone is refused, and that errors show them."""

import ast
import json
import re
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.canonical import canonical_json
from concept_orderings.canonical_request import read_canonical
from concept_orderings.concepts import CLASS_NAME, CLASS_NAMES, CONCEPT, CONCEPTS, DATASET_NAME
from concept_orderings.errors import InvalidInput
from concept_orderings.evidence.counts import QUERY
from concept_orderings.request import parse_request
from concept_orderings.shapes import Shape
from concept_orderings.text import BLANK, is_plain_text, later_characters, schema_pattern, shown, shows_something

BLANKS = {
    "no-break space": "\xa0",
    "ideographic space": "\u3000",
    "line separator": "\u2028",
    "soft hyphen": "\xad",
    "combining grapheme joiner": "\u034f",
    "zero-width space": "\u200b",
    "zero-width non-joiner": "\u200c",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "right-to-left mark": "\u200f",
    "isolate": "\u2066",
    "leading filler of Hangul": "\u115f",
    "vowel filler of Hangul": "\u1160",
    "filler of Hangul": "\u3164",
    "filler of Hangul, half width": "\uffa0",
    "blank Braille pattern": "\u2800",
    "selector of a variant": "\ufe0f",
    "selector of an ideograph": "\U000e0100",
    "tag": "\U000e0041",
    "Mongolian selector": "\u180b",
    "Mongolian vowel separator": "\u180e",
    "Khmer inherent vowel": "\u17b4",
    "annotation": "\ufff9",
    "null note": "\U0001d159",
    "beam of notes": "\U0001d173",
    "filler of Khitan": "\U00016fe4",
    "joiner of hieroglyphs": "\U00013430",
    "several": "\u200b \ufeff\u3164",
}
SHOWN = ["a", "ё", "中", "ﬁ", "😀", "!", "\u0301", "\ue000", "'", "_", "½", "+", "\u0600", "\u2422"]

every_blank = pytest.mark.parametrize("blank", [pytest.param(text, id=name) for name, text in BLANKS.items()])


def body_of(dataset: str, class_name: str) -> dict[str, Any]:
    datasets = [{"name": dataset, "classes": [class_name]}]
    return {"name": "s", "datasets": datasets, "ordering": {"kind": "random"}, "tasks": {"count": 1}}


@every_blank
def test_a_name_that_shows_nothing_is_refused(blank: str) -> None:
    for dataset, class_name, pointer in ((blank, "a", "/datasets/0/name"), ("A", blank, "/datasets/0/classes/0")):
        with pytest.raises(InvalidInput, match="needs a visible character") as refused:
            parse_request(body_of(dataset, class_name))
        assert refused.value.code == ("bad_name" if class_name == "a" else "bad_class_name")
        assert refused.value.pointers == (pointer,)
        flat = {**body_of("A", "a"), "concepts": [f"{dataset}+++{class_name}"]}
        del flat["datasets"]
        with pytest.raises(InvalidInput, match="needs a visible character"):
            parse_request(flat)
    assert not CONCEPT.fits(f"{blank}+++a")
    assert not CONCEPT.fits(f"A+++{blank}")


@pytest.mark.parametrize("text", ["\ufe0f", "\ufe00 \ufe0f", *BLANKS.values()], ids=ascii)
def test_a_text_that_shows_nothing_is_quoted_by_its_code_points(text: str) -> None:
    assert shown(text) == ascii(text)
    assert shown("\u2764\ufe0f") == "'\u2764\ufe0f'"


@every_blank
def test_a_query_or_the_name_of_a_stream_that_shows_nothing_is_refused(blank: str) -> None:
    body = body_of("A", "a")
    body["ordering"] = {"kind": "frequency", "source": "c4"}
    for query in (blank, ["a", blank]):
        body["datasets"][0]["queries"] = {"a": query}
        with pytest.raises(InvalidInput) as refused:
            parse_request(body)
        assert refused.value.code == "bad_query"
    with pytest.raises(InvalidInput) as refused:
        parse_request({**body_of("A", "a"), "name": blank})
    assert refused.value.code == "bad_stream_name"


@every_blank
def test_a_name_with_something_beside_it_is_accepted(blank: str) -> None:
    for name in (f"{blank}a", f"a{blank}", f"{blank}+{blank}", f"a{blank}b"):
        assert parse_request(body_of(f"{name}.", name)).concepts.ids == (f"{name}.+++{name}",)
        assert CONCEPT.fits(f"{name}.+++{name}")


@pytest.mark.parametrize("text", SHOWN)
def test_a_name_of_one_character_that_shows_something_is_accepted(text: str) -> None:
    assert parse_request(body_of(f"{text}.", text)).concepts.class_names == (text,)


def test_all_separators_and_all_formats_without_a_sign_show_nothing() -> None:
    signs = re.compile("ARABIC|SYRIAC|KAITHI")
    for code_point in range(sys.maxunicode + 1):
        character = chr(code_point)
        category = unicodedata.category(character)
        if category in ("Zs", "Zl", "Zp") or (category == "Cf" and not signs.match(unicodedata.name(character))):
            assert not shows_something(character), f"U+{code_point:04X}"
        elif category[0] in "LNPS" and "FILLER" not in unicodedata.name(character, ""):
            allowed = ("BLANK", "NULL NOTEHEAD")
            assert shows_something(character) or unicodedata.name(character).endswith(allowed), f"U+{code_point:04X}"


def test_a_stored_request_of_0_1_0_with_such_a_name_is_read_by_its_own_rules() -> None:
    written = parse_request(body_of("A", "a")).as_json()
    written["datasets"] = [{"name": "\u2800", "classes": ["\u200b", "\u3164"]}]
    stored = canonical_json(written)

    assert read_canonical(stored).canonical == stored
    with pytest.raises(InvalidInput):
        parse_request(json.loads(stored))


@pytest.mark.parametrize(
    "shape",
    [DATASET_NAME, CLASS_NAME, CLASS_NAMES, CONCEPT, CONCEPTS, QUERY],
    ids=["dataset", "class", "classes", "concept", "concepts", "query"],
)
def test_patterns_of_the_api_name_no_character_beyond_16_bits(shape: Shape) -> None:
    """Without its flag u, ECMA-262 refuses a class with a run of them."""
    assert max(map(ord, json.dumps(shape.json_schema(), ensure_ascii=False))) <= 0xFFFF
    assert "\u2800" in json.dumps(shape.json_schema(), ensure_ascii=False)


def test_a_pattern_of_the_api_refuses_the_common_ones() -> None:
    pattern = re.compile(schema_pattern(f"^[^{BLANK}]$"))

    assert not any(pattern.search(blank) for blank in BLANKS.values() if max(map(ord, blank)) <= 0xFFFF)
    assert all(map(pattern.search, SHOWN))


@every_blank
def test_an_error_shows_what_shows_nothing(blank: str) -> None:
    if blank == "\ufe0f":  # part of many pictures
        assert shown("❤\ufe0f") == "'❤\ufe0f'"
    else:
        assert shown(f"a{blank}b").isascii()


def test_a_character_that_the_oldest_python_does_not_know_is_escaped_by_every_python() -> None:
    """U+1FAE8 is of Unicode 15.0, U+1F9CC of 14.0."""
    assert shown("a \U0001fae8") == r"'a \U0001fae8'"
    assert shown("a \U0001f9cc") == "'a \U0001f9cc'"
    assert shown("\u0cf3") == r"'\u0cf3'"


@given(st.text(st.characters()))
def test_text_is_quoted_as_python_does_but_for_blanks(text: str) -> None:
    quoted = shown(text, limit=10_000)

    assert ast.literal_eval(quoted) == text
    if is_plain_text(text) and not re.search(f"[{BLANK}]", text) and later_characters().search(text) is None:
        assert quoted == repr(text)
