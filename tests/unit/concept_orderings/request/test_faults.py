"""Test that one refusal names all faults of a request, and no faults that follow from others."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_orderings.checks import escape_pointer
from concept_orderings.errors import MOST_POINTERS, InvalidInput
from concept_orderings.faults import MOST_FAULTS
from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import Body, grouped_requests, requests

from .bodies import changed, counted, listed, right
from .test_whole import _paths as paths_of
from .test_whole import json_values


def refused(body: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as error:
        parse_request(body)
    return error.value


def faults_of(changes: Mapping[str, object], base: Callable[[], Body] = right) -> list[tuple[str, tuple[str, ...]]]:
    """Return code and pointers of all faults of a changed body."""
    return [(each.code, each.pointers) for each in refused(changed(changes, base)).faults]


CLASSES = [f"specie {i}" for i in range(200)]
REPEATED = {f"gru {i}": [i, 99 + i] for i in range(1, 21)}
"""Class names by their two places: an Italian list has one word for a bird and a machine."""


def italian() -> Body:
    """Return a class list as people have them, with everything wrong that was wrong with it."""
    classes: list[object] = list(CLASSES)
    for name, (first, second) in REPEATED.items():
        classes[first] = classes[second] = name
    classes[30], classes[60], classes[90] = "a\tb", "x+++y", " "
    classes[40], classes[41] = None, 7
    return {
        "name": "italiano",
        "stream": "italiano",
        "datasets": [
            {"name": "imagenet-it", "classes": classes, "year": "2009"},
            {"name": "more", "classes": ["uno"], "year": 20090, "templates": ["{}"], "counts": {"uno": 1}},
        ],
        "ordering": {"kind": "frequency", "seed": 0.5, "source": "request"},
        "tasks": {"count": 0},
    }


def test_one_answer_names_everything_that_is_wrong_with_a_real_list() -> None:
    at = "/datasets/0/classes"
    found = [(each.code, each.pointers) for each in refused(italian()).faults]

    assert found == [
        ("unknown_field", ("/stream",)),
        ("bad_parameter", ("/ordering/seed",)),
        ("bad_task_count", ("/tasks/count",)),
        ("wrong_type", (f"{at}/40",)),
        ("wrong_type", (f"{at}/41",)),
        ("bad_class_name", (f"{at}/30",)),
        ("bad_class_name", (f"{at}/60",)),
        ("bad_class_name", (f"{at}/90",)),
        *(("duplicate_concept", (f"{at}/{first}", f"{at}/{second}")) for first, second in REPEATED.values()),
        ("bad_year", ("/datasets/0/year",)),
        ("unknown_field", ("/datasets/1/templates",)),
        ("bad_year", ("/datasets/1/year",)),
    ]


def test_the_answer_says_how_to_tell_repeated_classes_apart() -> None:
    details = [each.detail for each in refused(italian()).faults if each.code == "duplicate_concept"]

    assert len(details) == 20
    assert "'imagenet-it+++gru 1' is given twice" in details[0]
    assert all("crane bird" in each for each in details)


def test_mending_what_the_answer_names_ends_in_acceptance() -> None:
    body = italian()
    for fault in refused(body).faults:
        match fault.code:
            case "unknown_field":
                *parents, last = fault.pointers[0].split("/")[1:]
                del (body["datasets"][1] if parents else body)[last]
            case "duplicate_concept" | "wrong_type" | "bad_class_name":
                place = int(fault.pointers[-1].rsplit("/", 1)[1])
                body["datasets"][0]["classes"][place] = f"specie {place}"
            case "bad_year":
                body["datasets"][int(fault.pointers[0].split("/")[2])]["year"] = 2009
            case _:
                body["ordering"]["seed"], body["tasks"]["count"] = 0, 1
    body["ordering"] = {"kind": "random"}

    assert len(parse_request(body).concepts) == 201


# --- Independent faults: each is named, and nothing else.

FIRST, SECOND = "/datasets/0", "/datasets/1"

INDEPENDENT: Mapping[str, tuple[object, str, tuple[str, ...]]] = {
    "/name": ("Not a name", "bad_stream_name", ("/name",)),
    "/extra": (1, "unknown_field", ("/extra",)),
    "/ordering/seed": (0.5, "bad_parameter", ("/ordering/seed",)),
    "/ordering/reverse": ("no", "bad_parameter", ("/ordering/reverse",)),
    "/ordering/wrong": (1, "unknown_parameter", ("/ordering/wrong",)),
    "/ordering/version": (7, "unknown_ordering", ("/ordering/version",)),
    "/tasks": ({"count": 0}, "bad_task_count", ("/tasks/count",)),
    f"{FIRST}/name": (7, "wrong_type", (f"{FIRST}/name",)),
    f"{FIRST}/classes/1": (7, "wrong_type", (f"{FIRST}/classes/1",)),
    f"{FIRST}/classes/3": ("d\n", "bad_class_name", (f"{FIRST}/classes/3",)),
    f"{FIRST}/yaer": (2001, "unknown_field", (f"{FIRST}/yaer",)),
    f"{FIRST}/year": (1, "bad_year", (f"{FIRST}/year",)),
    f"{FIRST}/template": ("A.", "bad_template", (f"{FIRST}/template",)),
    f"{FIRST}/scores": ("high", "bad_score", (f"{FIRST}/scores",)),
    f"{FIRST}/samples": (0, "bad_samples", (f"{FIRST}/samples",)),
    f"{FIRST}/counts/a": (-1, "bad_count", (f"{FIRST}/counts/a",)),
    f"{SECOND}/classes": (..., "missing_classes", (f"{SECOND}/classes",)),
    f"{SECOND}/year": ("old", "bad_year", (f"{SECOND}/year",)),
    f"{SECOND}/template": (["{}", "{}"], "bad_template", (f"{SECOND}/template/0", f"{SECOND}/template/1")),
    f"{SECOND}/scores": ([], "bad_score", (f"{SECOND}/scores",)),
    f"{SECOND}/queries": ({"a": ""}, "bad_query", (f"{SECOND}/queries/a",)),
}
"""Changes that make a body wrong in places that do not depend on each other, with the fault of each."""


@given(st.sets(st.sampled_from(sorted(INDEPENDENT)), min_size=1), st.sampled_from(["random", "dataset"]))
def test_independent_faults_are_all_named_and_no_others(places: set[str], kind: str) -> None:
    changes = {"/ordering/kind": kind, **{place: INDEPENDENT[place][0] for place in places}}
    error = refused(changed({f"{FIRST}/classes": ["a", "b", "c", "d"], **changes}))

    assert sorted((each.code, each.pointers) for each in error.faults) == sorted(
        INDEPENDENT[place][1:] for place in places
    )
    assert (error.faults[0].code, error.faults[0].detail) == (error.code, error.detail)


# --- Rules over several fields: what can be judged is, and what cannot is not.


SPARE = {"name": "ONE", "classes": ["a"]}


def ordered(kind: str, **parameters: object) -> dict[str, object]:
    return {"kind": kind, **parameters}


def test_all_missing_fields_are_named() -> None:
    fields = ["name", "ordering", "tasks"]

    assert faults_of({f"/{each}": ... for each in [*fields, "datasets"]}) == [
        *(("missing_field", (f"/{each}",)) for each in fields),
        ("missing_concepts", ("/datasets", "/concepts")),
    ]


def test_evidence_is_missing_beside_other_faults() -> None:
    changes = {
        "/ordering": ordered("frequency", seed=0.5),
        "/tasks": {"by": "year"},
        f"{FIRST}/counts": ...,
        f"{FIRST}/year": ...,
        f"{SECOND}/classes": ["a", "a"],
        f"{SECOND}/scores": "high",
    }

    assert faults_of(changes) == [
        ("bad_parameter", ("/ordering/seed",)),
        ("bad_score", (f"{SECOND}/scores",)),
        ("duplicate_concept", (f"{SECOND}/classes/0", f"{SECOND}/classes/1")),
        ("missing_counts", (f"{FIRST}/counts",)),
        ("missing_years", (f"{FIRST}/year",)),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"/ordering": ordered("frequency"), f"{FIRST}/classes": "abc"}, id="classes of another type"),
        pytest.param({"/ordering": ordered("frequency"), f"{FIRST}/counts": 3}, id="counts of another type"),
        pytest.param({"/ordering": ordered("performance"), f"{FIRST}/scores": ""}, id="scores of another type"),
        pytest.param({"/ordering": ordered("time"), f"{FIRST}/year": 1}, id="bad year"),
        pytest.param({"/ordering": ordered("similarity"), f"{FIRST}/template": ""}, id="bad template"),
        pytest.param({"/ordering": ordered("time"), f"{FIRST}/name": 7, f"{FIRST}/year": ...}, id="no name"),
        pytest.param({"/ordering": ordered("time"), f"{FIRST}/name": "A+", f"{FIRST}/year": ...}, id="bad name"),
        pytest.param({"/ordering": ordered("frequency", source=1), f"{FIRST}/counts": ...}, id="bad source"),
        pytest.param({"/ordering": ordered("frequency", source=1, refresh=True)}, id="bad source and a refresh"),
        pytest.param({"/ordering": ordered("frequent"), f"{FIRST}/counts": ...}, id="unknown ordering"),
        pytest.param({"/ordering": ordered("similarity", starts="X+++y"), FIRST: 7}, id="start among unknown concepts"),
        pytest.param({"/ordering": ordered("given", order=["X+++y"]), FIRST: None}, id="order of unknown concepts"),
        pytest.param({"/tasks": {"sizes": [1]}, "/datasets": [SPARE, SPARE]}, id="sizes for unknown concepts"),
        pytest.param({"/tasks": {"count": 9}, "/datasets": []}, id="tasks without concepts"),
        pytest.param({"/tasks": {"count": 9}, "/concepts": []}, id="an empty list beside another"),
        pytest.param({f"{FIRST}/classes/1": 7, f"{FIRST}/counts": {"7": 1}}, id="a count for a class that is a number"),
        pytest.param({"/ordering": ordered("time"), f"{FIRST}/year": ..., f"{FIRST}/yaer": 1}, id="misspelt year"),
        pytest.param({f"{FIRST}/classes": ..., f"{FIRST}/clases": ["a"]}, id="misspelt classes"),
        pytest.param({f"{FIRST}/name": ..., f"{FIRST}/nmae": "ONE"}, id="misspelt name"),
        pytest.param({FIRST: {"nmae": "cifar100"}}, id="misspelt name of a dataset with classes in the catalogue"),
        pytest.param({"/tasks": ..., "/task": {"count": 1}}, id="misspelt tasks"),
        pytest.param({"/datasets": ..., "/dataset": []}, id="misspelt datasets"),
        pytest.param({"/ordering": ordered("frequency", sorce="c4"), f"{FIRST}/counts": ...}, id="misspelt source"),
    ],
)
def test_a_fault_that_follows_from_another_is_not_named(changes: Mapping[str, object]) -> None:
    assert len(faults_of(changes)) == 1


def test_a_misspelt_field_is_named_with_the_one_that_was_meant() -> None:
    fields = {f"{FIRST}/year": ..., f"{FIRST}/yaer": 2001, "/ordering": ordered("frequency", sorce="c4")}
    details = [each.detail for each in refused(changed(fields)).faults]

    assert "There is no field 'yaer' here; did you mean year? The fields are name, classes, " in details[1]
    assert "has no parameter 'sorce'; did you mean source? It takes source, " in details[0]
    assert "did you mean" not in refused(changed({"/xyz": 1})).detail


def test_a_misspelt_field_contradicts_nothing() -> None:
    assert faults_of({"/ordering": ordered("frequency", source="c4"), f"{FIRST}/count": {"a": 1}}, counted) == [
        ("unknown_field", (f"{FIRST}/count",))
    ]


def test_a_million_unknown_fields_are_refused_in_good_time() -> None:
    error = refused({f"field {i}": i for i in range(1_000_000)})

    assert error.left_out == {"unknown_field": 1_000_000 - MOST_POINTERS}


def test_contradictions_between_parameters_are_all_named() -> None:
    ordering = ordered("frequency", refresh=True, counted_since="2026-02-31T12:00:00Z")

    assert faults_of({"/ordering": ordering, FIRST: 7}) == [
        ("wrong_type", (FIRST,)),
        ("bad_parameter", ("/ordering/counted_since",)),
        ("bad_parameter", ("/ordering/refresh",)),
        ("bad_parameter", ("/ordering/refresh", "/ordering/counted_since")),
        ("bad_parameter", ("/ordering/counted_since",)),
    ]


def test_classes_without_counts_are_named() -> None:
    classes = [f"class {i}" for i in range(100)]
    some = dict.fromkeys(classes[3:90], 1)
    changes = {
        "/ordering": ordered("frequency"),
        "/datasets": [{"name": "ALL"} | SPARE, {"name": "SOME", "classes": classes, "counts": some}],
    }

    named = "none for 'class 0', 'class 1', 'class 2', 'class 90', 'class 91' and 8 more."
    assert refused(changed(changes)).detail.endswith(f" SOME has counts for some classes, but {named}")


def test_a_time_in_the_future_is_named_with_the_other_faults() -> None:
    body = changed({"/name": "No name", "/ordering/counted_since": "2026-02-01T12:00:00Z"}, counted)
    with pytest.raises(InvalidInput) as error:
        parse_request(body, now=datetime(2026, 1, 31, tzinfo=UTC))

    assert [(each.code, each.pointers) for each in error.value.faults] == [
        ("bad_stream_name", ("/name",)),
        ("bad_parameter", ("/ordering/counted_since",)),
    ]
    right = changed({"/ordering/refresh": True}, counted)
    now = datetime(2026, 1, 31, tzinfo=UTC)
    assert parse_request(right, now=now).canonical == parse_request(right).as_of(now).canonical


def test_counts_beside_a_source_are_a_contradiction_even_if_they_are_wrong() -> None:
    assert faults_of({"/ordering": ordered("frequency", source="c4"), f"{FIRST}/counts/a": -1}) == [
        ("bad_count", (f"{FIRST}/counts/a",)),
        ("bad_parameter", ("/ordering/source", f"{FIRST}/counts", f"{SECOND}/counts")),
    ]


def test_all_wrong_concepts_are_named() -> None:
    concepts = ["A+++a", "A++b", 7, "A+++a", "+++c", "A+++d\n", "A+++a", "B+++a", "B++++"]

    assert faults_of({"/concepts": concepts}, listed) == [
        ("wrong_type", ("/concepts/2",)),
        ("bad_concept", ("/concepts/1",)),
        ("duplicate_concept", ("/concepts/0", "/concepts/3", "/concepts/6")),
        ("bad_name", ("/concepts/4",)),
        ("bad_class_name", ("/concepts/5",)),
    ]


def test_the_first_fault_of_a_class_given_three_times_has_two_places() -> None:
    assert faults_of({f"{FIRST}/classes": ["a", "b", "a", "c", "a"]}, counted) == [
        ("duplicate_concept", (f"{FIRST}/classes/0", f"{FIRST}/classes/2")),
        ("duplicate_concept", (f"{FIRST}/classes/0", f"{FIRST}/classes/4")),
    ]


def test_a_bad_name_that_is_repeated_is_bad_at_each_place_and_not_repeated() -> None:
    assert faults_of({f"{FIRST}/classes": ["a", "b", "c", "x\n", "x\n"]}) == [
        ("bad_class_name", (f"{FIRST}/classes/3",)),
        ("bad_class_name", (f"{FIRST}/classes/4",)),
    ]


def test_all_second_lists_of_a_dataset_are_named() -> None:
    lists = [{"name": name, "classes": ["a"]} for name in ("A", "mnist", "B", "A", "MNIST")]

    assert faults_of({"/datasets": lists}) == [
        ("duplicate_concept", ("/datasets/0/name", "/datasets/3/name")),
        ("duplicate_concept", ("/datasets/1/name", "/datasets/4/name")),
    ]


def test_faults_of_both_lists_are_named_where_there_should_be_one() -> None:
    assert faults_of({"/concepts": ["A++a"], f"{FIRST}/year": 1}) == [
        ("conflicting_fields", ("/datasets", "/concepts")),
        ("bad_year", (f"{FIRST}/year",)),
        ("bad_concept", ("/concepts/0",)),
    ]


def test_an_order_that_differs_from_the_concepts_in_several_ways() -> None:
    order = ["ONE+++a", "ONE+++b", "ONE+++a", "ONE+++b", "TWO+++a", "ONE+++z"]

    assert faults_of({"/ordering": ordered("given", order=order)}) == [
        ("bad_parameter", ("/ordering/order/0", "/ordering/order/2")),
        ("bad_parameter", ("/ordering/order/1", "/ordering/order/3")),
        ("bad_parameter", ("/ordering/order/5",)),
        ("bad_parameter", ("/ordering/order",)),
    ]


# --- Any body

MOST_ROUNDS = 3


@settings(max_examples=400)
@given(requests() | grouped_requests(), st.data())
def test_undoing_what_is_named_ends_in_acceptance(body: Body, data: st.DataObject) -> None:
    """Change an accepted body in some places: the faults name the places, and hardly ever in several rounds."""
    places = data.draw(st.lists(st.sampled_from(list(_pointers(body))), min_size=1, max_size=5, unique=True))
    changes = {
        place: data.draw(json_values) for place in places if not any(place.startswith(f"{other}/") for other in places)
    }
    for _ in range(MOST_ROUNDS):
        try:
            parse_request(changed(changes, lambda: body))
        except InvalidInput as error:
            named = {pointer for fault in error.faults for pointer in fault.pointers}
            left = {place: value for place, value in changes.items() if not any(_touch(place, each) for each in named)}
            # A class with another name makes its counts wrong: the fault may lie beside the change.
            changes = left if left != changes else {}
        else:
            return
    assert not changes, "the faults of some changes were not named at once"


def _pointers(body: Body) -> Iterator[str]:
    for path in paths_of(body):
        yield "".join(f"/{escape_pointer(str(token))}" for token in path)


def _touch(place: str, named: str) -> bool:
    """Tell whether one of two pointers is the other, or leads to it."""
    return f"{place}/".startswith(f"{named}/") or f"{named}/".startswith(f"{place}/")


# --- Large bodies


def many(n: int) -> Body:
    classes: list[object] = [f"class {i}" for i in range(n)]
    return changed({"/datasets": [{"name": "ONE", "classes": classes}], "/tasks/count": 1})  # type: ignore[no-any-return]


def test_an_error_for_a_million_faults_is_short() -> None:
    body = many(1_000_000)
    classes = body["datasets"][0]["classes"]
    classes[::4] = [7] * 250_000
    classes[1::4] = ["\n"] * 250_000
    classes[2::4] = classes[3::4]
    error = refused(body)
    codes = [each.code for each in error.faults]

    assert {each: codes.count(each) for each in codes} == dict.fromkeys(
        ("wrong_type", "bad_class_name", "duplicate_concept"), MOST_FAULTS
    )
    assert error.left_out == dict.fromkeys(("wrong_type", "bad_class_name", "duplicate_concept"), 249_900)
    assert len(json.dumps(error.as_json())) < 200_000


def test_a_class_given_a_million_times_is_two_faults() -> None:
    body = many(1_000_000)
    body["datasets"][0]["classes"] = ["a"] * 1_000_000
    error = refused(body)

    assert [len(each.pointers) for each in error.faults] == [2, MOST_POINTERS]
    assert error.left_out == {"duplicate_concept": 1_000_000 - 1 - MOST_POINTERS}


@pytest.mark.parametrize("name", ["\ud800", "a\nb", "x" * 10_000])
@pytest.mark.parametrize("kind", ["performance", "frequency"])
def test_a_name_that_cannot_be_printed_is_escaped_in_all_sentences(name: str, kind: str) -> None:
    dataset = {"name": name, "classes": ["a", "b"], "scores": {"a": 1}, "counts": {"a": 1}}
    details = [each.detail for each in refused({**right(), "datasets": [dataset], "ordering": {"kind": kind}}).faults]

    assert len(details) == (1 if len(name) > 80 else 2)
    for each in details:
        assert "\n" not in each
        assert len(each.encode()) < 500
