"""Test how classes are numbered by the caller's lists, and how samples are given."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from concept_orderings.catalogue import find_dataset
from concept_orderings.class_lists import class_list
from concept_orderings.client.labels import samples_of, stream_labels
from concept_orderings.errors import InvalidInput
from concept_orderings.exporters import EXPORTERS
from concept_orderings.labels import Labels
from concept_orderings.published import PublishedVersion, VersionDocuments

CONCEPTS = ("pets+++emu", "CIFAR100+++bear", "pets+++cat", "CIFAR100+++apple", "pets+++dog")
SIZES = (2, 3)
LISTS: Mapping[str, Any] = {"pets": ("cat", "dog", "emu", "yak"), "cifar100": np.array(["bear", "apple"])}


def cifar() -> Sequence[str]:
    found = find_dataset("cifar100")
    assert found is not None
    return class_list(found) or ()


def test_labels_are_those_of_the_exports() -> None:
    labels = stream_labels(LISTS, CONCEPTS, SIZES)
    documents = VersionDocuments(b"{}", ())
    tasks = [CONCEPTS[:2], CONCEPTS[2:]]
    version = PublishedVersion("a", 1, tasks, lambda: documents, Labels(dict(labels.lists)))
    exported = json.loads(EXPORTERS["pycil"]().render(version))

    assert labels.digest == exported["labels_digest"]
    assert labels.offsets == exported["offsets"] == {"pets": 0, "CIFAR100": 4}
    assert labels.old_of_new.tolist() == exported["old_of_new"] == [2, 4, 0, 5, 1]
    assert labels.new_of_old.tolist() == [-1 if each is None else each for each in exported["new_of_old"]]
    assert labels.new_of_old.tolist() == [2, 4, 0, -1, 1, 3]
    assert labels.own.tolist() == [2, 0, 0, 1, 1]
    assert labels.sizes == SIZES
    assert {str(each.dtype) for each in (labels.old_of_new, labels.new_of_old)} == {"int64"}
    with pytest.raises(ValueError, match="read-only"):
        labels.old_of_new[0] = 7


def test_without_lists_those_of_the_catalogue_hold() -> None:
    labels = stream_labels(None, ["CIFAR100+++bear", "CIFAR100+++apple"], (2,))

    assert labels.lists["CIFAR100"] == tuple(cifar())
    assert labels.old_of_new.tolist() == [cifar().index("bear"), 0]


@pytest.mark.parametrize(
    ("lists", "codes", "named"),
    [
        ({**LISTS, "pets": ["cat", "emu"]}, ["missing_labels"], "dog"),
        ({"pets": LISTS["pets"]}, ["missing_labels"], "CIFAR100"),
        ({**LISTS, "cifar100": ["bear", "apple", "aple"]}, ["extra_labels"], "aple"),
        ({**LISTS, "tools": ["axe"]}, ["extra_labels"], "tools"),
        ({**LISTS, "pets": ["cat", "dog", "emu", "dog"]}, ["duplicate_concept"], "dog"),
        ({**LISTS, "CIFAR100": ["bear", "apple"]}, ["duplicate_concept"], "CIFAR100"),
        ({"tools": ["axe"], "pets": ["cat"]}, ["missing_labels", "missing_labels", "extra_labels"], "dog"),
        ({**LISTS, "pets": "cat"}, ["wrong_type"], "pets"),
        ({**LISTS, "pets": [1, 2]}, ["wrong_type", "wrong_type"], "/pets/1"),
        ([["pets", "cat"]], ["wrong_type"], ""),
    ],
)
def test_what_does_not_fit_is_named(lists: Any, codes: list[str], named: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        stream_labels(lists, CONCEPTS, SIZES)

    assert [each.code for each in refused.value.faults] == codes
    assert any(named in f"{each.detail} {each.pointers}" for each in refused.value.faults)
    assert "PUT" not in refused.value.detail


def test_samples_are_given_by_class_or_in_the_order_of_labels() -> None:
    labels = stream_labels(LISTS, CONCEPTS, SIZES)
    by_class = {"cat": 1, "dog": 2, "emu": 3}
    expected = {
        ("pets", "emu"): 3,
        ("CIFAR100", "bear"): 7,
        ("pets", "cat"): 1,
        ("CIFAR100", "apple"): 8,
        ("pets", "dog"): 2,
    }

    lists = samples_of({"pets": [1, 2, 3, 99], "cifar100": np.array([7, 8])}, CONCEPTS, labels)  # type: ignore[dict-item]
    assert lists == samples_of({"pets": by_class, "CIFAR100": {"bear": 7, "apple": 8}}, CONCEPTS, None) == expected
    assert list(lists) == list(expected), "in the order of the stream"
    assert all(type(each) is int for each in lists.values())
    whole = samples_of({"pets": by_class, "cifar100": range(100)}, CONCEPTS, None)
    assert whole["CIFAR100", "bear"] == cifar().index("bear")


@pytest.mark.parametrize(
    ("given", "codes", "named"),
    [
        ({"pets": {"cat": 1, "dog": 2}, "cifar100": [7, 8]}, ["missing_samples"], "'emu'"),
        ({"pets": [1, 2, 3, 4]}, ["missing_samples"], "CIFAR100"),
        ({"pets": [1, 2, 3], "cifar100": [7, 8]}, ["bad_samples"], "has 3 numbers, and its labels are of 4 classes"),
        ({"pets": [1, 2, 3, 4], "cifar100": [7, 8], "tools": [1]}, ["bad_samples"], "tools"),
        ({"pets": [1, 2, 3, 4], "cifar100": [7, 8], "CIFAR100": [7, 8]}, ["bad_samples"], "both of its names"),
        ({"pets": [1, -2, 3, 4], "cifar100": [7, 8]}, ["bad_samples"], "'dog'"),
        ({"pets": [1, 2.5, 3, 4], "cifar100": [True, 8]}, ["bad_samples", "bad_samples"], "'bear'"),
        ({"pets": "abcd", "cifar100": [7, 8]}, ["bad_samples"], "pets"),
        ({"pets": 500, "cifar100": [7, 8]}, ["bad_samples"], "pets"),
        ({}, ["missing_samples", "missing_samples"], "pets"),
    ],
)
def test_samples_that_do_not_fit_are_named(given: Any, codes: list[str], named: str) -> None:
    labels = stream_labels(LISTS, CONCEPTS, SIZES)
    with pytest.raises(InvalidInput) as refused:
        samples_of(given, CONCEPTS, labels)

    assert [each.code for each in refused.value.faults] == codes
    assert any(named in each.detail for each in refused.value.faults)


def test_what_the_catalogue_does_not_know_is_asked_for_in_words_of_the_client() -> None:
    with pytest.raises(InvalidInput, match=r"'pets'.*stream\.labels\({dataset: classes}\)") as refused:
        stream_labels(None, CONCEPTS, SIZES)
    assert "PUT" not in refused.value.detail
    with pytest.raises(InvalidInput, match=r"Give the labels of lists of samples") as refused:
        samples_of({"pets": [1, 2, 3], "cifar100": [5] * 100}, CONCEPTS, None)
    assert refused.value.code == "labels_needed"
