"""What infini-gram is asked for a name: never an operation, never too long, never nothing."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from concept_orderings.queries import folded
from worker.evidence.counts.infini_gram import InfiniGramSettings
from worker.evidence.counts.infini_gram.source import MOST_BYTES

SOURCE = InfiniGramSettings().open("c4")
WORDS = st.sampled_from(["AND", "OR", "and", "or", "And", "ANDROID", "ORB", "x", "été", "🐟", "x" * 300, "é" * 260])
NAMES = st.lists(WORDS | st.text(max_size=20), max_size=12).map(" ".join) | st.text()


@given(NAMES)
@example("x AND OR y")
@example("x AND AND AND y")
@example(" AND ")
@example("\tAND\xa0x")
@example("é" * 1000)
@example("🐟" * 1000)
@example("x" * 499 + " y")
@example("x" * 498 + " y")
def test_a_form_can_be_encoded_and_is_short(name: str) -> None:
    form = SOURCE.form(name)

    assert " AND " not in form
    assert " OR " not in form
    assert len(form.encode()) < 500
    assert form == form.strip()
    assert bool(form) == bool(name.strip())
    assert SOURCE.form(form) == form


@given(NAMES)
def test_a_form_begins_as_the_name_does(name: str) -> None:
    form, text = SOURCE.form(name), " ".join(name.split())

    assert text.casefold().startswith(form.casefold())
    if len(text.encode()) <= MOST_BYTES:
        assert len(form) == len(text)
        assert {(one, other) for one, other in zip(text.split(), form.split(), strict=True) if one != other} <= {
            ("AND", "and"),
            ("OR", "or"),
        }


@given(st.lists(st.text("abé🐟", min_size=1, max_size=99), min_size=1, max_size=30))
def test_whole_words_are_kept_as_many_as_fit(words: list[str]) -> None:
    form = SOURCE.form(" ".join(words)).split(" ")

    assert form == words[: len(form)]
    assert len(form) == len(words) or len(" ".join(words[: len(form) + 1]).encode()) > MOST_BYTES


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("salt AND pepper", "salt and pepper"),
        ("x OR y AND z", "x or y and z"),
        ("AND", "AND"),
        ("AND gate", "AND gate"),
        ("logical OR", "logical OR"),
        ("Salt And Pepper", "Salt And Pepper"),
        ("ORB ANDROID", "ORB ANDROID"),
        ("Aquarium  Fish ", "Aquarium Fish"),
        ("", ""),
        (" \t\xa0", ""),
        ("x" * 600, "x" * 499),
        ("é" * 300, "é" * 249),
        ("y " + "x" * 600, "y"),
        ("x" * 499 + " y", "x" * 499),
    ],
)
def test_forms(name: str, form: str) -> None:
    assert SOURCE.form(name) == form


@given(st.text(st.sampled_from("abAB_/ ")))
def test_usual_names_are_sent_unchanged(name: str) -> None:
    assert SOURCE.form(folded(name)) == folded(name)


def test_settings_default_to_c4_at_the_public_endpoint() -> None:
    settings = InfiniGramSettings.model_validate({"kind": "infini-gram"})

    assert settings == InfiniGramSettings()
    assert (settings.url, settings.index) == ("https://api.infini-gram.io/", "v4_c4train_llama")
    assert settings.in_flight <= 8, "the endpoint is shared with others"


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "elasticsearch"},
        {"url": "api.infini-gram.io"},
        {"url": "ftp://api.infini-gram.io/"},
        {"url": "https://"},
        {"url": "https://x:port/"},
        {"index": ""},
        {"in_flight": 0},
        {"timeout_seconds": 0},
        {"ttl_hours": -1},
        {"ttl_hours": float("inf")},
        {"timeout_seconds": float("inf")},
        {"indx": "v4_c4train_llama"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        InfiniGramSettings.model_validate(wrong)


def test_secrets_in_a_url_are_not_shown() -> None:
    settings = InfiniGramSettings.model_validate({"url": "https://user:secret@host:8443/count?key=secret#secret"})

    assert settings.public_url == "https://host:8443/count"
