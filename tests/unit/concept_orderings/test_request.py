"""Requests: what is refused and how, and the canonical form that identifies them."""

import copy
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.errors import (
    MOST_POINTERS,
    BadConcept,
    BadParameter,
    BadSplit,
    BadValue,
    DuplicateConcept,
    EmptyClassList,
    InvalidInput,
    MissingEvidence,
    UnknownOrdering,
)
from concept_orderings.orderings import ORDERINGS
from concept_orderings.request import parse_request

from .strategies import PLAIN_CHARACTERS, Body, requests, respelled

MOST = 2**53 - 1


def right() -> Body:
    """A request with all evidence, for datasets that the catalogue does not know."""
    return {
        "name": "first",
        "datasets": [
            {
                "name": "ONE",
                "classes": ["a", "b", "c"],
                "year": 2001,
                "template": "A {}.",
                "scores": {"a": 0.5, "b": 0.25, "c": 0},
                "counts": {"a": 3, "b": 2, "c": 1},
            },
            {"name": "TWO", "classes": ["a"], "year": 2002, "template": "{}", "scores": 4, "counts": {"a": 0}},
        ],
        "ordering": {"kind": "random"},
        "tasks": {"count": 2},
    }


def changed(path: str, value: object) -> Body:
    """Return the right request with the value at a JSON pointer set, or left out if it is ``...``."""
    body = right()
    *parents, last = [int(token) if token.isdecimal() else token for token in path.removeprefix("/").split("/")]
    place: Any = body
    for token in parents:
        place = place[token]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return body


def ordered_by(kind: str, path: str, value: object) -> Body:
    return {**changed(path, value), "ordering": {"kind": kind}}


def ordered_by_a_source(queries: object, **parameters: object) -> Body:
    """Return the right request, counted in "c4" by these queries of the first dataset."""
    body = {**right(), "ordering": {"kind": "frequency", "source": "c4", **parameters}}
    for each in body["datasets"]:
        del each["counts"]
    body["datasets"][0]["queries"] = queries
    return body


def with_concepts(*concepts: object, **others: object) -> Body:
    body = {**right(), "concepts": list(concepts), "tasks": {"count": 1}, **others}
    del body["datasets"]
    return body


def with_classes(*classes: object) -> Body:
    body = changed("/datasets/1/classes", list(classes))
    del body["datasets"][1]["counts"]
    return body


