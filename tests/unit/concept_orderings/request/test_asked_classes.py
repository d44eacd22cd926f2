"""Test classes that a request does not list: those of the catalogue."""

import json

import pytest

from concept_orderings.asked_classes import listed_concepts
from concept_orderings.catalogue import CATALOGUE, KnownDataset
from concept_orderings.class_lists import class_list, outside_streams, stream_classes
from concept_orderings.concepts import join_concept
from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import Body

from .bodies import FIRST, changed
from .refusals import Refusal, each_of

CLASSES = f"{FIRST}/classes"
WITH_LIST = [each for each in CATALOGUE if class_list(each) is not None]
LONGER = [each for each in CATALOGUE if outside_streams(each)]

every_dataset = pytest.mark.parametrize("dataset", WITH_LIST, ids=lambda each: each.handle)


def asked(*datasets: object, kind: str = "random", **more: object) -> Body:
    body: Body = {"name": "s", "datasets": [*datasets], "ordering": {"kind": kind}, "tasks": {"count": 1}, **more}
    return body


REFUSALS = [
    Refusal("no list", {FIRST: {"name": "mscoco"}}, "no_class_list", [CLASSES], "no class list of mscoco"),
    Refusal("no whole list", {FIRST: {"name": "FLICKR30K", "classes": "list"}}, "no_class_list", [CLASSES], "flickr"),
    Refusal(
        "no classes, misspelt", {FIRST: {"name": "CIFAR-100"}}, "missing_classes", [CLASSES], "did you mean cifar100?"
    ),
    Refusal(
        "no classes, looks the same",
        {FIRST: {"name": "cif\u0430r100"}},
        "missing_classes",
        [CLASSES],
        "(U+0430; it only looks like 'cifar100', a); did you mean cifar100?",
    ),
    Refusal("no classes, near", {FIRST: {"name": "flowers"}}, "missing_classes", [CLASSES], "did you mean flowers102?"),
    Refusal(
        "list of none", {FIRST: {"name": "zoo", "classes": "list"}}, "missing_classes", [CLASSES], "no dataset 'zoo'"
    ),
    Refusal("another word", {CLASSES: "all"}, "wrong_type", [CLASSES], 'an array or "list", not a string'),
    Refusal("another word for all", {"/datasets": "all"}, "wrong_type", ["/datasets"], 'an array or "fomo", not a st'),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


@every_dataset
@pytest.mark.parametrize("named", [False, True])
def test_a_dataset_without_classes_has_those_of_the_streams(dataset: KnownDataset, named: bool) -> None:
    name = dataset.name if named else dataset.handle
    names = list(stream_classes(dataset) or ())

    left_out, listed = parse_request(asked({"name": name})), parse_request(asked({"name": name, "classes": names}))
    assert (len(left_out.concepts), left_out.canonical) == (len(names), listed.canonical)
    assert parse_request(asked({"name": name, "classes": None})).canonical == listed.canonical


@every_dataset
def test_the_whole_list_has_more_classes_of_four_datasets(dataset: KnownDataset) -> None:
    left_out = parse_request(asked({"name": dataset.handle}))
    whole = parse_request(asked({"name": dataset.handle, "classes": "list"}))

    assert len(whole.concepts) == len(left_out.concepts) + len(outside_streams(dataset))
    assert (whole.canonical == left_out.canonical) is (dataset not in LONGER)
    assert json.loads(whole.canonical)["datasets"][0]["classes"] == sorted(class_list(dataset) or ())


def test_all_adaptation_datasets_have_18_381_concepts() -> None:
    adaptation = [{"name": each.handle} for each in CATALOGUE if each.split == "adaptation"]
    one_by_one, together = parse_request(asked(*adaptation)), parse_request(asked() | {"datasets": "fomo"})

    assert len(one_by_one.concepts) == 18_381
    assert together.canonical == one_by_one.canonical


@pytest.mark.parametrize("body", [{"datasets": "fomo"}, asked({"name": "flowers102"}, {"name": "dtd"})], ids=str)
def test_the_concepts_are_listed_in_the_order_of_the_lists(body: Body) -> None:
    datasets = body["datasets"] if isinstance(body["datasets"], list) else None
    handles = [each["name"] for each in datasets] if datasets is not None else None
    chosen = [each for each in CATALOGUE if (each.split == "adaptation" if handles is None else each.handle in handles)]
    if handles is not None:
        chosen.sort(key=lambda each: handles.index(each.handle))

    assert listed_concepts(body) == [
        join_concept(each.name, name) for each in chosen for name in stream_classes(each) or ()
    ]


def test_the_ordering_given_takes_the_order_of_the_list() -> None:
    request = parse_request(asked({"name": "flowers102"}, kind="given"))

    canonical = json.loads(request.canonical)
    assert canonical["ordering"]["order"][:2] == [
        "FLOWERS102+++pink primrose",
        "FLOWERS102+++hard-leaved pocket orchid",
    ]


def test_evidence_is_given_for_classes_that_are_not_listed() -> None:
    scores = {name: i for i, name in enumerate(class_list(CATALOGUE[0]) or ())}
    name = CATALOGUE[0].handle
    left_out = parse_request(asked({"name": name, "scores": scores}, kind="performance"))
    listed = parse_request(asked({"name": name, "scores": scores, "classes": list(scores)}, kind="performance"))

    assert left_out.canonical == listed.canonical
    Refusal(
        "", {FIRST: {"name": name, "scores": {"aple": 1}}}, "bad_score", [f"{FIRST}/scores/aple"], "not among"
    ).check()


def test_a_list_of_the_catalogue_is_no_fault_of_the_body() -> None:
    """No class of a list is refused: each name can stand in a stream, and stands in its list once."""
    everything = [{"name": each.handle, "classes": "list"} for each in WITH_LIST]

    request = parse_request(asked(*everything))
    assert len(request.concepts) == sum(len(class_list(each) or ()) for each in WITH_LIST)


def test_the_datasets_of_the_benchmark_can_be_cut_into_tasks() -> None:
    assert changed({"/datasets": "fomo"})["datasets"] == "fomo"
    assert len(parse_request(changed({"/datasets": "fomo", "/tasks": {"count": 20}})).concepts) == 18_381
