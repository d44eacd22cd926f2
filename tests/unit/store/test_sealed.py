import json

import pytest

from concept_orderings.canonical import Json
from store.sealed import seal, unseal

FIELDS: dict[str, Json] = {"name": "birds", "tasks": 3}


def test_a_sealed_record_gives_its_fields_back() -> None:
    assert unseal(seal(FIELDS, record_format=1), record_format=1) == FIELDS


def test_a_field_named_format_is_refused() -> None:
    """It would silently replace the record's own format."""
    with pytest.raises(ValueError, match='a field named "format"'):
        seal({**FIELDS, "format": 7}, record_format=1)


def test_a_record_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="its format is 2, this software reads 1"):
        unseal(seal(FIELDS, record_format=2), record_format=1)


def test_a_changed_record_is_refused() -> None:
    stored = json.loads(seal(FIELDS, record_format=1))
    stored["record"]["tasks"] = 4
    with pytest.raises(ValueError, match="digest does not match"):
        unseal(json.dumps(stored).encode(), record_format=1)


ADDED: dict[str, Json] = {"warning_details": [{"code": "x"}]}


def test_what_was_added_is_given_back_and_leaves_the_record_as_earlier_releases_read_it() -> None:
    stored = seal(FIELDS, record_format=1, added=ADDED)
    assert unseal(stored, record_format=1) == {**FIELDS, **ADDED}
    before = json.loads(seal(FIELDS, record_format=1))
    assert {name: json.loads(stored)[name] for name in before} == before


@pytest.mark.parametrize("change", ["value", "lost", "digest lost"])
def test_a_change_of_what_was_added_is_refused(change: str) -> None:
    stored = json.loads(seal(FIELDS, record_format=1, added=ADDED))
    match change:
        case "value":
            stored["added"]["warning_details"] = []
        case "lost":
            del stored["added"]
        case _:
            del stored["added_digest"]
    with pytest.raises((ValueError, KeyError)):
        unseal(json.dumps(stored).encode(), record_format=1)