FIRST = "/datasets/0"
REFUSED: dict[str, tuple[object, type[InvalidInput], str, list[str], str]] = {
    # what is wrong: the body, and its error's class, code, pointers and a word of its detail
    "body null": (None, BadValue, "wrong_type", [""], "The body must be an object"),
    "body an array": ([right()], BadValue, "wrong_type", [""], "an array"),
    "body a string": ("body", BadValue, "wrong_type", [""], "a string"),
    "unknown field": (changed("/task", 1), BadValue, "unknown_field", ["/task"], "'task'"),
    "two unknown fields": (
        {**right(), "a/b": 1, "~": 2},
        BadValue,
        "unknown_field",
        ["/a~1b", "/~0"],
        "name, datasets, concepts, ordering, tasks",
    ),
    "unknown field, no text": (changed("/\ud800", 1), BadValue, "unknown_field", ["/\ufffd"], r"'\ud800'"),
    "unknown dataset field": (changed(f"{FIRST}/yaer", 1), BadValue, "unknown_field", [f"{FIRST}/yaer"], "'yaer'"),
    # stream names
    "no name": (changed("/name", ...), BadValue, "missing_field", ["/name"], "my-stream"),
    "name null": (changed("/name", None), BadValue, "missing_field", ["/name"], "name"),
    "name a number": (changed("/name", 1), BadValue, "bad_stream_name", ["/name"], "name"),
    "name empty": (changed("/name", ""), BadValue, "bad_stream_name", ["/name"], "name"),
    "name in capitals": (changed("/name", "First"), BadValue, "bad_stream_name", ["/name"], "lower-case"),
    "name with a slash": (changed("/name", "a/b"), BadValue, "bad_stream_name", ["/name"], "name"),
    "name of dots": (changed("/name", ".."), BadValue, "bad_stream_name", ["/name"], "begins with"),
    "name with a new line": (changed("/name", "a\n"), BadValue, "bad_stream_name", ["/name"], "name"),
    "name with other digits": (changed("/name", "a\u0663"), BadValue, "bad_stream_name", ["/name"], "name"),
    "name too long": (changed("/name", "a" * 129), BadValue, "bad_stream_name", ["/name"], "128"),
    # datasets and concepts
    "neither": (changed("/datasets", ...), BadValue, "wrong_type", ["/datasets", "/concepts"], "either"),
    "both": ({**right(), "concepts": ["A+++a"]}, BadValue, "wrong_type", ["/datasets", "/concepts"], "either"),
    "both null": (
        {**right(), "datasets": None, "concepts": None},
        BadValue,
        "wrong_type",
        ["/datasets", "/concepts"],
        "either",
    ),
    "datasets an object": (changed("/datasets", {}), BadValue, "wrong_type", ["/datasets"], "an object"),
    "datasets a string": (changed("/datasets", "ONE"), BadValue, "wrong_type", ["/datasets"], "a string"),
    "no datasets": (changed("/datasets", []), EmptyClassList, "empty_class_list", ["/datasets"], "at least one"),
    "dataset a string": (changed(FIRST, "ONE"), BadValue, "wrong_type", [FIRST], "a string"),
    "dataset null": (changed(FIRST, None), BadValue, "wrong_type", [FIRST], "null"),
    "dataset without name": (changed(f"{FIRST}/name", ...), BadValue, "wrong_type", [f"{FIRST}/name"], "null"),
    "dataset name a number": (changed(f"{FIRST}/name", 100), BadValue, "wrong_type", [f"{FIRST}/name"], "a number"),
    "dataset name blank": (changed(f"{FIRST}/name", " \t"), BadConcept, "bad_name", [f"{FIRST}/name"], "visible"),
    "dataset name with +++": (changed(f"{FIRST}/name", "A+++B"), BadConcept, "bad_name", [f"{FIRST}/name"], "+++"),
    "dataset name ending with +": (changed(f"{FIRST}/name", "A+"), BadConcept, "bad_name", [f"{FIRST}/name"], "'A+'"),
    "dataset name with NUL": (changed(f"{FIRST}/name", "A\0"), BadConcept, "bad_name", [f"{FIRST}/name"], r"\x00"),
    "dataset name no text": (changed(f"{FIRST}/name", "A\ud800"), BadConcept, "bad_name", [f"{FIRST}/name"], r"\ud800"),
    "dataset twice": (
        changed("/datasets/1/name", "ONE"),
        DuplicateConcept,
        "duplicate_concept",
        [f"{FIRST}/name", "/datasets/1/name"],
        "'ONE'",
    ),
    "dataset twice by its two names": (
        {**right(), "datasets": [{"name": "cifar100", "classes": ["a"]}, {"name": "CIFAR100", "classes": ["b"]}]},
        DuplicateConcept,
        "duplicate_concept",
        [f"{FIRST}/name", "/datasets/1/name"],
        "'CIFAR100'",
    ),
    "no classes field": (changed(f"{FIRST}/classes", ...), BadValue, "wrong_type", [f"{FIRST}/classes"], "null"),
    "classes a string": (changed(f"{FIRST}/classes", "abc"), BadValue, "wrong_type", [f"{FIRST}/classes"], "a string"),
    "classes an object": (changed(f"{FIRST}/classes", {"a": 1}), BadValue, "wrong_type", [f"{FIRST}/classes"], "an ob"),
    "class list empty": (with_classes(), EmptyClassList, "empty_class_list", ["/datasets/1/classes"], "'TWO'"),
    "class a number": (with_classes("a", 7), BadValue, "wrong_type", ["/datasets/1/classes/1"], "a number"),
    "class null": (with_classes(None), BadValue, "wrong_type", ["/datasets/1/classes/0"], "null"),
    "class empty": (with_classes("a", ""), BadConcept, "bad_class_name", ["/datasets/1/classes/1"], "visible"),
    "class blank": (with_classes("a", "\u3000 "), BadConcept, "bad_class_name", ["/datasets/1/classes/1"], "visible"),
    "class with +++": (with_classes("a", "b+++c"), BadConcept, "bad_class_name", ["/datasets/1/classes/1"], "'b+++c'"),
    "class with newline": (with_classes("a", "b\n"), BadConcept, "bad_class_name", ["/datasets/1/classes/1"], r"b\n"),
    "class with DEL": (with_classes("a", "b\x7f"), BadConcept, "bad_class_name", ["/datasets/1/classes/1"], r"\x7f"),
    "class with C1": (with_classes("a", "b\x85"), BadConcept, "bad_class_name", ["/datasets/1/classes/1"], r"\x85"),
    "class no text": (with_classes("a", "\udfff"), BadConcept, "bad_class_name", ["/datasets/1/classes/1"], r"\udfff"),
    "class twice": (
        with_classes("a", "b", "b"),
        DuplicateConcept,
        "duplicate_concept",
        ["/datasets/1/classes/1", "/datasets/1/classes/2"],
        "'TWO+++b'",
    ),
    "no concepts": (with_concepts(), EmptyClassList, "empty_class_list", ["/concepts"], "concept"),
    "concepts a string": ({**with_concepts(), "concepts": "A+++a"}, BadValue, "wrong_type", ["/concepts"], "a string"),
    "concept a number": (with_concepts("A+++a", 3), BadValue, "wrong_type", ["/concepts/1"], "a number"),
    "concept without +++": (with_concepts("A+++a", "A++b"), BadConcept, "bad_concept", ["/concepts/1"], "'A++b'"),
    "concept without dataset": (with_concepts("+++a"), BadConcept, "bad_name", ["/concepts/0"], "''"),
    "concept without class": (with_concepts("A+++"), BadConcept, "bad_class_name", ["/concepts/0"], "''"),
    "concept with two +++": (with_concepts("A+++b+++c"), BadConcept, "bad_class_name", ["/concepts/0"], "'b+++c'"),
    "concept no text": (with_concepts("A+++\ud800"), BadConcept, "bad_class_name", ["/concepts/0"], r"\ud800"),
    "concept twice": (
        with_concepts("A+++a", "A+++b", "A+++a"),
        DuplicateConcept,
        "duplicate_concept",
        ["/concepts/0", "/concepts/2"],
        "'A+++a'",
    ),
    "concept twice by its dataset's two names": (
        with_concepts("A+++a", "cifar100+++apple", "CIFAR100+++apple"),
        DuplicateConcept,
        "duplicate_concept",
        ["/concepts/1", "/concepts/2"],
        "'CIFAR100+++apple'",
    ),
    # orderings
    "no ordering": (changed("/ordering", ...), BadValue, "missing_field", ["/ordering"], "kind"),
    "ordering a string": (changed("/ordering", "random"), BadValue, "wrong_type", ["/ordering"], "a string"),
    "no kind": (changed("/ordering", {}), UnknownOrdering, "unknown_ordering", ["/ordering/kind"], "frequency"),
    "unknown kind": (
        changed("/ordering/kind", "rnd"),
        UnknownOrdering,
        "unknown_ordering",
        ["/ordering/kind"],
        "'rnd'",
    ),
    "kind an array": (changed("/ordering/kind", []), UnknownOrdering, "unknown_ordering", ["/ordering/kind"], "kinds"),
    "kind no text": (
        changed("/ordering/kind", "\ud800"),
        UnknownOrdering,
        "unknown_ordering",
        ["/ordering/kind"],
        r"\u",
    ),
    "unknown parameter": (
        changed("/ordering/sede", 1),
        BadParameter,
        "unknown_parameter",
        ["/ordering/sede"],
        "takes seed, reverse",
    ),
    "parameter of another kind": (
        changed("/ordering/encoder", "x"),
        BadParameter,
        "unknown_parameter",
        ["/ordering/encoder"],
        "'encoder'",
    ),
    "another version": (
        changed("/ordering/version", 0),
        UnknownOrdering,
        "unknown_ordering",
        ["/ordering/version"],
        "version",
    ),
    "version a boolean": (
        changed("/ordering/version", True),
        UnknownOrdering,
        "unknown_ordering",
        ["/ordering/version"],
        "True",
    ),
    **{
        f"{name} {value!r}": (
            {**right(), "ordering": {"kind": kind, name: value}},
            BadParameter,
            "bad_parameter",
            [f"/ordering/{name}"],
            name,
        )
        for kind, name, values in [
            ("random", "seed", [None, "1", 1.0, True, math.nan, [], 2**53, -(2**53)]),
            ("random", "reverse", [None, 0, 1, "true", {}]),
            ("time", "within_year", [None, "", "month", 1, True]),
            (
                "similarity",
                "encoder",
                [
                    None,
                    1,
                    [],
                    "\ud800",
                    "a\0",
                    "nonsense",
                    "open_clip/",
                    "open_clip/a/b/c",
                    "minilm\n",
                    "open_clip/" + "x" * 65,
                ],
            ),
            ("frequency", "source", [None, 1, False, "\ud800", "c4\n"]),
        ]
        for value in values
    },
    # tasks
    "no tasks": (changed("/tasks", ...), BadValue, "missing_field", ["/tasks"], "count"),
    "tasks a number": (changed("/tasks", 20), BadValue, "wrong_type", ["/tasks"], "a number"),
    "tasks empty": (changed("/tasks", {}), BadSplit, "bad_task_rule", ["/tasks"], "exactly one"),
    "tasks by two rules": (changed("/tasks/by", "year"), BadSplit, "bad_task_rule", ["/tasks"], "exactly one"),
    "tasks by no rule": (changed("/tasks", {"n": 2}), BadSplit, "bad_task_rule", ["/tasks"], "exactly one"),
    "tasks by class": (changed("/tasks", {"by": "class"}), BadSplit, "bad_task_rule", ["/tasks/by"], "year"),
    "tasks by null": (changed("/tasks", {"by": None}), BadSplit, "bad_task_rule", ["/tasks/by"], "year"),
    **{
        f"{value!r:.20} tasks": (changed("/tasks/count", value), BadSplit, "bad_task_count", ["/tasks/count"], "tasks")
        for value in [0, -1, 5, 2.0, True, None, "2", [2], math.nan, math.inf, 10**4000]
    },
    "sizes a number": (changed("/tasks", {"sizes": 4}), BadValue, "wrong_type", ["/tasks/sizes"], "a number"),
    "sizes empty": (changed("/tasks", {"sizes": []}), BadSplit, "bad_task_sizes", ["/tasks/sizes"], "at least"),
    "sizes too small": (changed("/tasks", {"sizes": [2, 1]}), BadSplit, "bad_task_sizes", ["/tasks/sizes"], "up to 3"),
    "sizes too large": (changed("/tasks", {"sizes": [2, 3]}), BadSplit, "bad_task_sizes", ["/tasks/sizes"], "are 4"),
    "sizes far too large": (
        changed("/tasks", {"sizes": [1, 9 * 10**4299, 9 * 10**4299]}),
        BadSplit,
        "bad_task_sizes",
        ["/tasks/sizes/1", "/tasks/sizes/2"],
        "sizes",
    ),
    "sizes of several kinds": (
        changed("/tasks", {"sizes": [4, 0, -1, 1.0, True, None, "1"]}),
        BadSplit,
        "bad_task_sizes",
        [f"/tasks/sizes/{i}" for i in range(1, 7)],
        "integers",
    ),
    # evidence
    **{
        f"{kind} without {field}": (
            ordered_by(kind, f"{FIRST}/{field}", ...),
            MissingEvidence,
            code,
            [f"{FIRST}/{field}"],
            "for ONE:",
        )
        for kind, field, code in [
            ("time", "year", "missing_years"),
            ("performance", "scores", "missing_scores"),
            ("frequency", "counts", "missing_counts"),
            ("similarity", "template", "missing_templates"),
        ]
    },
    **{
        f"{kind} without {field} for one class": (
            ordered_by(kind, f"{FIRST}/{field}/b", ...),
            MissingEvidence,
            code,
            [f"{FIRST}/{field}"],
            "for ONE:",
        )
        for kind, field, code in [
            ("performance", "scores", "missing_scores"),
            ("frequency", "counts", "missing_counts"),
        ]
    },
    "split by year without years": (
        {**changed(f"{FIRST}/year", ...), "tasks": {"by": "year"}},
        MissingEvidence,
        "missing_years",
        [f"{FIRST}/year"],
        "for ONE:",
    ),
    "concepts without years": (
        with_concepts("A+++a", "cifar100+++a", "B+++a", ordering={"kind": "time"}),
        MissingEvidence,
        "missing_years",
        ["/concepts"],
        "for A, B:",
    ),
    "several datasets without counts": (
        {
            **right(),
            "datasets": [{"name": f"D{i:02}", "classes": ["a"]} for i in range(12)],
            "ordering": {"kind": "frequency"},
        },
        MissingEvidence,
        "missing_counts",
        [f"/datasets/{i}/counts" for i in range(12)],
        "D00, D01, D02, D03, D04, D05, D06, D07, D08, D09 and 2 more:",
    ),
    **{
        f"year {value!r}": (changed(f"{FIRST}/year", value), BadValue, "bad_year", [f"{FIRST}/year"], "year")
        for value in [2001.0, "2001", True, -1, 0, 1899, 2200, 10**40, math.nan, []]
    },
    **{
        f"template {value!r}": (
            changed(f"{FIRST}/template", value),
            BadConcept,
            "bad_template",
            [f"{FIRST}/template"],
            "{}",
        )
        for value in ["", "A photo.", "{ }", "{}\n", "{}\ud800"]
    },
    "template a number": (changed(f"{FIRST}/template", 1), BadValue, "wrong_type", [f"{FIRST}/template"], "a number"),
    "template in an array": (
        changed(f"{FIRST}/template", ["A {}.", "A photo.", "{}", "{ }"]),
        BadConcept,
        "bad_template",
        [f"{FIRST}/template/1", f"{FIRST}/template/3"],
        "'A photo.'",
    ),
    "template a number in an array": (
        changed(f"{FIRST}/template", ["{}", 1]),
        BadValue,
        "wrong_type",
        [f"{FIRST}/template/1"],
        "a number",
    ),
    "template twice": (
        changed(f"{FIRST}/template", ["{}", "A {}.", "{}"]),
        BadConcept,
        "bad_template",
        [f"{FIRST}/template/0", f"{FIRST}/template/2"],
        "twice",
    ),
    "no template in the array": (
        changed(f"{FIRST}/template", []),
        BadConcept,
        "bad_template",
        [f"{FIRST}/template"],
        "0 templates",
    ),
    "too many templates": (
        changed(f"{FIRST}/template", [f"{i} {{}}" for i in range(1001)]),
        BadConcept,
        "bad_template",
        [f"{FIRST}/template"],
        "1000",
    ),
    **{
        f"scores {value!r:.20}": (
            changed(f"{FIRST}/scores", value),
            BadValue,
            "bad_score",
            [f"{FIRST}/scores"],
            "number",
        )
        for value in [math.nan, math.inf, -math.inf, "0.5", True, [0.5], 10**400, -(10**400)]
    },
    **{
        f"score {value!r:.20}": (
            changed(f"{FIRST}/scores/b", value),
            BadValue,
            "bad_score",
            [f"{FIRST}/scores/b"],
            "finite",
        )
        for value in [math.nan, math.inf, "0.5", False, None, [], 10**400]
    },
    "counts an array": (changed(f"{FIRST}/counts", [1, 2, 3]), BadValue, "wrong_type", [f"{FIRST}/counts"], "an array"),
    "counts a number": (changed(f"{FIRST}/counts", 3), BadValue, "wrong_type", [f"{FIRST}/counts"], "a number"),
    **{
        f"count {value!r:.20}": (
            changed(f"{FIRST}/counts/b", value),
            BadValue,
            "bad_count",
            [f"{FIRST}/counts/b"],
            "integer",
        )
        for value in [-1, 1.0, math.nan, True, "1", None, 2**53, 10**400]
    },
    **{
        f"{field} of no class": (
            changed(f"{FIRST}/{field}", {"a": 1, "d/e": 1, "D": 2}),
            BadValue,
            code,
            [f"{FIRST}/{field}/D", f"{FIRST}/{field}/d~1e"],
            "'D'",
        )
        for field, code in [("counts", "bad_count"), ("scores", "bad_score")]
    },
    "queries an array": (changed(f"{FIRST}/queries", ["a"]), BadValue, "wrong_type", [f"{FIRST}/queries"], "an array"),
    "queries a string": (changed(f"{FIRST}/queries", "a"), BadValue, "wrong_type", [f"{FIRST}/queries"], "a string"),
    **{
        f"query {value!r:.20}": (
            ordered_by_a_source({"b": value, "a": "fine"}),
            BadValue,
            "bad_query",
            [f"{FIRST}/queries/b{where}" for where in wheres],
            word,
        )
        for value, wheres, word in [
            (None, [""], "1 to 20"),
            (3, [""], "1 to 20"),
            ({"x": "y"}, [""], "1 to 20"),
            ([], [""], "1 to 20"),
            ([f"spelling {i}" for i in range(21)], [""], "1 to 20"),
            ("", [""], "visible"),
            (" \u3000", [""], "visible"),
            ("a\tb", [""], "control"),
            ("a\ud800", [""], "control"),
            (["bee", "", "bees", 7, None, "x\n"], ["/1", "/3", "/4", "/5"], "visible"),
        ]
    },
    "queries of no class": (
        ordered_by_a_source({"a": "x", "d/e": "y", "D": "z"}),
        BadValue,
        "bad_query",
        [f"{FIRST}/queries/D", f"{FIRST}/queries/d~1e"],
        "'D'",
    ),
    "queries and counts in the request": (
        {**changed(f"{FIRST}/queries", {"a": "x"}), "ordering": {"kind": "frequency"}},
        BadParameter,
        "bad_parameter",
        ["/ordering/source", f"{FIRST}/queries"],
        "leave the queries out",
    ),
    **{
        f"frequency by {parameters}": (
            ordered_by_a_source({}, **parameters),
            BadParameter,
            "bad_parameter",
            [f"/ordering/{name}" for name in wrong],
            word,
        )
        for parameters, wrong, word in [
            ({"refresh": "yes"}, ["refresh"], "boolean"),
            ({"counted_since": "2026-01-31"}, ["counted_since"], "2026-01-31T12:00:00Z"),
            ({"counted_since": "2026-01-31T12:00:00+00:00"}, ["counted_since"], "2026-01-31T12:00:00Z"),
            ({"counted_since": "2026-02-30T12:00:00Z"}, ["counted_since"], "no such time"),
            ({"counted_since": "0000-01-01T00:00:00Z"}, ["counted_since"], "no such time"),
            ({"counted_since": None}, ["counted_since"], "UTC"),
            ({"counted_since": "2026-01-31T12:00:00Z", "refresh": True}, ["refresh", "counted_since"], "leave one"),
        ]
    },
    **{
        f"counts in the request and {name}": (
            {**right(), "ordering": {"kind": "frequency", name: value}},
            BadParameter,
            "bad_parameter",
            [f"/ordering/{name}"],
            f"leave {name} out",
        )
        for name, value in [("refresh", True), ("counted_since", "2026-01-31T12:00:00Z")]
    },
    "counts and a named source": (
        {**right(), "ordering": {"kind": "frequency", "source": "c4"}},
        BadParameter,
        "bad_parameter",
        ["/ordering/source", f"{FIRST}/counts", "/datasets/1/counts"],
        "ONE, TWO",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_wrong_request_is_refused_with_its_code_and_pointers(what: str) -> None:
    body, error, code, pointers, word = REFUSED[what]

    with pytest.raises(InvalidInput) as refused:
        parse_request(copy.deepcopy(body))

    assert type(refused.value) is error
    assert refused.value.code == code
    assert list(refused.value.pointers) == pointers
    assert word in refused.value.detail
    # What it says can be sent: Unicode text, and short even if the request is long.
    assert "".join([refused.value.detail, *refused.value.pointers]).encode()
    assert len(refused.value.detail) < 400


def test_every_code_of_a_refusal_is_tested_here() -> None:
    codes = {code for _, _, code, _, _ in REFUSED.values()}

    assert codes == {
        "bad_name",
        "bad_class_name",
        "bad_concept",
        "bad_template",
        "empty_class_list",
        "duplicate_concept",
        "wrong_type",
        "missing_field",
        "unknown_field",
        "bad_year",
        "bad_score",
        "bad_count",
        "bad_query",
        "bad_stream_name",
        "unknown_ordering",
        "unknown_parameter",
        "bad_parameter",
        "bad_task_count",
        "bad_task_sizes",
        "bad_task_rule",
        "missing_years",
        "missing_scores",
        "missing_counts",
        "missing_templates",
    }


any_texts = st.text(st.characters(), max_size=5)  # lone surrogates too: JSON's \ud800 reads as one
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_texts, inner, max_size=3),
    max_leaves=6,
)


