"""Test scores of datasets and of classes."""

import math

from concept_orderings.evidence.scores import scores_of
from concept_orderings.request import parse_request

from .bodies import FIRST, changed
from .refusals import Refusal, each_of

SCORES = f"{FIRST}/scores"

REFUSALS = [
    *(
        Refusal(f"scores {value!r:.20}", {SCORES: value}, "bad_score", [SCORES], "number")
        for value in [math.nan, math.inf, -math.inf, "0.5", True, [0.5], 10**400, -(10**400)]
    ),
    *(
        Refusal(f"score {value!r:.20}", {f"{SCORES}/b": value}, "bad_score", [f"{SCORES}/b"], "finite")
        for value in [math.nan, math.inf, "0.5", False, None, [], 10**400]
    ),
    Refusal(
        "scores of no class",
        {SCORES: {"a": 1, "d/e": 1, "D": 2}},
        "bad_score",
        [f"{SCORES}/D", f"{SCORES}/d~1e"],
        "'D'",
    ),
    Refusal(
        "performance without scores",
        {"/ordering/kind": "performance", SCORES: ...},
        "missing_scores",
        [SCORES],
        "for ONE:",
    ),
    Refusal(
        "performance without scores for one class",
        {"/ordering/kind": "performance", f"{SCORES}/b": ...},
        "missing_scores",
        [SCORES],
        "for ONE:",
    ),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


def test_minus_zero_is_zero_in_every_digest() -> None:
    zero, minus_zero = (
        parse_request(changed({f"{SCORES}/c": value, "/ordering/kind": "performance"})) for value in (0, -0.0)
    )

    assert zero.digest == minus_zero.digest
    assert scores_of(zero.concepts).tobytes() == scores_of(minus_zero.concepts).tobytes()


def test_one_score_for_every_class_is_one_score_for_the_dataset() -> None:
    one, every, some = (
        parse_request(
            changed(
                {
                    "/datasets": [{"name": "ONE", "classes": ["a", "b"], "scores": scores}],
                    "/ordering/kind": "performance",
                    "/tasks/count": 1,
                }
            )
        )
        for scores in (3, {"a": 3, "b": 3.0}, {"a": 3, "b": 4})
    )

    assert one.digest == every.digest
    assert one.digest != some.digest
