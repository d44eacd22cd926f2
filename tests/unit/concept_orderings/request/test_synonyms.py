"""Test classes with several names: their forms in a request, captions and queries, and the warning of shared ones."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.asked_classes import listed_concepts
from concept_orderings.canonical_request import read_canonical
from concept_orderings.errors import InvalidInput
from concept_orderings.evidence.captions import caption_rounds, captions_of, captions_of_concept
from concept_orderings.evidence.class_synonyms import names_of
from concept_orderings.evidence.counts import queries_of
from concept_orderings.library import foreseen_warnings
from concept_orderings.queries import Query, query_for
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.stream_warnings import StreamWarning

from .bodies import FIRST, changed, counted
from .refusals import Refusal, each_of

CLASSES, SYNONYMS = f"{FIRST}/classes", f"{FIRST}/synonyms"


def refusal(name: str, classes: object, code: str, at: list[str], detail: str) -> Refusal:
    """Return the refusal of classes whose faults have one code."""
    return Refusal(name, {CLASSES: classes}, code, [f"{CLASSES}/{each}" for each in at], detail)


REFUSALS = [
    refusal("no name", ["a", "b", "c", []], "bad_synonyms", ["3"], "1 to 20 names: its own, then its synonyms; not 0"),
    refusal("too many", [["a", *map(str, range(20))], "b", "c"], "bad_synonyms", ["0"], "not 21"),
    refusal("twice", ["a", ["b", "x", "b"], "c"], "bad_synonyms", ["1/0", "1/2"], "'b' is given twice for one class"),
    refusal("a number", [["a", 1], "b", "c"], "wrong_type", ["0/1"], "a number"),
    refusal("an array", [["a", ["b"]], "b", "c"], "wrong_type", ["0/1"], "an array"),
    refusal("bad", [["a", "x+++y", "\n"], "b", "c"], "bad_class_name", ["0/1", "0/2"], "'x+++y'"),
    refusal(
        "two lists of a class", [["a", "x"], "b", "c", ["a", "y"]], "duplicate_concept", ["0", "3"], "is given twice"
    ),
    refusal("a class twice", [["a", "x"], "b", "c", "a"], "duplicate_concept", ["0", "3"], "'ONE+++a' is given twice"),
    Refusal("synonyms an array", {SYNONYMS: ["x"]}, "wrong_type", [SYNONYMS], "an array"),
    Refusal("synonyms a string", {SYNONYMS: {"a": "x"}}, "wrong_type", [f"{SYNONYMS}/a"], "a string"),
    Refusal("none", {SYNONYMS: {"a": []}}, "bad_synonyms", [f"{SYNONYMS}/a"], "1 to 19 synonyms, not 0"),
    Refusal("of no class", {SYNONYMS: {"D": ["x"]}}, "bad_synonyms", [f"{SYNONYMS}/D"], "'D' is not among"),
    Refusal("its own name", {SYNONYMS: {"a": ["x", "a"]}}, "bad_synonyms", [f"{SYNONYMS}/a/1"], "no synonym of it"),
    Refusal(
        "in both forms",
        {CLASSES: [["a", "x"], "b", "c"], SYNONYMS: {"a": ["y"]}},
        "conflicting_fields",
        [f"{CLASSES}/0", f"{SYNONYMS}/a"],
        "'a'",
    ),
    Refusal(
        "more than a query has",
        {CLASSES: [["a", *(f"it's {i}" for i in range(10))], "b", "c"], f"{FIRST}/scores": ...},
        "bad_query",
        [f"{FIRST}/queries/a"],
        "have 21 spellings",
        base=counted,
    ),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


def test_all_faults_of_the_classes_are_named() -> None:
    body = changed({CLASSES: [["a", "a"], 7, "b\n", "c", "c", []]})
    with pytest.raises(InvalidInput) as refused:
        parse_request(body)

    assert [(each.code, each.pointers) for each in refused.value.faults] == [
        ("bad_synonyms", (f"{CLASSES}/0/0", f"{CLASSES}/0/1")),
        ("bad_synonyms", (f"{CLASSES}/5",)),
        ("wrong_type", (f"{CLASSES}/1",)),
        ("bad_class_name", (f"{CLASSES}/2",)),
        ("duplicate_concept", (f"{CLASSES}/3", f"{CLASSES}/4")),
    ]


def asked(classes: object, kind: str = "similarity", **others: object) -> StreamRequest:
    """Return a request for one dataset."""
    ordering = {"kind": kind, **({"source": "c4"} if kind == "frequency" else {})}
    dataset = {"name": "D", "classes": classes, "template": ["a {}", "{}"], **others}
    return parse_request({"name": "x", "datasets": [dataset], "ordering": ordering, "tasks": {"count": 1}})


def dataset_of(request: StreamRequest) -> Any:
    (dataset,) = json.loads(request.canonical)["datasets"]
    return dataset


def test_the_first_name_is_that_of_the_class() -> None:
    request = asked(["sad", ["happy", "smiling"]])

    assert request.concepts.ids == ("D+++happy", "D+++sad")
    assert listed_concepts({"datasets": [{"name": "D", "classes": ["sad", ["happy", "smiling"]]}]}) == [
        "D+++sad",
        "D+++happy",
    ]


def test_synonyms_stand_in_the_canonical_request_where_they_make_captions() -> None:
    assert dataset_of(asked([["happy", "smiling", "glad"], "sad"]))["synonyms"] == {"happy": ["glad", "smiling"]}
    assert "synonyms" not in dataset_of(asked([["happy"], "sad"]))
    assert "synonyms" not in dataset_of(asked([["happy", "smiling"], "sad"], "random"))
    assert dataset_of(asked([["happy", "smiling"], "sad"], "random")) == {"name": "D", "classes": ["happy", "sad"]}


def test_captions_are_those_of_all_names_in_all_templates() -> None:
    concepts = asked([["happy", "smiling", "glad"], ["sad", "blue"], "bored"]).concepts

    assert [(positions.tolist(), captions) for positions, captions in caption_rounds(concepts)] == [
        ([0, 1, 2], ["a bored", "a happy", "a sad"]),
        ([0, 1, 2], ["bored", "happy", "sad"]),
        ([1, 2], ["a glad", "a blue"]),
        ([1, 2], ["glad", "blue"]),
        ([1], ["a smiling"]),
        ([1], ["smiling"]),
    ]
    assert captions_of_concept(concepts, 2) == ("a blue", "a sad", "blue", "sad")
    with pytest.raises(ValueError, match="synonyms"):
        captions_of(asked([["happy", "smiling"]], template="{}").concepts)


def test_counts_ask_for_any_name() -> None:
    request = asked([["valentine's day", "14 February"], ["aquarium_fish", "pet fish"], "bear"], "frequency")

    assert dataset_of(request)["queries"] == {
        "aquarium_fish": ["aquarium fish", "pet fish"],
        "valentine's day": ["14 February", "valentine's day", "valentine’s day"],
    }
    assert "synonyms" not in dataset_of(request)
    given_query = asked([["a", "b"], ["c", "d"]], "frequency", queries={"a": "x"})
    assert dataset_of(given_query)["queries"] == {"a": "x", "c": ["c", "d"]}


names = st.text("abc '_", min_size=1, max_size=3).filter(str.strip)
classes_of_names = st.lists(st.lists(names, min_size=1, max_size=4, unique=True), min_size=1, max_size=5).filter(
    lambda classes: len({each[0] for each in classes}) == len(classes)
)


@given(classes_of_names, st.sampled_from(["similarity", "frequency", "random"]), st.integers(0, 2**32))
def test_all_forms_of_synonyms_are_one_request(classes: list[list[str]], kind: str, seed: int) -> None:
    request = asked(classes, kind)
    random = Random(seed)
    shuffled = [[each[0], *random.sample(each[1:], len(each) - 1)] for each in random.sample(classes, len(classes))]
    lists: list[object] = [each[0] if len(each) == 1 and random.random() < 0.5 else each for each in shuffled]
    beside = {each[0]: each[1:] for each in classes if len(each) > 1}

    assert asked(lists, kind).canonical == request.canonical
    assert asked([each[0] for each in classes], kind, synonyms=beside).canonical == request.canonical
    assert parse_request(json.loads(request.canonical)).canonical == request.canonical
    assert read_canonical(request.canonical).canonical == request.canonical


@given(classes_of_names)
def test_each_name_is_embedded_and_counted(classes: list[list[str]]) -> None:
    by_name = {each[0]: each for each in classes}
    concepts = asked(classes).concepts
    found: dict[int, list[str]] = {i: [] for i in range(len(concepts))}
    for positions, captions in caption_rounds(read_canonical(asked(classes).canonical).concepts):
        for position, caption in zip(positions.tolist(), captions, strict=True):
            found[position].append(caption)
    for i, name in enumerate(concepts.class_names):
        assert sorted(names_of(concepts.datasets[0], name)) == sorted(by_name[name])
        assert sorted(found[i]) == sorted(t.replace("{}", each) for t in ("a {}", "{}") for each in by_name[name])
        assert sorted(found[i]) == list(captions_of_concept(concepts, i))
    counts = asked(classes, "frequency").concepts
    assert queries_of(counts) == [
        Query.of(spelling for each in by_name[name] for spelling in query_for(each).spellings)
        for name in counts.class_names
    ]


def shared(request: StreamRequest) -> list[StreamWarning]:
    return [each for each in foreseen_warnings(request) if each.code == "shared_synonyms"]


@pytest.mark.parametrize("kind", ["similarity", "frequency"])
def test_a_name_of_two_classes_is_warned_of(kind: str) -> None:
    request = asked([["sofa", "couch"], "couch", ["chair", "seat"], ["stool", "seat"], "bed"], kind)
    (warning,) = shared(request)

    assert warning.detail == (
        "4 classes share a name or a spelling with another class of their dataset ('couch' of 'couch' and 'sofa', "
        "'seat' of 'chair' and 'stool'): what is embedded or counted for one class is in part the other; leave the "
        "name out of one of them."
    )
    assert (warning.count, warning.concepts) == (4, ("D+++chair", "D+++couch", "D+++sofa", "D+++stool"))
    assert shared(read_canonical(request.canonical)) == [warning]


def test_names_of_one_class_are_not_warned_of() -> None:
    assert shared(asked([["sofa", "couch"], "bed"])) == []
    assert shared(asked([["sofa", "couch"], "couch"], "random")) == []
    # Both spellings are those of both classes: they have one query, which another warning says.
    assert shared(asked(["baird's tapir", "baird’s tapir"], "frequency")) == []
