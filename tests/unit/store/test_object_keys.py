"""Every key that the store writes is known to the check of a store."""

import inspect

import pytest

from store import object_keys
from store.object_keys import CONTENTS, Kind, Place, place_of

DIGEST = "0f" * 32
FOLDERS = ("versions", "request_pointers", "exports", "tombstones", "descriptions", "documents", "stream", "place_of")
ARGUMENTS = {
    "stream": "birds",
    "version": 3,
    "number": 3,
    "name": "mine",
    "request_digest": DIGEST,
    "digest": DIGEST,
    "exporter": "csv",
    "exporter_version": 1,
    "labels": DIGEST,
    "form": "parquet",
    "form_version": 1,
    "folder": object_keys.COUNTS_FILES,
    "writer": 17,
}
FUNCTIONS = {
    name: function
    for name, function in inspect.getmembers(object_keys, inspect.isfunction)
    if function.__module__ == object_keys.__name__ and name not in FOLDERS
}


def place(name: str, **other: str) -> Place | None:
    """Return the place of a key that a function of `object_keys` makes."""
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    return place_of(FUNCTIONS[name](**{each: {**ARGUMENTS, **other}[each] for each in parameters}))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_key_has_a_kind(name: str) -> None:
    found = place(name)
    assert found is not None, f"give the keys of object_keys.{name} a Kind, so that `fsck` reads them"
    if found.kind in CONTENTS:
        assert found.digest == DIGEST
    if "version" in inspect.signature(FUNCTIONS[name]).parameters:
        assert (found.name, found.number) == ("birds", 3)


def test_each_kind_has_a_key() -> None:
    folders = (object_keys.COUNTS_FILES, object_keys.SCORES_FILES)
    made = [place(name, folder=folder) for name in FUNCTIONS for folder in folders]
    assert {each.kind for each in made if each is not None} == set(Kind)


@pytest.mark.parametrize("key", ["", "streams", "streams/a/versions/1.json", "documents/ab/xy", "sources/a.txt", "x/y"])
def test_other_keys_have_none(key: str) -> None:
    assert place_of(key) is None
