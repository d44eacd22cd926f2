"""Test requests for counts: their queries, parameters and times."""

from datetime import UTC, datetime, timedelta

import pytest

from concept_orderings.counts_request import MOST_NAMES, parse_counts_request
from concept_orderings.errors import BadParameter, BadValue, InvalidInput
from concept_orderings.evidence.counts import queries_of
from concept_orderings.queries import Query, QueryForm, default_query
from concept_orderings.request import parse_request

NOW = datetime(2026, 1, 31, 12, 0, 0, 700_000, tzinfo=UTC)


def test_names_give_the_same_queries_as_in_an_ordering() -> None:
    request = parse_counts_request({"names": ["grey_wolf", "a/b  c", "_", "grey_wolf"]})
    assert request.names == ("grey_wolf", "a/b  c", "_", "grey_wolf")
    assert request.queries == tuple(map(default_query, request.names))
    assert (request.refresh, request.counted_since) == (False, "")


@pytest.mark.parametrize("form", [None, *QueryForm])
def test_names_in_a_form_give_the_same_queries_as_in_an_ordering(form: str | None) -> None:
    names = ["valentine's day", "sparse_residential", "bear"]
    chosen = {} if form is None else {"query_form": str(form)}
    ordering = {"kind": "frequency", "source": "c4", **chosen}
    body = {"name": "x", "datasets": [{"name": "D", "classes": names}], "ordering": ordering, "tasks": {"count": 1}}
    concepts = parse_request(body).concepts
    look = parse_counts_request({"names": names, **chosen})

    assert dict(zip(names, look.queries, strict=True)) == dict(
        zip(concepts.class_names, queries_of(concepts), strict=True)
    )


def test_queries_have_no_form() -> None:
    body = {"queries": ["valentine's_day"]}

    assert parse_counts_request({**body, "query_form": "verbatim"}) == parse_counts_request(body)


@pytest.mark.parametrize(("form", "code"), [("exact", "bad_parameter"), (1, "wrong_type"), (None, "wrong_type")])
def test_another_form_is_refused(form: object, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_counts_request({"names": ["a"], "query_form": form})

    assert (refused.value.code, refused.value.pointers) == (code, ("/query_form",))


def test_queries_are_sent_unchanged() -> None:
    request = parse_counts_request({"queries": ["grey_wolf", ["b", "a", "b"]]})
    assert request.names == (None, None)
    assert request.queries == (Query(("grey_wolf",)), Query(("a", "b")))


def test_the_largest_number_of_names_is_accepted() -> None:
    assert len(parse_counts_request({"names": ["a"] * MOST_NAMES}).queries) == MOST_NAMES


def test_a_refresh_becomes_the_next_whole_second() -> None:
    settled = parse_counts_request({"names": ["a"], "refresh": True}).as_of(NOW)
    assert (settled.refresh, settled.counted_since) == (False, "2026-01-31T12:00:01Z")
    assert settled.as_of(NOW + timedelta(days=1)) == settled


@pytest.mark.parametrize(("since", "refused"), [(59, False), (62, True)])
def test_clocks_may_differ_by_a_minute(since: int, refused: bool) -> None:
    text = (NOW + timedelta(seconds=since)).strftime("%Y-%m-%dT%H:%M:%SZ")
    request = parse_counts_request({"names": ["a"], "counted_since": text})
    if refused:
        with pytest.raises(BadParameter, match="in the future"):
            request.as_of(NOW)
    else:
        assert request.as_of(NOW) == request


@pytest.mark.parametrize(
    ("text", "is_time"),
    [
        ("0001-01-01T00:00:00Z", True),
        ("0999-12-31T23:59:59Z", True),
        ("2024-02-29T00:00:00Z", True),
        ("2023-02-29T00:00:00Z", False),
        ("0000-01-01T00:00:00Z", False),
        ("2026-1-01T00:00:00Z", False),
        ("2026-01-31T24:00:00Z", False),
        ("2026-01-31T12:00:00", False),
        ("2026-01-31t12:00:00z", False),
        ("2026-01-31T12:00:00Z\n", False),
        ("٢٠٢٦-01-31T12:00:00Z", False),
    ],
)
def test_an_ordering_and_a_look_accept_the_same_times(text: str, is_time: bool) -> None:
    stream = {
        "name": "s",
        "datasets": [{"name": "A", "classes": ["a"]}],
        "ordering": {"kind": "frequency", "source": "c4", "counted_since": text},
        "tasks": {"count": 1},
    }
    look = {"names": ["a"], "counted_since": text}
    if is_time:
        assert parse_counts_request(look).as_of(NOW).counted_since == text
        assert parse_request(stream).as_of(NOW)
        return
    for parse, body in [(parse_counts_request, look), (parse_request, stream)]:
        with pytest.raises(BadParameter, match="2026-01-31T12:00:00Z"):
            parse(body)  # type: ignore[operator]


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00Z", "2023-02-29T00:00:00Z", "yesterday"])
def test_a_refresh_beside_any_text_is_refused_as_both(text: str) -> None:
    with pytest.raises(BadParameter, match="leave one of the two out") as refused:
        parse_counts_request({"names": ["a"], "refresh": True, "counted_since": text})
    assert refused.value.pointers == ("/refresh", "/counted_since")


def test_a_name_of_another_type_is_refused_before_one_with_control_characters() -> None:
    with pytest.raises(BadValue, match="/names/2 must be a string, not a number") as refused:
        parse_counts_request({"names": ["a\0", "b", 1, None]})
    assert (refused.value.code, refused.value.pointers) == ("wrong_type", ("/names/2",))


def test_all_faults_of_a_look_are_named() -> None:
    body = {
        "names": ["a", 7, "b\n"],
        "queries": ["", ["c", "d\n"], []],
        "refresh": True,
        "counted_since": "2026-02-31T12:00:00Z",
        "query": "a",
    }
    with pytest.raises(BadValue) as refused:
        parse_counts_request(body)

    assert [(each.code, each.pointers) for each in refused.value.faults] == [
        ("unknown_field", ("/query",)),
        ("bad_parameter", ("/refresh", "/counted_since")),
        ("bad_parameter", ("/counted_since",)),
        ("conflicting_fields", ("/names", "/queries")),
        ("wrong_type", ("/names/1",)),
        ("bad_query", ("/names/2",)),
        ("bad_query", ("/queries/0", "/queries/1/1")),
        ("bad_query", ("/queries/2",)),
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_field"),
        ({"names": None}, "missing_field"),
        ({"names": ["a"], "queries": ["a"]}, "conflicting_fields"),
    ],
)
def test_a_look_has_one_of_two_lists(body: dict[str, object], code: str) -> None:
    with pytest.raises(BadValue) as refused:
        parse_counts_request(body)

    assert [(each.code, each.pointers) for each in refused.value.faults] == [(code, ("/names", "/queries"))]


def test_a_time_in_the_future_is_named_with_the_other_faults() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_counts_request({"names": [7], "counted_since": "2126-02-01T12:00:00Z"}, now=NOW)

    assert {each.pointers for each in refused.value.faults} == {("/names/0",), ("/counted_since",)}
    look = {"names": ["a"], "refresh": True}
    assert parse_counts_request(look, now=NOW) == parse_counts_request(look).as_of(NOW)
