"""Test the queries to sources of counts."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.canonical import canonical_json
from concept_orderings.canonical_request import read_canonical
from concept_orderings.evidence.counts import queries_of
from concept_orderings.queries import Query, QueryForm, query_for
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.text import shows_something
from unit.concept_orderings.strategies import PLAIN_CHARACTERS, Body, requests

from .bodies import FIRST, changed, counted
from .refusals import Refusal, each_of

QUERIES = f"{FIRST}/queries"
FORM = "/ordering/query_form"


def bad_query(name: str, value: object, detail: str, *, at: Sequence[int] = ()) -> Refusal:
    """Return the refusal of a class's query, or of some of its spellings."""
    pointers = [f"{QUERIES}/b/{i}" for i in at] or [f"{QUERIES}/b"]
    changes = {QUERIES: {"b": value, "a": "fine"}}
    return Refusal(f"query {name}", changes, "bad_query", pointers, detail, base=counted)


REFUSALS = [
    Refusal("queries an array", {QUERIES: ["a"]}, "wrong_type", [QUERIES], "an array"),
    Refusal("queries a string", {QUERIES: "a"}, "wrong_type", [QUERIES], "a string"),
    bad_query("null", None, "1 to 20"),
    bad_query("a number", 3, "1 to 20"),
    bad_query("an object", {"x": "y"}, "1 to 20"),
    bad_query("no spelling", [], "1 to 20"),
    bad_query("too many spellings", [f"spelling {i}" for i in range(21)], "1 to 20"),
    bad_query("empty", "", "visible"),
    bad_query("blank", " \u3000", "visible"),
    bad_query("with a tab", "a\tb", "control"),
    bad_query("no text", "a\ud800", "control"),
    bad_query("spellings of several kinds", ["bee", "", "bees", 7, None, "x\n"], "visible", at=[1, 3, 4, 5]),
    Refusal(
        "queries of no class",
        {QUERIES: {"a": "x", "d/e": "y", "D": "z"}},
        "bad_query",
        [f"{QUERIES}/D", f"{QUERIES}/d~1e"],
        "'D'",
        base=counted,
    ),
    Refusal(
        "form unknown", {"/ordering/query_form": "exact"}, "bad_parameter", [FORM], "words, verbatim", base=counted
    ),
    Refusal(
        "form of queries and counts in the request",
        {"/ordering": {"kind": "frequency", "query_form": "verbatim"}},
        "bad_parameter",
        [FORM],
        "leave query_form out",
    ),
    Refusal(
        "queries and counts in the request",
        {QUERIES: {"a": "x"}, "/ordering": {"kind": "frequency"}},
        "bad_parameter",
        ["/ordering/source", QUERIES],
        "leave the queries out",
    ),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


def asking(queries: object) -> StreamRequest:
    """Return a request that needs a source of counts, with queries for its first dataset."""
    return parse_request(changed({QUERIES: queries}, counted))


def test_the_query_of_a_concept_is_its_name_unless_the_request_gives_one() -> None:
    changes = {
        QUERIES: {"a": "an  a", "b": ["bee", "B", " bee "]},
        "/datasets/1/classes": ["a", "small_a/b  c", "_/"],
        "/tasks/count": 1,
    }

    assert [each.spellings for each in queries_of(parse_request(changed(changes, counted)).concepts)] == [
        ("an a",),
        ("B", "bee"),
        ("c",),
        (),
        ("a",),
        ("small a b c",),
    ]


def test_only_white_space_of_a_query_is_changed() -> None:
    assert queries_of(asking({"a": " a_b/C  \u3000 d "}).concepts)[0].spellings == ("a_b/C d",)


def test_queries_have_one_form() -> None:
    one = asking({"a": "x", "b": ["z", "y"]})
    same = asking({"b": ["y", "z", "y"], "a": ["x"], "c": "c"})
    default = asking({"c": ["c "]})
    none = asking({})
    other = asking({"a": "x"})

    assert one.canonical == same.canonical
    assert json.loads(one.canonical)["datasets"][0]["queries"] == {"a": "x", "b": ["y", "z"]}
    assert default.canonical == none.canonical == asking(None).canonical
    assert "queries" not in json.loads(none.canonical)["datasets"][0]
    assert len({one.digest, none.digest, other.digest}) == 3


VALENTINE = "valentine's day"
BOTH = [VALENTINE, "valentine’s day"]


def written(**changes: object) -> Any:
    """Return the queries in the canonical request of a body that asks a source for one class."""
    body = changed({"/datasets": [{"name": "ONE", "classes": [VALENTINE], **changes}], "/tasks/count": 1}, counted)
    return json.loads(parse_request(body).canonical)["datasets"][0].get("queries")


def test_names_with_an_apostrophe_are_asked_for_in_both_spellings() -> None:
    assert written() == written(queries={}) == written(queries={VALENTINE: BOTH}) == {VALENTINE: BOTH}
    assert written(classes=["valentine’s day"]) == {"valentine’s day": BOTH}
    assert written(classes=["valentine's_day"]) == {"valentine's_day": BOTH}
    assert written(classes=["bear"]) is None


def test_given_queries_stay_what_they_are() -> None:
    assert written(queries={VALENTINE: VALENTINE}) == {VALENTINE: VALENTINE}
    assert written(queries={VALENTINE: "st valentine's"}) == {VALENTINE: "st valentine's"}


def test_concepts_are_asked_for_in_both_spellings_too() -> None:
    body = {**counted(), "datasets": None, "concepts": [f"ONE+++{VALENTINE}"], "tasks": {"count": 1}}

    assert queries_of(parse_request(body).concepts) == [Query.of(BOTH)]


def test_no_queries_are_written_where_no_source_is_asked() -> None:
    lists = [{"name": "ONE", "classes": [VALENTINE], "counts": {VALENTINE: 3}}]
    for kind in ("random", "frequency"):
        request = parse_request(changed({"/datasets": lists, "/ordering/kind": kind, "/tasks/count": 1}))
        assert b"queries" not in request.canonical


def test_a_canonical_request_without_queries_asks_as_0_1_0_did() -> None:
    body = changed({"/datasets": [{"name": "ONE", "classes": [VALENTINE]}], "/tasks/count": 1}, counted)
    bare = json.loads(parse_request(body).canonical)
    del bare["datasets"][0]["queries"]
    request = read_canonical(canonical_json(bare))

    assert request.digest != parse_request(body).digest
    assert queries_of(request.concepts) == [Query.of([VALENTINE])]


def test_verbatim_asks_for_names_as_they_are() -> None:
    names = ["AC/DC", "bear", "jack-o'-lantern", "sparse_residential", "two  words"]
    changes = {"/datasets": [{"name": "ONE", "classes": names}], "/tasks/count": 1, FORM: "verbatim"}
    request = parse_request(changed(changes, counted))

    assert queries_of(request.concepts) == [Query.of([" ".join(name.split())]) for name in names]
    fields = json.loads(request.canonical)
    assert fields["datasets"][0]["queries"] == {
        each: each for each in ("AC/DC", "jack-o'-lantern", "sparse_residential")
    }
    assert "query_form" not in fields["ordering"]


def test_verbatim_leaves_given_queries_alone() -> None:
    changes = {QUERIES: {"a": ["x", "y"]}, FORM: "verbatim"}

    assert parse_request(changed(changes, counted)).canonical == asking({"a": ["x", "y"]}).canonical


class_texts = st.text("ab_/ '’`", min_size=1, max_size=6).filter(str.strip)


@given(st.dictionaries(class_texts, st.none() | class_texts, min_size=1, max_size=6), st.sampled_from(QueryForm))
def test_a_request_means_what_its_queries_written_out_mean(asked: dict[str, str | None], form: QueryForm) -> None:
    given_queries = {name: query for name, query in asked.items() if query is not None}
    body = changed({"/datasets": [{"name": "ONE", "classes": [*asked]}], "/tasks/count": 1}, counted)
    body["datasets"][0]["queries"] = given_queries
    body["ordering"]["query_form"] = str(form)
    request = parse_request(body)
    queries = dict(zip(request.concepts.class_names, queries_of(request.concepts), strict=True))

    assert queries == {
        name: query_for(name, form) if query is None else Query.of([" ".join(query.split())])
        for name, query in asked.items()
    }
    body["datasets"][0]["queries"] = {name: each.as_json() for name, each in queries.items() if each.spellings}
    assert parse_request(body).canonical == request.canonical
    assert parse_request(json.loads(request.canonical)).canonical == request.canonical
    again = read_canonical(request.canonical)
    assert (again.canonical, queries_of(again.concepts)) == (request.canonical, queries_of(request.concepts))


@given(requests(["frequency"]), st.data())
def test_a_canonical_request_has_the_same_queries(body: Body, data: st.DataObject) -> None:
    spellings = st.text(PLAIN_CHARACTERS, min_size=1, max_size=4).filter(shows_something)
    queries = st.one_of(spellings, st.lists(spellings, min_size=1, max_size=3))
    for each in body["datasets"]:
        del each["counts"]
        each["queries"] = data.draw(st.dictionaries(st.sampled_from(each["classes"]), queries))
    body["ordering"]["source"] = "c4"
    request = parse_request(body)
    again = parse_request(json.loads(request.canonical))

    assert again.canonical == request.canonical
    assert queries_of(again.concepts) == queries_of(request.concepts)
    assert len(queries_of(request.concepts)) == len(request.concepts)


def test_queries_change_the_identity_only_of_requests_that_need_counts() -> None:
    assert parse_request(changed({})).digest == parse_request(changed({QUERIES: {"a": "x"}})).digest
