"""Test names of streams, datasets and classes, and lists of concepts."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import Body, requests

from .bodies import FIRST, listed, right
from .refusals import Refusal, each_of

NAME = f"{FIRST}/name"
CLASSES = "/datasets/1/classes"


def without_counts() -> Body:
    """Return the valid request without the counts of its second dataset, so that its classes can be changed."""
    body = right()
    del body["datasets"][1]["counts"]
    return body


def bad_stream_name(name: str, value: object, detail: str) -> Refusal:
    return Refusal(name, {"/name": value}, "bad_stream_name", ["/name"], detail)


def bad_class(name: str, value: str, detail: str) -> Refusal:
    """Return the refusal of a second class."""
    return Refusal(name, {CLASSES: ["a", value]}, "bad_class_name", [f"{CLASSES}/1"], detail, base=without_counts)


REFUSALS = [
    # streams
    Refusal("no name", {"/name": ...}, "missing_field", ["/name"], "my-stream"),
    Refusal("name null", {"/name": None}, "missing_field", ["/name"], "name"),
    bad_stream_name("name a number", 1, "name"),
    bad_stream_name("name empty", "", "name"),
    bad_stream_name("name in capitals", "First", "lower-case"),
    bad_stream_name("name with a slash", "a/b", "name"),
    bad_stream_name("name of dots", "..", "begins with"),
    bad_stream_name("name with a new line", "a\n", "name"),
    bad_stream_name("name with other digits", "a\u0663", "name"),
    bad_stream_name("name too long", "a" * 129, "128"),
    # datasets
    Refusal("dataset without name", {NAME: ...}, "wrong_type", [NAME], "null"),
    Refusal("dataset name a number", {NAME: 100}, "wrong_type", [NAME], "a number"),
    Refusal("dataset name blank", {NAME: " \t"}, "bad_name", [NAME], "visible"),
    Refusal("dataset name with +++", {NAME: "A+++B"}, "bad_name", [NAME], "+++"),
    Refusal("dataset name ending with +", {NAME: "A+"}, "bad_name", [NAME], "'A+'"),
    Refusal("dataset name with NUL", {NAME: "A\0"}, "bad_name", [NAME], r"\x00"),
    Refusal("dataset name no text", {NAME: "A\ud800"}, "bad_name", [NAME], r"\ud800"),
    Refusal("dataset twice", {"/datasets/1/name": "ONE"}, "duplicate_concept", [NAME, "/datasets/1/name"], "'ONE'"),
    Refusal(
        "dataset twice by its two names",
        {"/datasets": [{"name": "cifar100", "classes": ["a"]}, {"name": "CIFAR100", "classes": ["b"]}]},
        "duplicate_concept",
        [NAME, "/datasets/1/name"],
        "'CIFAR100'",
    ),
    # classes
    Refusal("no classes field", {f"{FIRST}/classes": ...}, "missing_classes", [f"{FIRST}/classes"], "no classes"),
    Refusal("classes null", {f"{FIRST}/classes": None}, "missing_classes", [f"{FIRST}/classes"], "no classes"),
    Refusal("classes a string", {f"{FIRST}/classes": "abc"}, "wrong_type", [f"{FIRST}/classes"], "a string"),
    Refusal("classes an object", {f"{FIRST}/classes": {"a": 1}}, "wrong_type", [f"{FIRST}/classes"], "an ob"),
    Refusal("class list empty", {CLASSES: []}, "empty_class_list", [CLASSES], "'TWO'", base=without_counts),
    Refusal("class a number", {CLASSES: ["a", 7]}, "wrong_type", [f"{CLASSES}/1"], "a number", base=without_counts),
    Refusal("class null", {CLASSES: [None]}, "wrong_type", [f"{CLASSES}/0"], "null", base=without_counts),
    bad_class("class empty", "", "visible"),
    bad_class("class blank", "\u3000 ", "visible"),
    bad_class("class with +++", "b+++c", "'b+++c'"),
    bad_class("class with newline", "b\n", r"b\n"),
    bad_class("class with DEL", "b\x7f", r"\x7f"),
    bad_class("class with C1", "b\x85", r"\x85"),
    bad_class("class no text", "\udfff", r"\udfff"),
    Refusal(
        "class twice",
        {CLASSES: ["a", "b", "b"]},
        "duplicate_concept",
        [f"{CLASSES}/1", f"{CLASSES}/2"],
        "'TWO+++b'",
        base=without_counts,
    ),
    # concepts
    *(
        Refusal(name, {"/concepts": concepts}, code, pointers, detail, base=listed)
        for name, concepts, code, pointers, detail in [
            ("no concepts", [], "empty_class_list", ["/concepts"], "concept"),
            ("concepts a string", "A+++a", "wrong_type", ["/concepts"], "a string"),
            ("concept a number", ["A+++a", 3], "wrong_type", ["/concepts/1"], "a number"),
            ("concept without +++", ["A+++a", "A++b"], "bad_concept", ["/concepts/1"], "'A++b'"),
            ("concept without dataset", ["+++a"], "bad_name", ["/concepts/0"], "''"),
            ("concept without class", ["A+++"], "bad_class_name", ["/concepts/0"], "''"),
            ("concept with two +++", ["A+++b+++c"], "bad_class_name", ["/concepts/0"], "'b+++c'"),
            ("concept no text", ["A+++\ud800"], "bad_class_name", ["/concepts/0"], r"\ud800"),
            (
                "concept twice",
                ["A+++a", "A+++b", "A+++a"],
                "duplicate_concept",
                ["/concepts/0", "/concepts/2"],
                "'A+++a'",
            ),
            (
                "concept twice by its dataset's two names",
                ["A+++a", "cifar100+++apple", "CIFAR100+++apple"],
                "duplicate_concept",
                ["/concepts/1", "/concepts/2"],
                "'CIFAR100+++apple'",
            ),
        ]
    ),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


@given(requests(), st.integers(0, 2**32))
def test_concepts_give_the_same_request_as_their_class_lists(body: Body, seed: int) -> None:
    body = {**body, "ordering": {"kind": "random"}, "tasks": {"count": 1}, "training": None}
    # Samples stand in the canonical request whatever the ordering.
    body["datasets"] = [{**each, "samples": None} for each in body["datasets"]]
    request = parse_request(body)
    concepts = list(request.concepts.ids)
    Random(seed).shuffle(concepts)
    flat = {"concepts": concepts, **{name: body[name] for name in ("name", "ordering", "tasks")}}

    assert parse_request(flat).digest == request.digest
