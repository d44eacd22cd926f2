"""Test the forms in which clients get what is stored."""

import json

from app.schemas import warning_resources
from concept_orderings.stream_warnings import StreamWarning


def test_warnings_are_sent_as_they_are_stored() -> None:
    plain = StreamWarning("x", "A warning.", 1, ("a+++b",))
    helpful = StreamWarning(
        "y", "Another warning.", 2, (), {"/b/beach": "beach", "grey_wolf": ["grey wolf", "gray wolf"]}
    )
    stored = [plain, helpful]

    assert [json.loads(each.model_dump_json()) for each in warning_resources(stored)] == [
        each.as_json() for each in stored
    ]