@given(requests(), st.data())
def test_any_json_value_anywhere_is_either_taken_or_refused_properly(body: Body, data: st.DataObject) -> None:
    *parents, last = data.draw(st.sampled_from(list(_paths(body))))
    place: Any = body
    for token in parents:
        place = place[token]
    place[last] = data.draw(json_values)

    refused = None
    try:
        request = parse_request(body)
    except InvalidInput as error:
        refused = error
    if refused is None:
        assert parse_request(json.loads(request.canonical)).digest == request.digest
    else:
        assert "".join([refused.code, refused.detail, *refused.pointers]).encode()


def _paths(value: object) -> list[list[str | int]]:
    items = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [path for key, inner in items for path in ([key], *([key, *below] for below in _paths(inner)))]


@given(requests())
def test_a_canonical_request_is_itself_a_request_for_the_same(body: Body) -> None:
    request = parse_request(body)
    again = parse_request(json.loads(request.canonical))

    assert again.canonical == request.canonical
    assert again.digest == request.digest == sha256_hex(request.canonical)
    assert again.concepts.ids == request.concepts.ids
    assert again.ordering == request.ordering
    assert again.split == request.split


@given(requests(), st.integers(0, 2**32))
def test_two_spellings_of_a_request_are_one(body: Body, seed: int) -> None:
    other = respelled(body, Random(seed))

    assert parse_request(other).canonical == parse_request(body).canonical


