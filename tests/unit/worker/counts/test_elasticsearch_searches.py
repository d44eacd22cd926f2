import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.queries import Query
from worker.evidence.counts.elasticsearch.searches import Match, Searches
from worker.evidence.counts.spellings import LONGEST, sendable
from worker.evidence.local_index.tokens import tokenise

LETTERS = st.characters(codec="utf-8")


def searches(match: Match = "phrase", **filters: str | list[str]) -> Searches:
    return Searches("c4", "text", filters, match)


DOG = {"match_phrase": {"text": {"query": "dog", "slop": 0}}}
PUPPY = {"match_phrase": {"text": {"query": "puppy", "slop": 0}}}
EN = {"term": {"subset": "en"}}


def test_a_phrase_is_asked_for() -> None:
    assert searches().of(Query.of(["dog"])) == {"size": 0, "track_total_hits": True, "query": DOG}


def test_filters_and_spellings_stand_beside_each_other() -> None:
    either = {"bool": {"should": [DOG, PUPPY], "minimum_should_match": 1}}

    assert searches().of(Query.of(["puppy", "dog"]))["query"] == either
    assert searches(subset="en").of(Query.of(["dog"]))["query"] == {"bool": {"filter": [DOG, EN]}}
    assert searches(subset="en").of(Query.of(["dog", "puppy"]))["query"] == {"bool": {"filter": [either, EN]}}


def test_all_words_are_asked_for() -> None:
    clause = {"match": {"text": {"query": "big dog", "operator": "and"}}}

    assert searches("all-words").of(Query.of(["big dog"]))["query"] == clause


def test_all_documents_are_those_that_pass_the_filters() -> None:
    several = {"terms": {"subset": ["en", "de"]}}

    assert searches().of_all() == {"size": 0, "track_total_hits": True, "query": {"match_all": {}}}
    assert searches(subset="en").of_all()["query"] == EN
    assert searches(url="u", subset=["en", "de"]).of_all()["query"] == {
        "bool": {"filter": [several, {"term": {"url": "u"}}]}
    }


def test_corpus_and_form_are_in_words() -> None:
    assert searches().corpus == "c4"
    assert searches(url="u", subset=["en", "de"]).corpus == "c4 where subset = en or de, url = u"
    assert searches().form == "match_phrase with slop 0 in the field text"
    assert searches("all-words").form == "match with all words in the field text"


@given(st.text(LETTERS, max_size=LONGEST))
def test_a_name_is_sent_as_it_is(name: str) -> None:
    assert sendable(name) == name


@given(st.lists(st.text(LETTERS, min_size=1, max_size=400), min_size=1, max_size=20).map(" ".join), st.integers(0, 9))
def test_a_long_name_is_cut_to_what_a_server_takes(start: str, more: int) -> None:
    name = start + "x" * LONGEST * more

    sent = sendable(name)

    assert bool(sent) == bool(name)
    assert len(sent) <= LONGEST
    assert name.startswith(sent)
    assert sendable(sent) == sent
    # The least that a server takes in one query.
    assert len(tokenise(sent)) <= 1_024


def test_a_name_with_a_lone_surrogate_does_not_stop_the_others() -> None:
    assert sendable("a\ud800b 😀") == "a\ufffdb 😀"


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("ab " * 400, ("ab " * 333).rstrip()),
        ("x" * 2_000, "x" * LONGEST),
        ("x" * LONGEST + " y", "x" * LONGEST),
        (" " + "x" * 2_000, " " + "x" * (LONGEST - 1)),
    ],
)
def test_words_are_kept_whole_where_there_are_some(name: str, sent: str) -> None:
    assert sendable(name) == sent
