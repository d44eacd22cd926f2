"""Test warnings as objects: what is listed, and what is read again."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.stream_warnings import StreamWarning, WarningCode, sentences

warnings = st.builds(
    StreamWarning.of,
    st.sampled_from(WarningCode),
    st.text(),
    count=st.none() | st.integers(0, 10**6),
    concepts=st.lists(st.text(), max_size=60),
    queries=st.lists(st.tuples(st.text(), st.text() | st.lists(st.text(), max_size=3)), max_size=60),
)


@given(st.lists(st.text(), max_size=60))
def test_the_first_50_concepts_are_listed(concepts: list[str]) -> None:
    found = StreamWarning.of(WarningCode.ZERO_COUNTS, "x", count=len(concepts), concepts=concepts)

    assert found.concepts == tuple(concepts[:50])
    assert found.count == len(concepts)


@given(st.dictionaries(st.text(), st.text(), min_size=40, max_size=60))
def test_the_first_50_queries_are_listed(queries: dict[str, str]) -> None:
    found = StreamWarning.of(WarningCode.ZERO_COUNTS, "x", count=len(queries), queries=queries.items())

    assert list(found.queries.items()) == list(queries.items())[:50]
    assert found.as_json()["queries"] == found.queries


def test_a_warning_without_queries_has_no_such_field() -> None:
    assert "queries" not in StreamWarning.of(WarningCode.ZERO_COUNTS, "x", count=1, concepts=["a+++b"]).as_json()


@given(warnings)
def test_a_warning_is_read_as_it_was_written(warning: StreamWarning) -> None:
    assert StreamWarning.read(warning.as_json()) == warning


@given(warnings)
def test_what_a_later_release_adds_to_a_warning_is_passed_over(warning: StreamWarning) -> None:
    later = {**warning.as_json(), "code": "of a later release", "names": ["a"]}

    assert StreamWarning.read(later) == replace(warning, code="of a later release")


def test_a_sentence_without_its_code_is_kept() -> None:
    warning = StreamWarning.unclassified("Some counts are 0.")

    assert sentences([warning]) == ["Some counts are 0."]
    assert warning.as_json() == {
        "code": "unclassified",
        "detail": "Some counts are 0.",
        "count": None,
        "concepts": [],
    }