@given(requests(), st.integers(0, 2**32))
def test_concepts_mean_the_same_as_the_class_lists_they_stand_for(body: Body, seed: int) -> None:
    body = {**body, "ordering": {"kind": "random"}, "tasks": {"count": 1}}
    request = parse_request(body)
    concepts = list(request.concepts.ids)
    Random(seed).shuffle(concepts)
    flat = {"concepts": concepts, **{name: body[name] for name in ("name", "ordering", "tasks")}}

    assert parse_request(flat).digest == request.digest


@given(requests())
def test_nothing_of_a_request_is_changed_by_reading_it(body: Body) -> None:
    before = copy.deepcopy(body)

    parse_request(body)

    assert body == before


def digest_of(kind: str, change: Callable[[Body], None] = lambda body: None, **parameters: object) -> str:
    body = {**right(), "ordering": {"kind": kind, **parameters}}
    change(body)
    return parse_request(body).digest


def _set(*path: str | int, value: object) -> Callable[[Body], None]:
    def change(body: Body) -> None:
        place: Any = body
        for token in path[:-1]:
            place = place[token]
        place[path[-1]] = value

    return change


EVIDENCE: dict[str, Callable[[Body], None]] = {
    "year": _set("datasets", 0, "year", value=1999),
    "template": _set("datasets", 0, "template", value="The {}."),
    "scores": _set("datasets", 0, "scores", "a", value=0.75),
    "counts": _set("datasets", 0, "counts", "a", value=9),
}
USES = {"time": "year", "similarity": "template", "performance": "scores", "frequency": "counts"}


