"""Test years of datasets."""

import math

from concept_orderings.request import parse_request

from .bodies import FIRST, changed, listed
from .refusals import Refusal, each_of

YEAR = f"{FIRST}/year"

REFUSALS = [
    *(
        Refusal(f"year {value!r}", {YEAR: value}, "bad_year", [YEAR], "year")
        for value in [2001.0, "2001", True, -1, 0, 1899, 2200, 10**40, math.nan, []]
    ),
    Refusal("time without year", {"/ordering/kind": "time", YEAR: ...}, "missing_years", [YEAR], "for ONE:"),
    Refusal("split by year without years", {"/tasks": {"by": "year"}, YEAR: ...}, "missing_years", [YEAR], "for ONE:"),
    Refusal(
        "concepts without years",
        {"/concepts": ["A+++a", "cifar100+++a", "B+++a"], "/ordering/kind": "time"},
        "missing_years",
        ["/concepts"],
        "for A, B:",
        base=listed,
    ),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


def test_a_split_by_year_needs_years_under_any_ordering() -> None:
    one, other = (changed({"/tasks": {"by": "year"}, YEAR: year}) for year in (2001, 1999))

    assert parse_request(one).digest != parse_request(other).digest
