"""Test the queries to sources of counts."""

import json
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.evidence.counts import queries_of
from concept_orderings.request import StreamRequest, parse_request
from unit.concept_orderings.strategies import PLAIN_CHARACTERS, Body, requests

from .bodies import FIRST, changed, counted
from .refusals import Refusal, each_of

QUERIES = f"{FIRST}/queries"


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


@given(requests(["frequency"]), st.data())
def test_a_canonical_request_has_the_same_queries(body: Body, data: st.DataObject) -> None:
    spellings = st.text(PLAIN_CHARACTERS, min_size=1, max_size=4).filter(str.strip)
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
