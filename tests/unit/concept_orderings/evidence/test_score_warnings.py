"""Test the warnings about scores: when they occur, and which numbers and names they have."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.evidence.score_warnings import equal_scores, score_warnings
from concept_orderings.evidence.scores import scores_of
from concept_orderings.library import arrange_stream, foreseen_warnings
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.stream_warnings import StreamWarning
from unit.concept_orderings.strategies import requests

DSPRITES: dict[str, Any] = {"name": "dsprites", "classes": ["square"]}


def food(scores: Any, classes: int = 1, name: str = "my-food") -> dict[str, Any]:
    return {"name": name, "classes": [f"dish {i:02}" for i in range(classes)], "scores": scores}


def by_class(*scores: float) -> dict[str, float]:
    return {f"dish {i:02}": score for i, score in enumerate(scores)}


def request_of(*datasets: dict[str, Any]) -> StreamRequest:
    ordering = {"kind": "performance"}
    return parse_request({"name": "s", "datasets": list(datasets), "ordering": ordering, "tasks": {"count": 1}})


def warned(*datasets: dict[str, Any]) -> dict[str, StreamWarning]:
    concepts = request_of(*datasets).concepts
    found = score_warnings(scores_of(concepts), concepts)
    assert len({each.code for each in found}) == len(found)
    return {each.code: each for each in found}


def test_a_given_share_beside_a_percentage_of_the_catalogue() -> None:
    found = warned(food(0.9623), DSPRITES)

    assert list(found) == ["mixed_scores", "scores_like_shares"]
    assert found["mixed_scores"].detail == (
        "The scores of 1 of 2 concepts are given (my-food), and those of the others (DSPRITES) are from the catalogue "
        "(zero-shot accuracy in percent; recall for retrieval sets, of OpenCLIP ViT-B/32): they compare only if model "
        "and unit are the same; if not, give scores for all datasets."
    )
    assert found["scores_like_shares"].detail == (
        "The scores of 1 of 2 concepts (my-food) lie between 0 and 1 and look like shares, those of others (DSPRITES) "
        "like percent: give all in percent, or those of shares count as harder than they are."
    )
    assert {(each.count, each.concepts) for each in found.values()} == {(1, ("my-food+++dish 00",))}


@pytest.mark.parametrize(
    ("datasets", "codes"),
    [
        ([food(96.23), DSPRITES], ["mixed_scores"]),
        ([food(1.01), DSPRITES], ["mixed_scores"]),
        ([food(0), DSPRITES], ["mixed_scores", "scores_like_shares"]),
        ([food(1), DSPRITES], ["mixed_scores", "scores_like_shares"]),
        ([food(0.9), food(0.8, name="B")], []),
        ([food(90), food(80, name="B")], []),
        # One score for all may well be 0.3 percent; several below 1 are hardly percent.
        ([food(0.3), food(80, name="B")], []),
        ([food(by_class(0.3, 0.9), 2), food(80, name="B")], ["scores_like_shares"]),
        ([food(by_class(0.3, 1.1), 2), food(80, name="B")], []),
        (
            [food(by_class(0.3, 0.9), 2), food(by_class(30, 90), 2, name="B"), DSPRITES],
            ["mixed_scores", "scores_like_shares"],
        ),
        ([food(-0.5)], ["odd_scores"]),
        ([food(101)], ["odd_scores"]),
        ([food(1e9)], ["odd_scores"]),
        ([food(100), food(0, name="B")], []),
        ([DSPRITES], []),
        ([{"name": "dsprites", "classes": ["square"], "scores": 11.8}], []),
        ([food(50, 2)], ["dataset_scores"]),
        ([food(by_class(1, 2), 2)], []),
        ([food(by_class(*[50] * 9, 51), 10)], []),
        ([food(by_class(*[50] * 10, 51), 11)], ["equal_scores"]),
        ([food(50, 10)], ["dataset_scores", "equal_scores"]),
    ],
    ids=str,
)
def test_the_codes(datasets: list[dict[str, Any]], codes: list[str]) -> None:
    assert list(warned(*datasets)) == codes


def test_scores_that_are_neither_shares_nor_percent_are_counted_and_the_first_named() -> None:
    found = warned(food(by_class(*range(101, 113), 50), 13))["odd_scores"]

    assert found.count == 12
    assert found.detail.startswith(
        "12 of 13 concepts have a score below 0 or above 100 (such as 'my-food+++dish 00': 101.0, "
    )
    assert "dish 09" in found.detail
    assert "dish 10" not in found.detail
    assert len(found.concepts) == 12


def test_one_score_for_each_dataset_orders_datasets() -> None:
    cifar = {"name": "cifar100", "classes": ["bear", "otter"]}
    found = warned(cifar, food(by_class(1, 2), 2), DSPRITES)["dataset_scores"]

    assert found.detail == (
        "2 of 5 concepts have the score of their dataset (CIFAR100) and none of their own: datasets are ordered by it, "
        "and inside a dataset the order is random; give a score for each class to order the concepts themselves."
    )
    assert (found.count, found.concepts) == (2, ("CIFAR100+++bear", "CIFAR100+++otter"))


def test_the_largest_group_of_equal_scores_is_named() -> None:
    concepts = request_of(food(by_class(*[75.8] * 12, 3), 13)).concepts
    [warning] = equal_scores(scores_of(concepts), concepts)

    assert warning.detail == (
        "12 of 13 concepts are in 1 group of 10 or more with equal scores, inside which their order is random; the "
        "largest has 12 concepts, with a score of 75.8."
    )
    assert warning.count == 12


@given(requests(["performance"]))
def test_warnings_of_scores_are_foreseen_and_change_no_order(body: dict[str, Any]) -> None:
    request = parse_request(body)
    stream = arrange_stream(request, evidence_at_hand(request))
    found = score_warnings(scores_of(request.concepts), request.concepts)

    assert stream.arrangement.warnings == found
    assert [each for each in foreseen_warnings(request) if each in found] == list(found)
    scores = scores_of(request.concepts)[stream.arrangement.order].tolist()
    assert scores == sorted(scores, reverse=not request.ordering.reverse)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_all_scores_of_one_scale_are_not_warned_of_for_it(values: list[float]) -> None:
    shares = food(by_class(*values), len(values))
    percent = food(by_class(*(100 * each for each in values)), len(values))

    assert not {"mixed_scores", "scores_like_shares", "odd_scores"} & warned(shares).keys()
    assert not {"mixed_scores", "scores_like_shares", "odd_scores"} & warned(percent).keys()