@pytest.mark.parametrize("kind", ORDERINGS)
@pytest.mark.parametrize("field", EVIDENCE)
def test_evidence_changes_the_identity_only_of_what_needs_it(kind: str, field: str) -> None:
    same = digest_of(kind) == digest_of(kind, EVIDENCE[field])

    assert same is (USES.get(kind) != field)


def test_years_matter_to_a_split_by_year_under_any_ordering() -> None:
    def by_year(body: Body) -> None:
        body["tasks"] = {"by": "year"}

    def another_year(body: Body) -> None:
        by_year(body)
        EVIDENCE["year"](body)

    assert digest_of("random", by_year) != digest_of("random", another_year)


@pytest.mark.parametrize("kind", ORDERINGS)
@pytest.mark.parametrize(
    "change",
    [
        _set("name", value="second"),
        _set("datasets", 1, "name", value="THREE"),
        _set("datasets", 1, "classes", value=["b"]),
        _set("datasets", 0, "classes", value=["a", "b", "d"]),
        _set("tasks", "count", value=1),
        _set("tasks", value={"by": "dataset"}),
        _set("tasks", value={"sizes": [1, 3]}),
    ],
    ids=["name", "dataset", "class", "another class", "count", "rule", "sizes"],
)
def test_whatever_can_change_a_stream_changes_its_identity(kind: str, change: Callable[[Body], None]) -> None:
    def without_maps(body: Body) -> None:
        for each in body["datasets"]:
            each["scores"] = 1
            each["counts"] = dict.fromkeys(["a", "b", "c", "d"], 1)
        change(body)
        for each in body["datasets"]:
            each["counts"] = dict.fromkeys(each["classes"], 1)

    def unchanged(body: Body) -> None:
        for each in body["datasets"]:
            each["scores"] = 1
            each["counts"] = dict.fromkeys(each["classes"], 1)

    assert digest_of(kind, without_maps) != digest_of(kind, unchanged)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [(kind, each.name, each.default) for kind in ORDERINGS for each in ORDERINGS[kind].parameters()],
)
def test_every_parameter_is_part_of_the_identity(kind: str, name: str, value: object) -> None:
    declared = {each.name: each for each in ORDERINGS[kind].parameters()}[name]
    match declared.type:
        case "boolean":
            other: object = not value
        case "integer":
            other = 17
        case "integer or string":
            other = 1
        case _:
            fitting = {"encoder": "fake", "weights": "0" * 64, "counted_since": "2026-01-31T12:00:00Z"}.get(
                name, "another"
            )
            other = next((choice for choice in declared.choices if choice != value), fitting)

    def without_counts(body: Body) -> None:
        if name == "source" or others:
            for each in body["datasets"]:
                del each["counts"]

    # These two are for a source that is asked.
    others: dict[str, object] = {"source": "c4"} if name in ("counted_since", "refresh") else {}
    assert digest_of(kind, without_counts, **{**others, name: other}) != digest_of(
        kind, without_counts if others else lambda body: None, **others
    )


