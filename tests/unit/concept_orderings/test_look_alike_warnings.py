"""Test the warnings about names that look like others, and about characters that running text seldom has."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.library import arrange_request, foreseen_warnings
from concept_orderings.look_alike_warnings import look_alikes, not_composed, unusual_characters
from concept_orderings.name_warnings import name_warnings
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.stream_warnings import StreamWarning

from .benchmark import needs_benchmark, stream
from .strategies import OF_ANY_CONCEPTS, Body, class_names

CODES = {"look_alikes", "not_nfc", "unusual_characters"}


def request_of(*classes: str, ordering: Body | None = None, **others: list[str]) -> StreamRequest:
    datasets = [{"name": "X", "classes": list(classes)}, *({"name": n, "classes": c} for n, c in others.items())]
    body = {"name": "s", "datasets": datasets, "ordering": ordering or {"kind": "random"}, "tasks": {"count": 1}}
    return parse_request(body)


def found(request: StreamRequest) -> list[tuple[str, int | None]]:
    return [(each.code, each.count) for each in name_warnings(request)]


def test_ordinary_names_are_not_warned_of() -> None:
    names = [
        "dog",
        "dogs",
        "são",
        "sao",
        "сова",
        "日本語",
        "❤\ufe0f",
        "m²",
        "C",
        "C++",
        "hot dog",
        "class 1",
        "class 2",
    ]

    assert found(request_of(*names, Y=["Dog", "hot_dog"])) == []


def test_names_in_both_normal_forms() -> None:
    request = request_of("são", "sa\u0303o", "fig")

    alike, composed = name_warnings(request)
    assert alike == StreamWarning(
        code="look_alikes",
        detail="2 class names look or read like another one of the request ('sa\u0303o' (a, U+0303) and 'são' "
        "(U+00E3)): each is a concept of its own; if they mean one thing, give one of them.",
        count=2,
        concepts=("X+++sa\u0303o", "X+++são"),
    )
    assert composed == StreamWarning(
        code="not_nfc",
        detail="1 class name is not in Unicode's normal form C, as most texts are ('sa\u0303o' (a, U+0303) for 'são' "
        "(U+00E3)): sources of counts and encoders read another text; write names in that form, or give it as their "
        "query.",
        count=1,
        concepts=("X+++sa\u0303o",),
    )


def test_look_alikes_in_several_datasets() -> None:
    (alike, unusual) = name_warnings(request_of("dog", "cat", Y=["d\u043eg"], Z=["dog"]))

    assert (alike.code, alike.count, alike.concepts) == ("look_alikes", 2, ("X+++dog", "Y+++d\u043eg", "Z+++dog"))
    assert "('dog' (o) and 'd\u043eg' (U+043E))" in alike.detail
    assert (unusual.code, unusual.concepts) == ("unusual_characters", ("Y+++d\u043eg",))
    assert "('d\u043eg' (U+043E) for 'dog' (o))" in unusual.detail


def test_case_spaces_and_underscores_are_look_alikes_in_one_dataset_alone() -> None:
    (alike,) = name_warnings(request_of("Crane", "crane", "hot dog", "hot_dog", Y=["CRANE"]))

    assert (alike.code, alike.count) == ("look_alikes", 4)
    assert "('Crane' and 'crane', 'hot dog' and 'hot_dog')" in alike.detail


def test_groups_that_share_a_name_are_one() -> None:
    """One name looks like the second, and reads like the third."""
    (alike, _) = name_warnings(request_of("dog", "d\u043eg", "Dog", "Dоg"))

    assert alike.count == 4
    assert "('Dog' (o) and 'D\u043eg' (U+043E) and 'dog' (o) and 'd\u043eg' (U+043E))" in alike.detail


def test_the_first_ten_groups_are_named() -> None:
    pairs = [name for i in range(10, 22) for name in (f"a {i}", f"a_{i}")]
    (alike,) = name_warnings(request_of(*pairs))

    assert alike.count == 24
    assert "'a 18' and 'a_18', 'a 19' and 'a_19' and 2 more)" in alike.detail


SEVERAL = ["são", "sa\u0303o", "dog", "Dog", "d\u043eg", "ﬁsh", "fish", "hot dog", "hot_dog", "hot\xa0dog"]
UNUSUAL = {
    "ﬁsh": "fish",
    "pop\xadcorn": "popcorn",
    "\ufeffdog": "dog",
    "ｃａｔ": "cat",
    "𝔠𝔬𝔴": "cow",
    "\u0441at": "cat",
}


@pytest.mark.parametrize(("name", "plain"), UNUSUAL.items(), ids=map(ascii, UNUSUAL))
def test_a_source_of_counts_is_asked_for_the_plain_form_by_a_query_to_copy(name: str, plain: str) -> None:
    asked = request_of(name, ordering={"kind": "frequency", "source": "c4"})
    (warning,) = name_warnings(asked)

    assert (warning.code, warning.queries) == ("unusual_characters", {name: plain})
    body = asked.as_json()
    body["datasets"][0]["queries"] = dict(warning.queries)  # type: ignore[index]
    assert parse_request(body).canonical != asked.canonical


def test_orderings_without_a_source_of_counts_have_no_queries_to_copy() -> None:
    by_source: Body = {"kind": "frequency", "source": "c4"}
    for ordering, queries in (({"kind": "random"}, [{}, {}]), (by_source, [{"sa\u0303o": "são"}, {"ﬁsh": "fish"}])):
        request = request_of("ﬁsh", "sa\u0303o", ordering=ordering)
        assert [each.queries for each in name_warnings(request)] == queries


@pytest.mark.parametrize("kind", OF_ANY_CONCEPTS)
def test_they_stand_in_the_manifest_of_every_ordering_and_are_foreseen(kind: str) -> None:
    evidence: dict[str, Any] = {"scores": 1, "counts": {"ﬁsh": 1, "fish": 2}, "year": 2000, "template": "{}"}
    body = {"name": "s", "datasets": [{"name": "X", "classes": ["ﬁsh", "fish"], **evidence}], "tasks": {"count": 1}}
    request = parse_request({**body, "ordering": {"kind": kind}})
    warnings = arrange_request(request, embeddings=np.eye(2) if request.outside else None).warnings()

    for each in ("look_alikes", "unusual_characters"):
        assert each in {warning.code for warning in warnings}
        assert each in {warning.code for warning in foreseen_warnings(request)}


LISTS = st.lists(class_names | st.sampled_from(SEVERAL), min_size=1, max_size=6, unique=True)


@given(LISTS, LISTS)
def test_each_warning_is_of_concepts_of_the_request_and_has_their_number(some: list[str], others: list[str]) -> None:
    request = request_of(*some, Y=others)

    for warning in (each for rule in (look_alikes, not_composed, unusual_characters) for each in rule(request)):
        names = {concept.split("+++", 1)[1] for concept in warning.concepts}
        assert warning.count == len(names)
        assert set(warning.concepts) <= set(request.concepts.ids)
        assert warning.detail.isprintable()


@needs_benchmark
def test_the_benchmark_has_two_pairs_of_names_that_read_alike() -> None:
    concepts = stream("random_sequence_1")
    body = {"name": "s", "concepts": concepts, "ordering": {"kind": "random"}, "tasks": {"count": 1}}

    (alike,) = (each for each in name_warnings(parse_request(body)) if each.code in CODES)
    assert (alike.code, alike.count) == ("look_alikes", 4)
    assert all("Infectious" in each for each in alike.concepts)
