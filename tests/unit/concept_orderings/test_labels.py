"""Test labels: their digest, the permutations over global labels, and every way in which they do not fit a stream."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.asked_classes import listed_pairs
from concept_orderings.catalogue import find_dataset
from concept_orderings.class_lists import class_list
from concept_orderings.errors import BadLabels, InvalidInput
from concept_orderings.labels import (
    LabelledOrder,
    Labels,
    catalogue_labels,
    label_order,
    listed_labels,
    parse_labels,
)
from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import Body, class_names, datasets, requests, unknown_dataset_names


@st.composite
def labelled_streams(draw: st.DrawFn) -> tuple[Labels, list[str]]:
    """Draw labels, and a stream of some of their classes that has every dataset."""
    lists = draw(
        st.dictionaries(
            unknown_dataset_names, st.lists(class_names, min_size=1, max_size=5, unique=True), min_size=1, max_size=4
        )
    )
    concepts = [
        f"{name}+++{each}"
        for name, classes in lists.items()
        for each in draw(st.lists(st.sampled_from(classes), min_size=1, unique=True))
    ]
    return Labels({name: tuple(classes) for name, classes in lists.items()}), draw(st.permutations(concepts))


def by_hand(labels: Labels, concepts: Sequence[str]) -> tuple[dict[str, int], list[int]]:
    """Return offsets and global labels as a person would find them: number all classes one after the other."""
    numbered: list[str] = []
    offsets: dict[str, int] = {}
    for concept in concepts:
        dataset = concept.split("+++")[0]
        if dataset not in offsets:
            offsets[dataset] = len(numbered)
            numbered += [f"{dataset}+++{each}" for each in labels.lists[dataset]]
    return offsets, [numbered.index(concept) for concept in concepts]


@given(labelled_streams())
def test_global_labels_number_the_lists_by_first_appearance(drawn: tuple[Labels, list[str]]) -> None:
    labels, concepts = drawn
    order = label_order(labels, concepts)

    assert (dict(order.offsets), list(order.old_of_new)) == by_hand(labels, concepts)
    assert list(order.offsets) == list(dict.fromkeys(each.split("+++")[0] for each in concepts))
    assert [labels.lists[c.split("+++")[0]][label] for c, label in zip(concepts, order.own, strict=True)] == [
        concept.partition("+++")[2] for concept in concepts
    ]


@given(labelled_streams())
def test_the_two_sequences_are_inverse(drawn: tuple[Labels, list[str]]) -> None:
    labels, concepts = drawn
    order = label_order(labels, concepts)

    assert [order.new_of_old[label] for label in order.old_of_new] == list(range(len(concepts)))
    assert sum(each is not None for each in order.new_of_old) == len(concepts)
    assert len(order.new_of_old) == order.total == sum(map(len, labels.lists.values()))
    assert order.is_whole == (len(concepts) == order.total)
    if order.is_whole:
        assert sorted(order.old_of_new) == list(range(order.total))


@given(labelled_streams())
def test_a_part_is_reindexed_in_the_order_of_its_labels(drawn: tuple[Labels, list[str]]) -> None:
    labels, concepts = drawn
    order = label_order(labels, concepts)

    assert sorted(order.reindexed) == list(range(len(concepts)))
    assert [order.original_ids[each] for each in order.reindexed] == list(order.old_of_new)
    assert order.original_ids == sorted(order.original_ids)
    if order.is_whole:
        assert order.reindexed == list(order.old_of_new)


def test_the_permutations_of_a_small_stream() -> None:
    labels = Labels({"pets": ("cat", "dog", "emu"), "tools": ("axe", "saw")})
    order = label_order(labels, ["tools+++saw", "pets+++emu", "pets+++cat", "tools+++axe"])

    assert order.as_json() == {
        "labels_digest": labels.digest,
        "offsets": {"tools": 0, "pets": 2},
        "old_of_new": [1, 4, 2, 0],
        # The class dog is not in the stream.
        "new_of_old": [3, 0, 2, None, 1],
    }


def test_the_digest_is_that_of_canonical_json() -> None:
    text = '{"pets":["dog","cat"],"tools":["axe"]}'

    assert Labels({"tools": ("axe",), "pets": ("dog", "cat")}).digest == hashlib.sha256(text.encode()).hexdigest()
    assert Labels({"tools": ("axe",), "pets": ("cat", "dog")}).digest != hashlib.sha256(text.encode()).hexdigest()


@given(requests(("random",)))
def test_the_labels_of_a_request_are_its_lists(body: Body) -> None:
    labels = listed_labels(listed_pairs(body))
    concepts = parse_request(body).concepts.ids

    for given_list in body["datasets"]:
        known = find_dataset(given_list["name"])
        if known is None or not set(given_list["classes"]) <= set(class_list(known) or ()):
            name = given_list["name"] if known is None else known.name
            assert labels.lists[name] == tuple(given_list["classes"])
    label_order(labels, concepts)
    assert parse_labels(json.loads(labels.canonical)).digest == labels.digest


def test_a_part_of_a_dataset_of_the_catalogue_has_the_labels_of_the_whole() -> None:
    labels = listed_labels([("CIFAR100", "bear"), ("CIFAR100", "apple"), ("mine", "b"), ("mine", "a")])

    assert labels.lists["CIFAR100"][:2] == ("apple", "aquarium_fish")
    assert len(labels.lists["CIFAR100"]) == 100
    assert labels.lists["mine"] == ("b", "a")


def test_a_class_that_the_catalogue_lacks_makes_the_list_that_is_given_the_labels() -> None:
    assert listed_labels([("CIFAR100", "bear"), ("CIFAR100", "aple")]).lists == {"CIFAR100": ("bear", "aple")}


def test_concepts_are_labelled_in_the_order_of_their_listing() -> None:
    body: Any = {"concepts": ["b+++2", "a+++x", "b+++1"]}

    assert listed_labels(listed_pairs(body)).lists == {"b": ("2", "1"), "a": ("x",)}


def test_the_catalogue_has_the_labels_of_its_datasets() -> None:
    labels = catalogue_labels(["MNIST+++7", "CIFAR100+++bear"])

    assert {name: len(classes) for name, classes in labels.lists.items()} == {"MNIST": 10, "CIFAR100": 100}


def codes(error: InvalidInput) -> list[str]:
    return [each.code for each in error.faults]


def test_datasets_without_labels_are_all_named() -> None:
    with pytest.raises(BadLabels) as caught:
        catalogue_labels(["mine+++a", "CIFAR100+++aple", "CIFAR100+++bear", "yours+++b"])

    assert codes(caught.value) == ["labels_needed"] * 3
    mine, cifar, yours = (each.detail for each in caught.value.faults)
    assert "'mine'" in mine
    assert "'yours'" in yours
    assert "1 class ('aple')" in cifar
    assert "PUT /v1/labels" in mine


def test_everything_that_does_not_fit_is_named() -> None:
    labels = Labels({"CIFAR100": ("bear", "aple", "otter"), "pets": ("cat",), "tools": ("axe",)})
    concepts = ["CIFAR100+++bear", "pets+++cat", "pets+++dog", "pets+++emu", "cars+++van"]
    with pytest.raises(BadLabels) as caught:
        label_order(labels, concepts)

    assert codes(caught.value) == ["missing_labels", "missing_labels", "extra_labels", "extra_labels"]
    pets, cars, cifar, tools = (each.detail for each in caught.value.faults)
    assert "2 classes ('dog', 'emu')" in pets
    assert "cars" in cars
    assert "1 class ('aple')" in cifar
    assert "tools" in tools


def test_a_list_may_have_classes_that_the_stream_lacks() -> None:
    order: LabelledOrder = label_order(
        Labels({"pets": ("cat", "dog"), "MNIST": ("0", "1", "2")}), ["MNIST+++1", "pets+++dog"]
    )

    assert list(order.old_of_new) == [1, 4]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([], [("wrong_type", [""])]),
        ({}, [("empty_class_list", [""])]),
        ({"a": "x"}, [("wrong_type", ["/a"])]),
        ({"a": []}, [("empty_class_list", ["/a"])]),
        ({"a": ["x", 1]}, [("wrong_type", ["/a/1"])]),
        (
            {"a": ["x", "y", "x"], "b": ["z", "z"]},
            [("duplicate_concept", ["/a/0", "/a/2"]), ("duplicate_concept", ["/b/0", "/b/1"])],
        ),
        (
            {"a+": ["x"], "b": ["\n", "+++"]},
            [("bad_name", ["/a+"]), ("bad_class_name", ["/b/0"]), ("bad_class_name", ["/b/1"])],
        ),
        ({"cifar100": ["bear"], "CIFAR100": ["otter"]}, [("duplicate_concept", ["/cifar100", "/CIFAR100"])]),
        ({"a/b": ["x", "x"]}, [("duplicate_concept", ["/a~1b/0", "/a~1b/1"])]),
    ],
)
def test_bad_labels_are_refused_with_all_faults(body: object, expected: list[tuple[str, list[str]]]) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_labels(body)

    assert [(each.code, list(each.pointers)) for each in caught.value.faults] == expected


@given(datasets())
def test_labels_are_read_as_they_are_given(lists: list[Body]) -> None:
    body = {each["name"]: each["classes"] for each in lists}

    assert sorted(map(list, parse_labels(body).lists.values())) == sorted(body.values())