def test_the_catalogue_completes_what_is_needed_and_not_given() -> None:
    body = {**right(), "datasets": [{"name": "cifar100", "classes": ["apple"]}], "tasks": {"count": 1}}

    by_time = parse_request({**body, "ordering": {"kind": "time"}})
    by_score = parse_request({**body, "ordering": {"kind": "performance"}})
    by_caption = parse_request({**body, "ordering": {"kind": "similarity"}})

    assert by_time.years().tolist() == [2009]
    assert by_score.scores().tolist() == [75.8]
    assert by_caption.captions() == ["A photo of a apple."]


def test_what_the_request_gives_comes_before_the_catalogue() -> None:
    given = {"year": 1998, "scores": 0, "template": "{}!"}
    body = {**right(), "datasets": [{"name": "cifar100", "classes": ["apple"], **given}], "tasks": {"count": 1}}

    request = parse_request({**body, "ordering": {"kind": "time"}})

    assert request.years().tolist() == [1998]
    assert request.scores().tolist() == [0]
    assert request.captions() == ["apple!"]


def test_a_value_of_the_catalogue_written_out_is_the_same_request() -> None:
    left_out = {**right(), "datasets": [{"name": "cifar100", "classes": ["apple"]}], "tasks": {"count": 1}}
    written = {**left_out, "datasets": [{"name": "CIFAR100", "classes": ["apple"], "year": 2009}]}

    for kind in ("time", "random"):
        ordering = {"kind": kind}
        first, second = ({**body, "ordering": ordering} for body in (left_out, written))
        assert parse_request(first).digest == parse_request(second).digest


def test_null_is_the_same_as_nothing() -> None:
    body = right()
    body["datasets"] = [{"name": "ONE", "classes": ["a", "b"]}]
    nulls = {**body, "concepts": None, "datasets": [{**body["datasets"][0], "year": None, "counts": None}]}

    assert parse_request(nulls).digest == parse_request(body).digest


def test_defaults_of_a_service_stand_in_for_what_is_left_out() -> None:
    body = {**right(), "ordering": {"kind": "similarity"}}
    defaults = {"similarity": {"encoder": "minilm"}}
    explicit = {**body, "ordering": {"kind": "similarity", "encoder": "minilm"}}
    other = {**body, "ordering": {"kind": "similarity", "encoder": "fake"}}

    assert parse_request(body, defaults=defaults).digest == parse_request(explicit).digest
    assert parse_request(other, defaults=defaults).digest == parse_request(other).digest
    assert parse_request(right(), defaults=defaults).digest == parse_request(right()).digest


def test_minus_zero_is_zero_in_every_digest() -> None:
    zero, minus_zero = (
        parse_request({**changed(f"{FIRST}/scores/c", value), "ordering": {"kind": "performance"}})
        for value in (0, -0.0)
    )

    assert zero.digest == minus_zero.digest
    assert zero.scores().tobytes() == minus_zero.scores().tobytes()


