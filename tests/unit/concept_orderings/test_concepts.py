"""Test the notation and the canonical order of concepts."""

import re
from dataclasses import replace
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from concept_orderings.concepts import (
    CLASS_NAME,
    DATASET_NAME,
    ClassList,
    join_concept,
    split_concept,
)
from concept_orderings.errors import BadConcept, EmptyClassList, InvalidInput
from concept_orderings.shapes import Text
from concept_orderings.text import is_plain_text, shown

from .strategies import NAME_CHARACTERS, Body, class_names, dataset_names, datasets, gathered, grouped


def as_class_lists(lists: list[Body]) -> list[ClassList]:
    return [ClassList(name=each["name"], classes=tuple(each["classes"])) for each in lists]


@given(dataset_names, class_names)
@example("A++b", "+c")
@example("A", "++")
@example("+", "+")
def test_a_concept_is_split_into_its_dataset_and_class(dataset: str, class_name: str) -> None:
    try:
        gathered([ClassList(name=dataset, classes=(class_name,))])
    except BadConcept:
        assert dataset.endswith("+")
    else:
        assert split_concept(join_concept(dataset, class_name)) == (dataset, class_name)


@given(st.text(), st.text())
def test_no_two_accepted_concepts_have_the_same_text(first: str, second: str) -> None:
    """Names that would make the text of a concept ambiguous are refused."""
    concept = join_concept(first, second)
    try:
        gathered([ClassList(name=first, classes=(second,))])
    except InvalidInput:
        return
    assert split_concept(concept) == (first, second)


def test_a_concept_without_a_separator_is_refused() -> None:
    with pytest.raises(BadConcept) as refused:
        split_concept("CIFAR100++apple", "/concepts/3")

    assert refused.value.code == "bad_concept"
    assert refused.value.pointers == ("/concepts/3",)


@given(datasets(), st.integers(0, 2**32))
def test_the_canonical_order_does_not_depend_on_the_order_given(lists: list[Body], seed: int) -> None:
    random = Random(seed)
    shuffled = random.sample(
        [{**each, "classes": random.sample(each["classes"], len(each["classes"]))} for each in lists], len(lists)
    )

    assert gathered(as_class_lists(shuffled)) == gathered(as_class_lists(lists))


@given(datasets())
def test_the_views_of_concepts_agree(lists: list[Body]) -> None:
    concepts = gathered(as_class_lists(lists))
    pairs = [
        (concepts.datasets[i].name, name) for i, name in zip(concepts.dataset_index, concepts.class_names, strict=True)
    ]

    assert pairs == sorted(pairs)
    assert [join_concept(*pair) for pair in pairs] == list(concepts.ids)
    assert len(set(concepts.ids)) == len(concepts) == sum(len(each["classes"]) for each in lists)


@given(datasets(), st.integers(0, 2**32))
def test_flat_concepts_are_grouped_into_the_same_class_lists(lists: list[Body], seed: int) -> None:
    concepts = gathered(as_class_lists(lists))
    flat = Random(seed).sample(concepts.ids, len(concepts))

    assert gathered(grouped(flat)) == concepts


def test_names_are_sorted_by_code_point_on_any_machine() -> None:
    concepts = gathered([ClassList(name="A", classes=("é", "b", "Z", "a b", "ab", "a"))])

    assert concepts.class_names == ("Z", "a", "a b", "ab", "b", "é")


def test_names_that_only_look_the_same_are_different_concepts() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"

    assert len(gathered([ClassList(name="A", classes=(composed, decomposed))])) == 2


def test_no_class_list_is_refused() -> None:
    with pytest.raises(EmptyClassList):
        grouped([])


@pytest.mark.parametrize("code_point", [*range(0x20), *range(0x7F, 0xA0), 0xD800, 0xDFFF])
def test_control_characters_and_lone_surrogates_are_not_plain_text(code_point: int) -> None:
    assert not is_plain_text(f"a{chr(code_point)}b")


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_all_other_characters_are_plain_text(text: str) -> None:
    assert is_plain_text(text)


@given(st.text(st.characters()))
def test_quoted_text_is_short_printable_unicode(text: str) -> None:
    found = shown(text)

    assert len(found) <= 80
    assert found.isprintable()
    assert found.encode()


@given(st.text(NAME_CHARACTERS | st.characters(), max_size=6))
@pytest.mark.parametrize("shape", [DATASET_NAME, CLASS_NAME], ids=["dataset", "class"])
def test_what_is_enough_to_fit_fits(shape: Text, name: str) -> None:
    if re.fullmatch(shape.sufficient, name):
        assert replace(shape, sufficient="").fits(name)
