"""Test requests that refuse what the catalogue does not have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.catalogue import CATALOGUE
from concept_orderings.class_lists import class_list
from concept_orderings.errors import InvalidInput
from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import Body, requests

from .bodies import FIRST, changed, listed
from .refusals import Refusal, each_of

CLASSES = f"{FIRST}/classes"
NAME = f"{FIRST}/name"


def strict(name: str, changes: Body, code: str, pointers: list[str], detail: str) -> Refusal:
    return Refusal(name, {"/strict": True, **changes}, code, pointers, detail)


def of(name: str, classes: list[str], **more: object) -> Body:
    return {FIRST: {"name": name, "classes": classes, **more}}


REFUSALS = [
    Refusal("strict no boolean", {"/strict": "yes"}, "wrong_type", ["/strict"], "a boolean"),
    strict("misspelt", of("cifar100", ["apple", "aple"]), "unknown_class", [f"{CLASSES}/1"], "did you mean 'apple'?"),
    strict("capitals", of("CIFAR100", ["Aquarium Fish"]), "unknown_class", [f"{CLASSES}/0"], "mean 'aquarium_fish'?"),
    strict(
        "looks the same", of("cifar100", ["\u0430pple"]), "unknown_class", [f"{CLASSES}/0"], "(U+0430; it only looks"
    ),
    strict("dataset looks the same", of("cif\u0430r100", ["a"]), "unknown_dataset", [NAME], "(U+0430; it only looks"),
    strict("nothing near", of("cifar100", ["zzzz"]), "unknown_class", [f"{CLASSES}/0"], "GET /v1/datasets/cifar100"),
    strict("no dataset", of("my-gadgets", ["a"]), "unknown_dataset", [NAME], "with its year or its template"),
    strict("other spelling", of("CIFAR-100", ["apple"]), "unknown_dataset", [NAME], "did you mean cifar100?"),
    strict("a slip", of("flower102", ["a"], year=2008), "unknown_dataset", [NAME], "needs another one"),
    strict("another name in public", of("ImageNet-1k", ["tench"]), "unknown_dataset", [NAME], "did you mean imagenet?"),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


def faults_of(body: object) -> list[tuple[str, tuple[str, ...]]]:
    with pytest.raises(InvalidInput) as refused:
        parse_request(body)
    return [(each.code, each.pointers) for each in refused.value.faults]


def test_all_unknown_names_are_faults_of_one_answer() -> None:
    concepts = ["CIFAR100+++aple", "CIFAR100+++apple", "zoo+++a", "zoo+++b", "CIFAR100+++pair"]
    body = changed({"/strict": True, "/concepts": concepts, "/tasks/count": 9}, listed)

    assert faults_of(body) == [
        ("bad_task_count", ("/tasks/count",)),
        ("unknown_class", ("/concepts/0",)),
        ("unknown_class", ("/concepts/4",)),
        ("unknown_dataset", ("/concepts/2", "/concepts/3")),
    ]


def test_other_faults_hide_no_unknown_name() -> None:
    changes = {"/strict": True, FIRST: {"name": "cifar100", "classes": ["aple", 7]}, "/datasets/1": "zoo"}

    assert ("unknown_class", (f"{CLASSES}/0",)) in faults_of(changed(changes))


@pytest.mark.parametrize("field", [{"year": 2024}, {"template": "A {}."}], ids=str)
@pytest.mark.parametrize("name", ["my-gadgets", "imagenet_c", "imagenet100", "flowers", "kmnist"])
def test_a_private_dataset_has_a_year_or_a_template(name: str, field: Body) -> None:
    body = changed({"/strict": True, "/datasets": [{"name": name, "classes": ["a"], **field}], "/tasks/count": 1})

    parse_request(body)
    assert faults_of(changed({f"{FIRST}/{next(iter(field))}": ...}, lambda: body)) == [("unknown_dataset", (NAME,))]


@pytest.mark.parametrize("name", ["CIFAR-100", "imagenet ", "flower102"])
def test_no_private_dataset_has_a_name_that_is_a_slip_of_the_catalogue_s(name: str) -> None:
    body = changed({"/strict": True, f"{FIRST}/name": name, "/datasets/1/name": "mine"})

    assert faults_of(body) == [("unknown_dataset", (NAME,))]


def test_every_class_of_the_catalogue_passes() -> None:
    everything = [{"name": each.handle, "classes": "list"} for each in CATALOGUE if class_list(each) is not None]
    concepts = list(parse_request(changed({"/datasets": everything})).concepts.ids)

    for body in (changed({"/datasets": everything}), changed({"/concepts": concepts}, listed)):
        assert parse_request({**body, "strict": True}).canonical == parse_request(body).canonical


def test_a_dataset_without_a_list_may_have_any_class() -> None:
    parse_request(changed({"/strict": True, **of("mscoco", ["a dog on a sofa"])}))


@given(requests(), st.sampled_from([True, False, None]))
def test_strict_either_refuses_or_changes_nothing(body: Body, value: bool | None) -> None:
    request, refused = parse_request(body), None
    try:
        again = parse_request({**body, "strict": value})
    except InvalidInput as error:
        refused = error
    if refused is None:
        assert again.canonical == request.canonical
    else:
        assert value is True
        assert {each.code for each in refused.faults} <= {"unknown_class", "unknown_dataset"}


def test_18_381_wrong_names_are_refused_with_the_first_hundred() -> None:
    concepts = [f"{each}x" for each in parse_request(changed({"/datasets": "fomo"})).concepts.ids]
    with pytest.raises(InvalidInput) as refused:
        parse_request(changed({"/strict": True, "/concepts": concepts}, listed))

    assert len(refused.value.faults) == 100
    # A few names are classes with an x at their end, such as those of letters.
    assert 18_000 < refused.value.left_out["unknown_class"] <= 18_281
