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
