"""What Elasticsearch reads in a name, from its term vectors and its mapping."""

from typing import Any

import pytest

from worker.evidence.counts.elasticsearch.answers import NotCounted
from worker.evidence.counts.elasticsearch.searches import Match, Searches
from worker.evidence.counts.elasticsearch.words import has_search_analyser, words_of_each


def vector(**positions: list[int]) -> dict[str, Any]:
    terms = {term: {"term_freq": 1, "tokens": [{"position": at} for at in found]} for term, found in positions.items()}
    return {"found": True, "term_vectors": {"text": {"terms": terms}} if terms else {}}


def test_words_are_found_by_position() -> None:
    answers = [vector(dog=[1], hot=[0]), vector(), vector(big=[0, 2], bad=[1]), vector(tv=[0], television=[0])]

    assert words_of_each(answers, "text") == [
        {0: "hot", 1: "dog"},
        {},
        {0: "big", 1: "bad", 2: "big"},
        {0: "television|tv"},
    ]


@pytest.mark.parametrize(
    ("answer", "may_pass"),
    [
        ({"error": {"reason": "Alias [both] has more than one index associated with it"}}, False),
        ({"found": False}, True),
        ({}, True),
        (None, True),
    ],
)
def test_an_answer_without_words_is_none(answer: object, may_pass: bool) -> None:
    found = words_of_each([vector(dog=[0]), answer], "text")

    assert isinstance(found, NotCounted)
    assert found.may_pass is may_pass


def searches(match: Match) -> Searches:
    return Searches(index="c4", text_field="text", filters={"subset": "en"}, match=match)


@pytest.mark.parametrize(
    ("match", "words", "reading"),
    [
        ("phrase", {0: "hot", 1: "dog"}, ("hot", "dog")),
        ("phrase", {2: "dog", 4: "cat"}, ("dog", "", "cat")),
        ("phrase", {3: "dog"}, ("dog",)),
        ("phrase", {}, ()),
        ("all-words", {0: "hot", 1: "dog", 3: "hot"}, ("dog", "hot")),
        ("all-words", {}, ()),
    ],
)
def test_a_phrase_has_an_order_and_gaps_and_all_words_have_none(
    match: Match, words: dict[int, str], reading: tuple[str, ...]
) -> None:
    assert searches(match).reading(words) == reading


@pytest.mark.parametrize("match", ["phrase", "all-words"])
def test_the_search_for_names_without_a_word_finds_all_documents_if_there_is_none(match: Match) -> None:
    found = searches(match).of_unread("!!!")

    (clause, term) = found["query"]["bool"]["filter"]
    assert next(iter(clause.values()))["text"]["zero_terms_query"] == "all"
    assert term == {"term": {"subset": "en"}}


@pytest.mark.parametrize(
    ("declared", "differs"),
    [
        ({"type": "text"}, False),
        ({"type": "text", "analyzer": "standard"}, False),
        ({"type": "text", "analyzer": "standard", "search_analyzer": "standard"}, False),
        ({"type": "text", "analyzer": "standard", "search_analyzer": "stop"}, True),
        ({"type": "text", "search_analyzer": "stop"}, True),
    ],
)
def test_an_analyser_for_searches_alone_is_seen(declared: dict[str, str], differs: bool) -> None:
    def mapping(index: str, field: dict[str, str]) -> dict[str, Any]:
        return {index: {"mappings": {"doc.text": {"full_name": "doc.text", "mapping": {"text": field}}}}}

    both = {**mapping("a", {"type": "text"}), **mapping("b", declared)}
    assert has_search_analyser(both, "doc.text") is differs
    assert not has_search_analyser({"a": {"mappings": {}}, "b": None}, "doc.text")
