"""Test the field `description` of a request."""

import pytest

from concept_orderings.request import MOST_DESCRIPTION, parse_request

from .bodies import changed, right
from .refusals import Refusal, each_of

REFUSALS = [
    Refusal("a number", {"/description": 5}, "wrong_type", ["/description"], "a string"),
    *(
        Refusal(name, {"/description": text}, "bad_description", ["/description"], "at most 500 characters")
        for name, text in {
            "two lines": "a\nb",
            "a last line break": "a\n",
            "a control character": "a\x1b[31m",
            "a lone surrogate": "\ud800",
            "a long text": "a" * (MOST_DESCRIPTION + 1),
        }.items()
    ),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


@pytest.mark.parametrize("text", ["", "The pilot study", "\U0001f43b" * MOST_DESCRIPTION, None])
def test_a_description_is_no_part_of_the_identity(text: str | None) -> None:
    assert parse_request(changed({"/description": text})).canonical == parse_request(right()).canonical
