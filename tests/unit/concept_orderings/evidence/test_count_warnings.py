"""Test the warnings about counts: when they occur, and which numbers and names they have."""

import re
from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from concept_orderings.concepts import ClassList, Concepts, split_concept
from concept_orderings.evidence.count_warnings import (
    altered_names,
    approximate_counts,
    common_words,
    equal_counts,
    not_asked,
    shared_names,
    shared_words,
    zero_counts,
)
from concept_orderings.queries import Query, default_query, folded
from concept_orderings.readings import is_unread, words_read
from concept_orderings.stream_warnings import sentences
from concept_orderings.text import shows_something
from unit.concept_orderings.benchmark import needs_benchmark, stream
from unit.concept_orderings.strategies import PLAIN_CHARACTERS, gathered

counts = hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 4) | st.integers(0, 2**53 - 1))
words = st.text(PLAIN_CHARACTERS, min_size=1, max_size=8).filter(shows_something)


def numbers(sentence: str) -> list[int]:
    return [int(each) for each in re.findall(r"\b[0-9]+\b", sentence)]


def concepts_of(n: int) -> Concepts:
    return gathered([ClassList(name="A", classes=tuple(f"class {i:03}" for i in range(n)))])


@given(counts)
def test_zero_counts_are_counted_and_the_first_50_named(values: NDArray[np.int64]) -> None:
    concepts = concepts_of(len(values))
    zero = [concepts.ids[i] for i, value in enumerate(values.tolist()) if value == 0]
    found = zero_counts(values, concepts)

    if not zero:
        assert found == ()
        return
    [warning] = found
    sentence = warning.detail
    assert (warning.code, warning.count, warning.concepts) == ("zero_counts", len(zero), tuple(zero[:50]))
    assert numbers(sentence)[:2] == [len(zero), len(values)]
    assert re.findall("'([^']*)'", sentence) == zero[:50]
    assert ("such as" in sentence) == (len(zero) > 50)


@given(counts)
def test_large_groups_of_equal_counts_are_counted(values: NDArray[np.int64]) -> None:
    large = {value: n for value, n in Counter(values.tolist()).items() if n >= 10}
    concepts = concepts_of(len(values))
    tied = [name for name, value in zip(concepts.ids, values.tolist(), strict=True) if value in large]
    found = equal_counts(values, concepts)

    if not large:
        assert found == ()
        return
    [warning] = found
    assert (warning.code, warning.count, warning.concepts) == ("equal_counts", len(tied), tuple(tied[:50]))
    sentence = warning.detail
    most = max(large.values())
    # Of several largest groups, the one with the smallest count is reported.
    largest = min(value for value, n in large.items() if n == most)
    assert numbers(sentence) == [sum(large.values()), len(values), len(large), 10, most, largest]


@pytest.mark.parametrize(("n", "warns"), [(9, False), (10, True)])
def test_the_smallest_group_of_equal_counts_that_is_reported_has_ten(n: int, warns: bool) -> None:
    assert bool(equal_counts(np.array([3] * n + [4]), concepts_of(n + 1))) is warns


names = st.sampled_from(["bridge", "can", "a_b", "a b", "view"])


@given(st.lists(st.sets(names, min_size=1), min_size=1, max_size=5), st.data())
def test_shared_names_are_the_queries_of_several_concepts(classes: list[set[str]], data: st.DataObject) -> None:
    lists = [ClassList(name=f"D{i}", classes=tuple(each)) for i, each in enumerate(classes)]
    concepts = gathered(lists)
    queries = [
        Query.of([name, "else"]) if data.draw(st.booleans()) else default_query(name) for name in concepts.class_names
    ]
    shared = {each: n for each, n in Counter(queries).items() if n > 1 and each.spellings}
    found = shared_names(concepts, queries)

    if not shared:
        assert found == ()
        return
    [warning] = found
    sentence = warning.detail
    sharing = tuple(name for name, each in zip(concepts.ids, queries, strict=True) if each in shared)
    assert (warning.code, warning.count, warning.concepts) == ("shared_names", len(shared), sharing)
    assert numbers(sentence)[0] == len(shared)
    unlike = 0
    for query, n in shared.items():
        forms = {name for name, each in zip(concepts.class_names, queries, strict=True) if each == query}
        assert f"{min(forms)!r} by {n}" in sentence
        unlike += len(forms) > 1
    assert (f"{unlike} of them written in several ways" in sentence) == (unlike > 0)


def test_empty_queries_are_not_shared() -> None:
    concepts = gathered([ClassList(name="A", classes=("_", "/")), ClassList(name="B", classes=("_",))])

    assert shared_names(concepts, [default_query(name) for name in concepts.class_names]) == ()


