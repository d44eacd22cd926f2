"""Counts of concepts: what is asked of a source for them, and what is said of the answers."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.errors import SourceError
from concept_orderings.evidence import Gathered, evidence_digest
from concept_orderings.progress import silent
from concept_orderings.queries import Query, folded
from concept_orderings.readings import Readings
from concept_orderings.request import parse_request
from concept_orderings.stream_warnings import sentences
from store.sources import SourceFacts, Unit
from worker.evidence.counts.base import Count
from worker.evidence.gather_counts import count_concepts

Body = dict[str, Any]


class Corpus:
    """A source that knows the count of each spelling; those it does not know are nowhere.

    Parameters
    ----------
    counts
        By spelling; a negative one is approximate.
    form
        As `CountSource.form`.
    words
        The words that it reads in a spelling; None if it does not tell.
    facts
        What differs from the facts below.
    """

    def __init__(
        self,
        counts: Mapping[str, int] | None = None,
        form: Callable[[str], str] = str,
        *,
        words: Callable[[str], list[str]] | None = None,
        **facts: object,
    ) -> None:
        self._counts = counts or {}
        self.form = form
        self._words = words
        self.asked: list[Query] = []
        said: dict[str, Any] = {"unit": Unit.DOCUMENTS, "documents": 1000, "fingerprint": "0f" * 32, **facts}
        self._facts = SourceFacts(name="c4", kind="elasticsearch", corpus="all of it", query_form="as it is", **said)

    async def facts(self) -> SourceFacts:
        return self._facts

    async def count(self, queries: Sequence[Query]) -> AsyncIterator[dict[Query, Count]]:
        self.asked += queries
        for query in queries:
            found = [self._counts.get(each, 0) for each in query.spellings]
            yield {query: Count(sum(map(abs, found)), min(found) < 0)}

    async def readings(self, counts: Mapping[Query, Count]) -> Readings:
        if self._words is None:
            return {}
        return {each: tuple(self._words(each)) for query in counts for each in query.spellings}

    async def aclose(self) -> None:
        pass


def counted(corpus: Corpus, *datasets: Body) -> Gathered:
    body = {
        "name": "x",
        "datasets": list(datasets),
        "ordering": {"kind": "frequency", "source": "c4"},
        "tasks": {"count": 1},
    }
    return asyncio.run(count_concepts(parse_request(body), corpus, None, report=silent))


def dataset(name: str, *classes: str, queries: Body | None = None) -> Body:
    return {"name": name, "classes": list(classes), "queries": queries}


def test_each_concept_gets_the_count_of_its_own_query() -> None:
    corpus = Corpus({"bear": 5, "hot dog": 3, "grey wolf": 2, "gray wolf": 4})
    found = counted(
        corpus,
        dataset("A", "bear", "hot_dog", "wolf", queries={"wolf": ["grey wolf", "gray wolf"]}),
        dataset("B", "hot dog", "wolf"),
    )

    assert found.values.dtype == np.int64
    assert found.values.tolist() == [5, 3, 6, 3, 0]
    assert found.columns["query"] == ["bear", "hot dog", ["gray wolf", "grey wolf"], "hot dog", "wolf"]
    assert found.columns["unit"] == ["documents"] * 5
    assert found.columns["approximate"] == [None] * 5


def test_a_query_of_several_concepts_is_sent_once_and_an_empty_one_never() -> None:
    corpus = Corpus()
    found = counted(corpus, dataset("A", "a_b", "a/b", "_", "a b"), dataset("B", "a b", "a  b"), dataset("C", "/"))

    assert sorted(corpus.asked) == [Query.of(["a b"])]
    assert found.values.tolist() == [0] * 7
    assert found.columns["query"] == ["", *["a b"] * 5, ""]


@given(
    st.dictionaries(st.text("abAB_/ ", min_size=1, max_size=4).filter(str.strip), st.integers(0, 5), min_size=1),
    st.integers(1, 3),
)
def test_counts_follow_what_was_sent(counts: dict[str, int], longest: int) -> None:
    """A source that cuts spellings, by which names may become one another."""

    def cut(text: str) -> str:
        return text[:longest].strip()

    known = {cut(name): n for name, n in counts.items()}
    corpus = Corpus(known, form=cut)
    found = counted(corpus, dataset("A", *counts))

    sent = [cut(folded(name)) for name in sorted(counts)]
    assert found.columns["query"] == sent
    assert found.values.tolist() == [known.get(each, 0) if each else 0 for each in sent]
    assert sorted(corpus.asked) == [Query.of([each]) for each in sorted(set(sent)) if each]


def test_the_manifest_says_what_was_counted_and_where() -> None:
    entry = counted(Corpus({"bear": 2}), dataset("A", "bear")).provenance.as_json()
    times = entry.pop("counted")

    assert entry == {
        "source": "c4",
        "digest": evidence_digest(np.array([2])),
        "kind": "elasticsearch",
        "unit": "documents",
        "corpus": "all of it",
        "documents": 1000,
        "query_form": "as it is",
        "fingerprint": "0f" * 32,
        "warnings": [],
    }
    assert isinstance(times, dict)
    assert set(times) == {"first", "last"}
    assert times["first"] <= times["last"]


def test_approximate_counts_are_marked_and_warned_of() -> None:
    corpus = Corpus({"bear": -200, "elk": 3}, unit=Unit.OCCURRENCES, documents=None, tokens=10**9)
    found = counted(corpus, dataset("A", "bear", "elk"), dataset("B", "bear"))

    assert found.values.tolist() == [200, 3, 200]
    assert found.columns["approximate"] == [True, None, True]
    assert found.provenance.details["tokens"] == 10**9
    assert "documents" not in found.provenance.details
    *_, warning = found.provenance.warnings
    assert warning.detail.startswith("1 of 2 counts are approximate")
    assert (warning.code, warning.count, warning.concepts) == ("approximate_counts", 1, ("A+++bear", "B+++bear"))


def test_the_warnings_of_a_count() -> None:
    corpus = Corpus({"can": 500, "view": 10, "bear": 9, "a b": 900}, form=lambda text: text.replace("&", "and"))
    queries = {"view": "a view", "elk": "elk & elks"}
    found = counted(
        corpus,
        dataset("A", "can", "bear", "a_b", "q & a", "view", "elk", queries=queries),
        dataset("B", "can", "view"),
    )

    shared, common, altered = sentences(found.provenance.warnings)
    assert shared == "1 name is asked by several concepts ('can' by 2): counted once, and ranked by the tie rule."
    assert common.startswith("2 names are single common words, in 1 % of the documents or more ('can', 'view')")
    assert altered == (
        "3 names were cut or altered before asking "
        "('a_b' as 'a b', 'elk & elks' as 'elk and elks', 'q & a' as 'q and a')."
    )
    assert [(each.code, each.count, each.concepts) for each in found.provenance.warnings] == [
        ("shared_names", 1, ("A+++can", "B+++can")),
        ("common_words", 2, ("A+++can", "B+++can", "B+++view")),
        ("altered_names", 3, ("A+++a_b", "A+++elk", "A+++q & a")),
    ]


def test_a_name_of_which_the_source_reads_no_word_was_not_asked_for() -> None:
    corpus = Corpus({"bear": 5}, words=lambda text: re.findall("[a-z]+", text))
    found = counted(corpus, dataset("A", "bear", "!!!", "_", "elk", "?", queries={"?": ["?!", "question"]}))

    columns = dict(zip(["!!!", "?", "_", "bear", "elk"], found.columns["asked"], strict=True))
    assert columns == {"!!!": False, "?": None, "_": False, "bear": None, "elk": None}
    assert found.values.tolist() == [0, 0, 0, 5, 0]
    (warning,) = (each for each in found.provenance.warnings if each.code == "not_asked")
    assert (warning.count, warning.concepts) == (2, ("A+++!!!", "A+++_"))
    assert warning.detail == (
        "The source reads no word of 2 concepts ('A+++!!!', 'A+++_'), so it was not asked: a count of 0 says nothing "
        "there; give queries for such names."
    )


def test_an_empty_query_was_not_asked_whatever_the_source_tells() -> None:
    found = counted(Corpus(), dataset("A", "_", "!!!"))

    assert found.columns["asked"] == [None, False]
    assert "not_asked" in {each.code for each in found.provenance.warnings}


def test_tasks_do_not_say_that_a_name_was_asked() -> None:
    assert "asked" not in counted(Corpus({"bear": 0}), dataset("A", "bear")).columns


def test_names_that_the_source_reads_alike_share_a_count() -> None:
    corpus = Corpus(words=lambda text: re.findall("[a-z]+", text.lower()))
    languages = dataset("A", "C", "C++", "C#", "Go", "!!!", "???")
    found = counted(corpus, languages, dataset("B", "C", "e-reader"), dataset("C", "e reader", "go to"))

    shared, words = (each for each in found.provenance.warnings if each.code.startswith("shared"))
    assert shared.detail.startswith("1 name is asked by several concepts ('C' by 2)")
    assert (words.code, words.count) == ("shared_words", 2)
    assert words.concepts == ("A+++C", "A+++C#", "A+++C++", "B+++C", "B+++e-reader", "C+++e reader")
    assert words.detail == (
        "6 concepts share the words that the source reads with another one, in 2 groups, 2 of them written in several "
        "ways ('C' and 'C#' and 'C++', 'e reader' and 'e-reader'): each group is counted once, and ranked by the tie "
        "rule."
    )


def test_names_are_compared_as_they_are_where_the_source_does_not_tell_its_words() -> None:
    found = counted(Corpus(), dataset("A", "C", "C++", "C#"), dataset("B", "C"))

    assert [each.code for each in found.provenance.warnings] == ["shared_names"]


def test_an_altered_name_is_warned_of_although_it_is_a_spelling_of_another_concept() -> None:
    found = counted(Corpus(), dataset("A", "a_b"), dataset("B", "c", queries={"c": "a_b"}))

    assert found.columns["query"] == ["a b", "a_b"]
    [warning] = found.provenance.warnings
    assert warning.detail == "1 name was cut or altered before asking ('a_b' as 'a b')."
    assert warning.concepts == ("A+++a_b",)


def test_the_query_shown_is_the_one_that_was_sent() -> None:
    corpus = Corpus({"crane": 3}, form=folded)
    found = counted(corpus, dataset("A", "crane", queries={"crane": ["crane", "_"]}))

    assert found.columns["query"] == ["crane"]
    assert corpus.asked == [Query.of(["crane"])]


def test_errors_name_the_concepts() -> None:
    class Refuses(Corpus):
        async def count(self, queries: Sequence[Query]) -> AsyncIterator[dict[Query, Count]]:
            yield {query: Count(1) for query in queries if query != Query.of(["hot dog"])}
            raise SourceError("source_refused", "It has no 'hot dog'.", queries=[Query.of(["hot dog"])])

    with pytest.raises(SourceError) as caught:
        counted(Refuses(), dataset("A", "hot_dog", "bear"), dataset("B", "hot dog"))
    assert caught.value.code == "source_refused"
    assert caught.value.detail == "It has no 'hot dog'. Concepts without a count: 'A+++hot_dog', 'B+++hot dog'."


def test_documents_do_not_tell_how_frequent_an_occurrence_is() -> None:
    corpus = Corpus({"can": 10**6}, unit=Unit.OCCURRENCES, documents=1000)

    assert counted(corpus, dataset("A", "can")).provenance.warnings == ()
