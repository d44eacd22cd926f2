"""Names in Redis are made in one place, and begin with the namespace."""

import re
from pathlib import Path

import pytest

from store.keys import DEFAULT_NAMESPACE, Keys

ROOT = Path(__file__).parents[3]
PROGRAMS = ("store", "app", "worker", "launcher", "docker")
# A string literal that begins like a key, or like a part of a key.
SPELT = re.compile(r"""["'`](concept-orderings:|[a-z{}]*:?(job|jobs|counting|counts|embeddings|run|docket):)""")


def names(keys: Keys) -> list[str]:
    """Return one name of each kind."""
    return [
        keys.format,
        keys.figures,
        keys.embeddings("f"),
        keys.embeddings("f", 1),
        keys.all_embeddings,
        keys.counts("f"),
        keys.count_claims("f"),
        keys.claim_holder("h"),
        keys.sources,
        keys.sources_reported,
        keys.sources_wanted,
        keys.source_reporters,
        keys.sources_asked,
        keys.changes,
        keys.active("job"),
        keys.last_run("job"),
        keys.recent("job"),
        keys.record("job", "i"),
        keys.request("job", "i"),
        keys.events("job", "i"),
        keys.lease("job", "i", 1),
        keys.queue("job"),
        keys.waiting("job"),
    ]


def test_all_names_begin_with_the_namespace() -> None:
    assert all(name.startswith("one:") for name in names(Keys("one")))
    assert set(names(Keys("one"))).isdisjoint(names(Keys("two")))


def test_no_two_names_are_the_same() -> None:
    all_names = [*names(Keys(DEFAULT_NAMESPACE)), *names(Keys("one"))]
    assert len(set(all_names)) == len(all_names)


def test_every_method_is_listed_above() -> None:
    public = {name for name in vars(Keys) if not name.startswith("_")} - {"namespace", "embeddings_in"}
    assert len(names(Keys("one"))) == len(public) + 1  # embeddings are named in two ways


@pytest.mark.parametrize("generation", [0, 1, 12345])
def test_the_key_of_embeddings_says_generation_and_encoder(generation: int) -> None:
    keys = Keys("one")
    assert keys.embeddings_in(keys.embeddings("f" * 64, generation)) == (generation, "f" * 64)
    assert keys.embeddings("f" * 64) == f"one:{'embeddings'}:{'f' * 64}", "that of release 0.1.0"


@pytest.mark.parametrize(
    "line", ['"concept-orderings:sources"', "f'{namespace}:job:{id}'", 'f"{prefix}counts:{name}"', '"embeddings:"']
)
def test_a_key_in_another_file_would_be_found(line: str) -> None:
    assert SPELT.search(f"key = {line}")


def test_no_other_file_has_a_key() -> None:
    files = [path for folder in PROGRAMS for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".lua")]
    assert len(files) > 50
    spelt = {
        path.relative_to(ROOT).as_posix(): found
        for path in files
        if (found := [match[0] for match in SPELT.finditer(path.read_text(encoding="utf-8"))])
    }
    assert spelt == {}