@needs_benchmark
def test_the_shared_names_of_the_benchmark() -> None:
    classes: dict[str, list[str]] = {}
    for dataset, name in map(split_concept, stream("frequency_sequence_1")):
        classes.setdefault(dataset, []).append(name)
    concepts = gathered([ClassList(name=name, classes=tuple(each)) for name, each in classes.items()])
    [sentence] = sentences(shared_names(concepts, [default_query(name) for name in concepts.class_names]))

    assert sentence.startswith("817 names are asked by several concepts (such as 'bridge' by 11, 'mountain' by 10, ")
    assert "14 of them written in several ways (such as " in sentence
    assert "'palm tree' and 'palm_tree'" in sentence


def test_the_most_shared_names_are_the_examples() -> None:
    often = [ClassList(name=f"D{i}", classes=tuple(f"n{k:02}" for k in range(i, 20))) for i in range(15)]
    concepts = gathered(often)
    [sentence] = sentences(shared_names(concepts, [default_query(name) for name in concepts.class_names]))

    assert sentence.startswith("19 names are asked by several concepts (such as 'n14' by 15, 'n15' by 15,")
    assert sentence.count(" by ") == 1 + 10 + 1


@given(
    st.dictionaries(
        st.lists(words, min_size=1, max_size=2).map(lambda each: Query.of(" ".join(one.split()) for one in each)),
        st.integers(0, 3000),
        min_size=1,
    ),
    st.sampled_from([{"documents": 100_000}, {"tokens": 20_000_000}]),
)
def test_common_words_are_single_words_above_the_threshold(found: dict[Query, int], corpus: dict[str, int]) -> None:
    """The threshold of both corpora is 1,000."""
    common = {
        query for query, n in found.items() if n >= 1000 and len(query.spellings) == 1 and " " not in query.spellings[0]
    }
    concepts = concepts_of(len(found))
    warnings = common_words(found, concepts, list(found), **corpus)

    assert len(warnings) == bool(common)
    for each in warnings:
        named = tuple(name for name, query in zip(concepts.ids, found, strict=True) if query in common)
        assert (each.code, each.count, each.concepts) == ("common_words", len(common), named[:50])
        assert numbers(each.detail)[0] == len(common)


def test_the_most_common_words_are_the_examples() -> None:
    found = {Query.of([word]): n for word, n in [("can", 500), ("view", 60), ("hot dog", 90), ("otter", 9), ("a", 60)]}
    concepts = concepts_of(len(found))
    [sentence] = sentences(common_words(found, concepts, list(found), documents=1000))

    assert sentence.startswith(
        "3 names are single common words, in 1 % of the documents or more ('can', 'a', 'view'): "
    )
    [other] = sentences(common_words(found, concepts, list(found), tokens=10_000_000))
    assert other.startswith("1 name is a single common word, 1 in 20,000 of the tokens or more ('can'): ")


@pytest.mark.parametrize("corpus", [{}, {"documents": 0}, {"tokens": 0}])
def test_without_the_size_of_the_corpus_no_word_is_common(corpus: dict[str, int]) -> None:
    can = Query.of(["can"])
    assert common_words({can: 10**9}, concepts_of(1), [can], **corpus) == ()


@given(st.lists(st.tuples(words, words | st.just(""))))
def test_altered_names_are_counted(sent: list[tuple[str, str]]) -> None:
    altered = {(name, asked) for name, asked in sent if name != asked}
    warnings = altered_names((f"A+++{i}", *pair) for i, pair in enumerate(sent))

    assert len(warnings) == bool(altered)
    for each in warnings:
        concerned = tuple(f"A+++{i}" for i, (name, asked) in enumerate(sent) if name != asked)
        assert (each.code, each.count, each.concepts) == ("altered_names", len(altered), concerned)
        assert numbers(each.detail)[0] == len(altered)


def test_altered_names_are_shown_with_the_text_that_was_sent() -> None:
    names = ["a_b", "c d", "e/f", "_"]

    assert sentences(altered_names([(f"A+++{name}", name, folded(name)) for name in names])) == [
        "3 names were cut or altered before asking ('_' as '', 'a_b' as 'a b', 'e/f' as 'e f')."
    ]


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_approximate_counts_are_counted(approximate: list[bool]) -> None:
    concepts = concepts_of(len(approximate))
    queries = [default_query(name) for name in concepts.class_names]
    found = {query for query, each in zip(queries, approximate, strict=True) if each}
    warnings = approximate_counts(found, len(queries), concepts, queries)

    assert [numbers(each.detail) for each in warnings] == ([[len(found), len(queries)]] if found else [])
    for each in warnings:
        named = tuple(name for name, query in zip(concepts.ids, queries, strict=True) if query in found)
        assert (each.code, each.count, each.concepts) == ("approximate_counts", len(found), named[:50])


