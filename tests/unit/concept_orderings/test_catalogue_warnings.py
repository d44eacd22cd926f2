"""Test the warnings about datasets and classes that the catalogue does not have, and about evaluation data."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import given

from concept_orderings.catalogue import CATALOGUE, find_dataset
from concept_orderings.catalogue_warnings import unknown_classes
from concept_orderings.class_lists import class_list
from concept_orderings.library import arrange_request, foreseen_warnings
from concept_orderings.nearest_names import plain
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.stream_warnings import StreamWarning, WarningCode

from .strategies import OF_ANY_CONCEPTS, Body, requests

OF_THE_CATALOGUE = (
    WarningCode.UNKNOWN_CLASSES,
    WarningCode.UNKNOWN_DATASETS,
    WarningCode.ALIKE_DATASETS,
    WarningCode.EVALUATION_DATA,
)


def request_of(*datasets: object, kind: str = "random") -> StreamRequest:
    return parse_request({"name": "s", "datasets": datasets, "ordering": {"kind": kind}, "tasks": {"count": 1}})


def warnings_of(*datasets: object) -> dict[str, StreamWarning]:
    found = foreseen_warnings(request_of(*datasets))
    return {each.code: each for each in found if each.code in OF_THE_CATALOGUE}


def named(name: str, *classes: str) -> Body:
    return {"name": name, "classes": list(classes)}


def test_names_of_the_catalogue_are_not_warned_of() -> None:
    assert warnings_of(named("cifar100", "apple", "aquarium_fish"), {"name": "clevr", "classes": "list"}) == {}


def test_all_datasets_of_the_benchmark_are_not_warned_of() -> None:
    assert warnings_of(*({"name": each.handle} for each in CATALOGUE if each.split == "adaptation")) == {}


def test_classes_that_a_dataset_does_not_have_are_warned_of() -> None:
    found = warnings_of(named("cifar100", "apple", "aple", "Aquarium Fish", "zzzz"), named("dtd", "dotted"))

    assert found == {
        "unknown_classes": StreamWarning.of(
            WarningCode.UNKNOWN_CLASSES,
            "3 of 5 concepts have a class that the catalogue's list of their dataset does not have: "
            "'CIFAR100+++Aquarium Fish' (nearest: 'aquarium_fish'), 'CIFAR100+++aple' (nearest: 'apple'), "
            "'CIFAR100+++zzzz'; the benchmark's training code stops at a prompt for such a class; correct the names, "
            "or give a dataset with classes of your own another name.",
            count=3,
            concepts=["CIFAR100+++Aquarium Fish", "CIFAR100+++aple", "CIFAR100+++zzzz"],
        )
    }


def test_datasets_with_names_like_the_catalogue_s_are_warned_of() -> None:
    found = warnings_of(named("CIFAR-100", "a"), named("Imagenet-1k", "a"), named("my-gadgets", "a"))

    assert list(found) == ["unknown_datasets"]
    assert found["unknown_datasets"].count == 2
    assert found["unknown_datasets"].detail.startswith(
        "2 of 3 datasets are not in the catalogue, but have a name like one that is: 'CIFAR-100' (did you mean "
        "cifar100?), 'Imagenet-1k' (did you mean imagenet?);"
    )


def test_datasets_that_differ_only_in_case_spaces_or_punctuation_are_warned_of() -> None:
    found = warnings_of(
        *(named(name, "tench") for name in ("imagenet", "ImageNet", "imagenet ", "zoo", "Zoo!", "other")),
    )

    assert found["alike_datasets"].count == 5
    assert found["alike_datasets"].detail.startswith(
        "5 of 6 datasets have names that differ only in case, spaces, punctuation or letters that look the same: "
        "'IMAGENET' and 'ImageNet' and 'imagenet ', 'Zoo!' and 'zoo';"
    )


def test_datasets_whose_names_look_the_same_are_warned_of_with_code_points() -> None:
    found = warnings_of(*(named(name, "a") for name in ("mydata", "m\u0443data", "s\xe3o", "sa\u0303o", "other")))

    assert found["alike_datasets"].count == 4
    assert found["alike_datasets"].detail.startswith(
        "4 of 5 datasets have names that differ only in case, spaces, punctuation or letters that look the same: "
        "'mydata' (y) and 'm\u0443data' (U+0443), 'sa\u0303o' (a, U+0303) and 's\xe3o' (U+00E3);"
    )


def test_names_that_only_look_like_the_catalogue_s_are_warned_of_with_code_points() -> None:
    found = warnings_of(
        named("obsc_animals", "gala\u0301pagos tortoise"),
        named("cifar100", "\u0430pple", "\uff42\uff45\uff41\uff52"),
        named("cif\u0430r100", "a"),
        named("\uff23\uff29\uff26\uff21\uff32-100", "a"),
    )

    assert found["unknown_classes"].detail.startswith(
        "3 of 5 concepts have a class that the catalogue's list of their dataset does not have: "
        "'CIFAR100+++\u0430pple' (U+0430; it only looks like 'CIFAR100+++apple', a), "
        "'CIFAR100+++\uff42\uff45\uff41\uff52' (U+FF42, U+FF45, U+FF41, U+FF52; it only looks like "
        "'CIFAR100+++bear', b, e, a, r), 'OBSC_ANIMALS+++gala\u0301pagos tortoise' (a, U+0301; it only looks like "
        "'OBSC_ANIMALS+++gal\xe1pagos tortoise', U+00E1);"
    )
    assert found["unknown_datasets"].count == 2
    assert "'cif\u0430r100' (U+0430; it only looks like 'cifar100', a)" in found["unknown_datasets"].detail
    assert "-100' (did you mean cifar100?)" in found["unknown_datasets"].detail


@pytest.mark.parametrize("others", [(), (named("cifar100", "apple"),), (named("my-gadgets", "a"),)], ids=str)
def test_evaluation_data_is_warned_of_whatever_is_beside_it(others: Sequence[object]) -> None:
    found = warnings_of(named("cifar10", "airplane"), *others)

    assert list(found) == ["evaluation_data"]
    assert found["evaluation_data"].count == 1
    assert found["evaluation_data"].detail.startswith(
        f"1 of {1 + len(others)} datasets are evaluation data of the benchmark: CIFAR10; "
    )


@given(requests())
def test_what_is_warned_of_is_what_the_catalogue_lacks(body: Body) -> None:
    request = parse_request(body)
    found = {each.code: each for each in foreseen_warnings(request)}
    known = [(each, find_dataset(each.name)) for each in request.concepts.datasets]
    unknown = [
        f"{each.name}+++{name}"
        for each, dataset in known
        if dataset is not None and (names := class_list(dataset)) is not None
        for name in each.classes
        if name not in names
    ]

    assert list(found["unknown_classes"].concepts if unknown else ()) == unknown
    assert ("unknown_classes" in found) is bool(unknown)
    assert ("evaluation_data" in found) is any(each and each.split == "evaluation" for _, each in known)
    spellings = [plain(each.name) for each, _ in known]
    assert ("alike_datasets" in found) is (len(set(spellings)) < len(spellings))


@pytest.mark.parametrize("kind", sorted(set(OF_ANY_CONCEPTS) - {"similarity", "typicality", "frequency"}))
def test_they_stand_in_the_manifest_and_change_no_order(kind: str) -> None:
    stream = arrange_request(request_of(named("cifar10", "airplane", "airplain"), kind=kind))

    codes = [each.code for each in stream.warnings() if each.code in OF_THE_CATALOGUE]
    assert codes == ["unknown_classes", "evaluation_data"]


def test_18_381_wrong_names_are_warned_of_as_fast_as_they_are_parsed() -> None:
    everything = parse_request(
        {"name": "s", "datasets": "fomo", "ordering": {"kind": "random"}, "tasks": {"count": 1}}
    ).concepts.ids
    body = {"concepts": [f"{each}x" for each in everything], "ordering": {"kind": "random"}, "tasks": {"count": 1}}
    request = parse_request({"name": "s", **body})
    started = time.perf_counter()
    [warning] = unknown_classes(request)

    # A search of all names for each wrong one takes minutes.
    assert time.perf_counter() - started < 10
    assert 18_000 < (warning.count or 0) <= 18_381
    assert (len(warning.concepts), warning.detail.count("nearest: ")) == (50, 10)


def test_a_sentence_is_short_whatever_the_names() -> None:
    request = request_of(named("cifar100", *("😀" * 10_000 + str(i) for i in range(20))))

    assert all(len(each.detail) < 2_000 for each in foreseen_warnings(request))
