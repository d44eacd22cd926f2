"""Test that rows are matched with concepts by name, and that every fault of the names is named."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings import arrange
from concept_orderings.catalogue import find_dataset
from concept_orderings.concepts import Concepts, split_concept
from concept_orderings.errors import BadValue
from concept_orderings.request import parse_request
from concept_orderings.rows import check_listing, rows_by_name

from .strategies import Body, embeddings_for, requests


def concepts(*names: str) -> Concepts:
    body = {"name": "x", "concepts": names, "ordering": {"kind": "random"}, "tasks": {"count": 1}}
    return parse_request(body).concepts


SEVERAL = concepts("abc+++apple", "cifar100+++apple", "cifar100+++bear", "abc+++clock")


def refusal(names: Sequence[str], among: Concepts = SEVERAL) -> str:
    with pytest.raises(BadValue) as refused:
        rows_by_name(names, among)
    assert refused.value.code == "bad_rows"
    return refused.value.detail


def test_rows_may_be_in_any_order_and_have_either_name() -> None:
    # The canonical order is by the name in the catalogue: CIFAR100 before abc.
    assert SEVERAL.ids == ("CIFAR100+++apple", "CIFAR100+++bear", "abc+++apple", "abc+++clock")

    names = ["abc+++apple", "clock", "CIFAR100+++apple", "cifar100+++bear"]
    assert rows_by_name(names, SEVERAL).tolist() == [2, 3, 0, 1]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["bear", "clock", "abc+++apple"], "1 concept has no row: 'CIFAR100+++apple'."),
        (
            ["bear", "clock", "abc+++apple", "cifar100+++apple", "dog", "abc+++dog"],
            "2 rows have names that are no concepts: 'dog', 'abc+++dog'.",
        ),
        (
            ["bear", "CIFAR100+++bear", "clock", "abc+++apple", "cifar100+++apple"],
            "1 concept has several rows: 'CIFAR100+++bear'.",
        ),
        (["bear", "clock", "apple", "apple"], "1 name needs its DATASET+++: 'apple'."),
        (
            ["bear", "bear", "dog", "abc+++apple", "CIFAR100+++apple"],
            "1 concept has no row: 'abc+++clock'; 1 row has a name that is no concept: 'dog'; "
            "1 concept has several rows: 'CIFAR100+++bear'.",
        ),
    ],
)
def test_every_fault_of_the_names_is_named(names: list[str], says: str) -> None:
    assert refusal(names) == says


def test_at_most_ten_names_of_each_fault_are_shown() -> None:
    many = concepts(*(f"A+++{i:02}" for i in range(15)))

    assert refusal(["00"], many) == (
        "14 concepts have no row: 'A+++01', 'A+++02', 'A+++03', 'A+++04', 'A+++05', 'A+++06', 'A+++07', 'A+++08', "
        "'A+++09', 'A+++10' and 4 more."
    )


@given(body=requests(), random=st.randoms(use_true_random=False))
def test_shuffled_rows_with_names_give_the_same_order(body: Body, random: Random) -> None:
    request = parse_request(body)
    embeddings = embeddings_for(request)
    rows = list(range(len(request.concepts)))
    random.shuffle(rows)
    names = [other_name(request.concepts.ids[i]) for i in rows]

    assert arrange(body, embeddings=embeddings[rows], names=names) == arrange(body, embeddings=embeddings)


def other_name(concept: str) -> str:
    """Return a concept with the other name of its dataset, if it has one."""
    dataset, class_name = split_concept(concept)
    known = find_dataset(dataset)
    return f"{known.handle if known else dataset}+++{class_name}"


def test_counts_are_matched_by_name_too() -> None:
    body = {
        "name": "x",
        "concepts": ["abc+++a", "cifar100+++b", "abc+++c"],
        "ordering": {"kind": "frequency", "source": "mine"},
        "tasks": {"count": 1},
    }

    assert arrange(body, counts=[1, 2, 3], names=["a", "b", "c"]) == [["abc+++a", "CIFAR100+++b", "abc+++c"]]
    with pytest.raises(ValueError, match="2 values were passed for 3 names"):
        arrange(body, counts=[1, 2], names=["a", "b", "c"])


def test_passed_embeddings_need_no_templates() -> None:
    body = {
        "name": "x",
        "datasets": [{"name": "unknown", "classes": ["a", "b"]}],
        "ordering": {"kind": "typicality"},
        "tasks": {"count": 1},
    }
    embeddings = np.eye(2, dtype=np.float32)

    assert sorted(arrange(body, embeddings=embeddings)[0]) == ["unknown+++a", "unknown+++b"]


def test_a_listing_in_canonical_order_is_clear() -> None:
    check_listing(SEVERAL.ids, SEVERAL)

    with pytest.raises(BadValue, match=r"row 1 would be 'CIFAR100\+\+\+bear' .*, but 'abc\+\+\+apple'") as refused:
        check_listing([SEVERAL.ids[i] for i in (0, 2, 1, 3)], SEVERAL)
    assert refused.value.code == "bad_rows"