def test_evidence_follows_the_canonical_order_of_concepts() -> None:
    body = {**right(), "ordering": {"kind": "frequency"}}
    body["datasets"].reverse()
    body["datasets"][1]["classes"] = ["c", "a", "b"]
    request = parse_request(body)

    assert request.concepts.ids == ("ONE+++a", "ONE+++b", "ONE+++c", "TWO+++a")
    assert request.years().tolist() == [2001, 2001, 2001, 2002]
    assert request.scores().tolist() == [0.5, 0.25, 0.0, 4.0]
    assert request.counts().tolist() == [3, 2, 1, 0]
    assert request.captions() == ["A a.", "A b.", "A c.", "a"]
    assert request.counts().dtype == request.years().dtype == np.int64
    assert request.scores().dtype == np.float64


def ensemble(*templates: object) -> Body:
    """Datasets of two, two and one concepts, with these templates."""
    classes = (["b", "a"], ["d", "c"], ["e"])
    datasets = [
        {"name": f"D{i}", "classes": names, "template": template}
        for i, (names, template) in enumerate(zip(classes, templates, strict=True))
    ]
    return {**right(), "datasets": datasets, "ordering": {"kind": "similarity"}}


def test_captions_of_several_templates_come_in_rounds() -> None:
    request = parse_request(ensemble(["the {}", "a {}", "{}"], "my {}", ["{}!", "{}?"]))
    rounds = [(positions.tolist(), captions) for positions, captions in request.caption_rounds()]

    assert rounds == [
        ([0, 1, 2, 3, 4], ["a a", "a b", "my c", "my d", "e!"]),
        ([0, 1, 4], ["the a", "the b", "e?"]),
        ([0, 1], ["a", "b"]),
    ]
    with pytest.raises(ValueError, match="D0 has several templates"):
        request.captions()


def test_captions_of_one_template_are_one_round() -> None:
    request = parse_request(ensemble("a {}", ["my {}"], "{}"))
    ((positions, captions),) = request.caption_rounds()

    assert positions.tolist() == [0, 1, 2, 3, 4]
    assert captions == request.captions() == ["a a", "a b", "my c", "my d", "e"]


def test_no_templates_no_captions() -> None:
    request = parse_request({**right(), "datasets": [{"name": "ONE", "classes": ["a", "b"]}]})

    assert list(request.caption_rounds()) == []
    assert request.captions() == []


def test_as_many_templates_as_may_be() -> None:
    templates = [f"{i} {{}}" for i in range(1000)]
    request = parse_request(ensemble(templates, "{}", "{}"))

    assert request.concepts.datasets[0].templates == tuple(sorted(templates))


def test_the_order_of_templates_does_not_matter() -> None:
    one, other, third = (
        parse_request(ensemble(templates, "{}", "{}")).digest
        for templates in (["a {}", "b {}"], ["b {}", "a {}"], ["b {}", "a {}", "c {}"])
    )
    assert one == other != third


def test_an_array_of_one_template_is_that_template() -> None:
    request = parse_request(ensemble(["a {}"], ["{}", "b {}"], "{}"))

    assert request.canonical == parse_request(ensemble("a {}", ["b {}", "{}"], ["{}"])).canonical
    assert [each["template"] for each in json.loads(request.canonical)["datasets"]] == ["a {}", ["b {}", "{}"], "{}"]


@given(requests(kinds=["similarity"]))
def test_rounds_hold_each_caption_of_each_concept_once(body: Body) -> None:
    request = parse_request(body)
    found: dict[int, list[str]] = {i: [] for i in range(len(request.concepts))}
    for positions, captions in request.caption_rounds():
        assert (np.diff(positions) > 0).all()
        for position, caption in zip(positions.tolist(), captions, strict=True):
            found[position].append(caption)
    expected = [
        [template.replace("{}", name) for template in each.templates]
        for each in request.concepts.datasets
        for name in each.classes
    ]
    assert list(found.values()) == expected


def test_a_template_is_filled_once_whatever_the_class_is_called() -> None:
    body = {**right(), "ordering": {"kind": "similarity"}, "tasks": {"count": 1}}
    body["datasets"] = [{"name": "ONE", "classes": ["{}", "{0}", "{x!r}"], "template": "{} and {}, {1}"}]

    assert parse_request(body).captions() == ["{0} and {0}, {1}", "{x!r} and {x!r}, {1}", "{} and {}, {1}"]


def test_the_canonical_request_of_an_example() -> None:
    body = {**right(), "ordering": {"kind": "time", "seed": 7}, "tasks": {"by": "year"}}

    # A change here gives every such stream another identity.
    assert parse_request(body).canonical == canonical_json(
        {
            "datasets": [
                {"classes": ["a", "b", "c"], "name": "ONE", "year": 2001},
                {"classes": ["a"], "name": "TWO", "year": 2002},
            ],
            "name": "first",
            "ordering": {"kind": "time", "reverse": False, "seed": 7, "version": 1, "within_year": "shuffle"},
            "tasks": {"by": "year"},
        }
    )


def test_the_largest_values_are_taken() -> None:
    body = {**right(), "ordering": {"kind": "frequency", "seed": MOST}, "name": "a" * 128}
    body["datasets"][0]["counts"]["a"] = MOST
    body["datasets"][0]["scores"]["a"] = 1.7976931348623157e308
    request = parse_request(body)

    assert request.counts()[0] == MOST
    assert parse_request(json.loads(request.canonical)).digest == request.digest


def test_one_score_for_every_class_is_one_score_for_the_dataset() -> None:
    body = {**right(), "ordering": {"kind": "performance"}}
    one, every, some = (
        {**body, "datasets": [{"name": "ONE", "classes": ["a", "b"], "scores": scores}], "tasks": {"count": 1}}
        for scores in (3, {"a": 3, "b": 3.0}, {"a": 3, "b": 4})
    )

    assert parse_request(one).digest == parse_request(every).digest
    assert parse_request(one).digest != parse_request(some).digest