@given(st.lists(words, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_spellings_does_not_change_a_query(spellings: list[str], random: Random) -> None:
    again = spellings * 2
    random.shuffle(again)

    assert Query.of(again) == Query.of(spellings)
    shown = Query.of(spellings).as_json()
    assert shown == (sorted(set(spellings)) if len(set(spellings)) > 1 else "".join(spellings[:1]))


@given(st.text(PLAIN_CHARACTERS | st.sampled_from("_/ "), max_size=8))
def test_the_default_query_is_the_name_as_running_text_has_it(name: str) -> None:
    query = default_query(name)

    assert query == Query.of([folded(name)] if folded(name) else [])
    assert default_query(folded(name)) == query
    assert not set("_/") & set(folded(name))
    assert folded(name) == " ".join(folded(name).split())


# --- What a source reads.

READ = st.lists(st.sampled_from(["a", "A", "b", "a b", "a-b", "!", "?!", "c", "d", "d!"]), min_size=1, max_size=3)


def words_of(spelling: str) -> tuple[str, ...]:
    return tuple(re.findall("[a-d]", spelling.lower()))


@given(st.lists(READ.map(Query.of), min_size=1, max_size=12), st.sets(st.sampled_from(["a", "c", "!"])))
def test_words_are_shared_by_the_queries_that_find_the_same(queries: list[Query], secret: set[str]) -> None:
    """Two queries share their words if the sets of phrases that they look for are equal and all of them are known."""
    concepts = concepts_of(len(queries))
    readings = {each: words_of(each) for query in queries for each in query.spellings if each not in secret}
    unread = [all(each not in secret and not words_of(each) for each in query.spellings) for query in queries]

    def share(one: Query, other: Query) -> bool:
        if one == other:
            return True
        if not secret.isdisjoint([*one.spellings, *other.spellings]):
            return False
        return {words_of(each) for each in one.spellings} - {()} == {words_of(each) for each in other.spellings} - {()}

    asked = [query for query, nothing in zip(queries, unread, strict=True) if not nothing]
    assert [is_unread(query, readings) for query in queries] == unread
    for one in asked:
        for other in asked:
            assert (words_read(one, readings) == words_read(other, readings)) == share(one, other)
    sharing = [query for query in asked if sum(share(query, other) for other in asked) > 1]
    unlike = [query for query in sharing if any(share(query, other) and query != other for other in asked)]
    found = shared_words(concepts, queries, readings)
    assert bool(found) == bool(unlike)
    for warning in found:
        assert len(warning.concepts) == len(unlike)
        assert numbers(warning.detail)[:2] == [len(sharing), warning.count]
    assert [len(each.concepts) for each in not_asked(concepts, queries, readings)] == [sum(unread)] * any(unread)


def test_names_that_look_the_same_and_share_their_words_have_code_points() -> None:
    [warning] = shared_words(
        concepts_of(2), [Query.of(["K9"]), Query.of(["\u212a9"])], {"K9": ("k9",), "\u212a9": ("k9",)}
    )

    assert "1 of them written in several ways ('K9' (K) and '\u212a9' (U+212A))" in warning.detail


@needs_benchmark
def test_the_benchmark_shares_905_phrases_of_the_standard_analyser() -> None:
    cutting = pytest.importorskip("worker.evidence.local_index.cutting", reason="the programs are not installed")
    lists: dict[str, list[str]] = {}
    for concept in stream("random_sequence_1"):
        dataset, name = split_concept(concept)
        lists.setdefault(dataset, []).append(name)
    concepts = gathered([ClassList(name=name, classes=tuple(classes)) for name, classes in lists.items()])
    queries = [default_query(name) for name in concepts.class_names]
    spellings = sorted({each for query in queries for each in query.spellings})
    readings = dict(zip(spellings, cutting.tokenise(spellings), strict=True))

    (by_name,) = shared_names(concepts, queries)
    (by_words,) = shared_words(concepts, queries, readings)
    assert (by_name.count, by_words.count) == (817, 905)
    assert by_words.detail.startswith(
        "2917 concepts share the words that the source reads with another one, in 905 groups, 275 of them written in "
        "several ways (such as 'Agaricus bisporus' and 'agaricus bisporus', "
    )
    assert not_asked(concepts, queries, readings) == ()