def test_a_million_wrong_values_give_a_short_error() -> None:
    with pytest.raises(BadSplit) as caught:
        parse_request({**right(), "tasks": {"sizes": [0] * 1_000_000}})

    assert len(caught.value.pointers) == MOST_POINTERS
    assert caught.value.pointers[0] == "/tasks/sizes/0"


def similarity(**parameters: object) -> Body:
    datasets = [{"name": "cifar100", "classes": ["apple", "bear", "clock"]}]
    return {"name": "x", "datasets": datasets, "ordering": {"kind": "similarity", **parameters}, "tasks": {"count": 1}}


@pytest.mark.parametrize(
    ("given", "canonical"),
    [("all", "all"), (1, 1), (2, 2), (3, "all"), (1000, "all"), ("cifar100+++bear", "CIFAR100+++bear")],
)
def test_starts_have_one_form(given: object, canonical: object) -> None:
    assert parse_request(similarity(starts=given)).ordering.as_json()["starts"] == canonical


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("starts", 0),
        ("starts", -1),
        ("starts", True),
        ("starts", 1.5),
        ("starts", "ALL"),
        ("starts", "cifar100+++whale"),
        ("starts", "bear"),
        ("max_seconds", -1),
        ("max_seconds", 10**6),
        ("max_seconds", 0.5),
        ("refine", -1),
        ("refine", 1001),
        ("refine", True),
    ],
)
def test_a_search_that_cannot_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(BadParameter) as caught:
        parse_request(similarity(**{name: value}))

    assert (caught.value.code, caught.value.pointers) == ("bad_parameter", (f"/ordering/{name}",))


def test_a_concept_is_asked_by_its_name_unless_the_request_says_otherwise() -> None:
    body = ordered_by_a_source({"a": "an  a", "b": ["bee", "B", " bee "]})
    body["datasets"][1]["classes"] = ["a", "small_a/b  c", "_/"]

    assert [each.spellings for each in parse_request({**body, "tasks": {"count": 1}}).queries()] == [
        ("an a",),
        ("B", "bee"),
        ("c",),
        (),
        ("a",),
        ("small a b c",),
    ]


def test_a_query_is_sent_as_it_is_written_but_for_white_space() -> None:
    request = parse_request(ordered_by_a_source({"a": " a_b/C  \u3000 d "}))

    assert request.queries()[0].spellings == ("a_b/C d",)


def test_queries_have_one_form() -> None:
    one, same, default, none, other = (
        parse_request(ordered_by_a_source(queries))
        for queries in (
            {"a": "x", "b": ["z", "y"]},
            {"b": ["y", "z", "y"], "a": ["x"], "c": "c"},
            {"c": ["c "]},
            {},
            {"a": "x"},
        )
    )

    assert one.canonical == same.canonical
    assert json.loads(one.canonical)["datasets"][0]["queries"] == {"a": "x", "b": ["y", "z"]}
    assert default.canonical == none.canonical == parse_request(ordered_by_a_source(None)).canonical
    assert "queries" not in json.loads(none.canonical)["datasets"][0]
    assert len({one.digest, none.digest, other.digest}) == 3


@given(requests(["frequency"]), st.data())
def test_a_canonical_request_asks_the_same_queries(body: Body, data: st.DataObject) -> None:
    spellings = st.text(PLAIN_CHARACTERS, min_size=1, max_size=4).filter(str.strip)
    queries = st.one_of(spellings, st.lists(spellings, min_size=1, max_size=3))
    for each in body["datasets"]:
        del each["counts"]
        each["queries"] = data.draw(st.dictionaries(st.sampled_from(each["classes"]), queries))
    body["ordering"]["source"] = "c4"
    request = parse_request(body)
    again = parse_request(json.loads(request.canonical))

    assert again.canonical == request.canonical
    assert again.queries() == request.queries()
    assert len(request.queries()) == len(request.concepts)


def test_queries_change_the_identity_only_of_what_is_counted() -> None:
    plain = {**right(), "ordering": {"kind": "random"}}

    assert parse_request(plain).digest == parse_request({**changed(f"{FIRST}/queries", {"a": "x"})}).digest


def test_a_refresh_is_settled_as_the_time_that_it_counts_from() -> None:
    now = datetime(2026, 1, 31, 13, 59, 59, 1, tzinfo=timezone(timedelta(hours=2)))
    request = parse_request(ordered_by_a_source({"a": "x"}, refresh=True))
    settled = request.settled(now)
    written = parse_request(ordered_by_a_source({"a": "x"}, counted_since="2026-01-31T12:00:00Z"))

    assert json.loads(request.canonical)["ordering"]["refresh"] is True
    assert "refresh" not in json.loads(settled.canonical)["ordering"]
    assert settled.digest == written.digest == settled.settled(now).digest
    assert parse_request(json.loads(settled.canonical)).digest == settled.digest
    assert settled.digest != request.digest


@pytest.mark.parametrize(("seconds", "refused"), [(0, False), (60, False), (61, True)])
def test_a_time_to_come_is_refused_where_it_stands(seconds: int, refused: bool) -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    since = (now + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    request = parse_request(ordered_by_a_source({"a": "x"}, counted_since=since))
    if not refused:
        assert request.settled(now) == request
        return
    with pytest.raises(BadParameter, match="is to come") as caught:
        request.settled(now)
    assert (caught.value.code, caught.value.pointers) == ("bad_parameter", ("/ordering/counted_since",))


@given(requests())
def test_what_refreshes_nothing_is_settled_already(body: Body) -> None:
    request = parse_request(body)

    assert request.settled(datetime(2026, 1, 31, tzinfo=UTC)).canonical == request.canonical
