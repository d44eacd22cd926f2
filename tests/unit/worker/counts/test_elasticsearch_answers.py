from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.evidence.counts.elasticsearch.answers import NotCounted, by_status, counted

WHOLE: dict[str, Any] = {
    "took": 1,
    "timed_out": False,
    "_shards": {"total": 5, "successful": 5, "skipped": 3, "failed": 0},
    "hits": {"total": {"value": 38, "relation": "eq"}, "max_score": None, "hits": []},
    "status": 200,
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(value, dict):
        return [path, *(leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key)))]
    return [path]


def changed(value: Any, path: tuple[str, ...], new: Any) -> Any:
    if not path:
        return new
    return {**value, path[0]: changed(value[path[0]], path[1:], new)}


def without(value: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    first, *rest = path
    if rest:
        return {**value, first: without(value[first], tuple(rest))}
    return {key: inner for key, inner in value.items() if key != first}


# What an answer is judged by; all else may be missing or anything.
JUDGED = [
    ("timed_out",),
    ("_shards",),
    ("_shards", "total"),
    ("_shards", "successful"),
    ("_shards", "failed"),
    ("hits",),
    ("hits", "total"),
    ("hits", "total", "value"),
    ("hits", "total", "relation"),
]


def test_a_whole_answer_is_a_count() -> None:
    assert counted(WHOLE) == 38
    assert counted({**WHOLE, "_clusters": {"total": 2, "successful": 2, "skipped": 0}, "terminated_early": False}) == 38


@pytest.mark.parametrize("path", JUDGED, ids=".".join)
def test_an_incomplete_answer_is_not_a_count(path: tuple[str, ...]) -> None:
    assert isinstance(counted(without(WHOLE, path)), NotCounted)


@given(st.sampled_from(JUDGED), JSON)
@example(("hits", "total", "value"), True)
@example(("hits", "total", "value"), 38.0)
@example(("hits", "total", "value"), -1)
def test_an_answer_with_other_values_is_not_a_count(path: tuple[str, ...], new: Any) -> None:
    answer = changed(WHOLE, path, new)

    judged = counted(answer)

    if path == ("hits", "total", "value") and type(new) is int and new >= 0:
        assert judged == new
    # In Python 0, 0.0 and False are equal; the reader must distinguish them.
    elif path == ("hits", "total", "value") or answer != WHOLE:
        assert isinstance(judged, NotCounted)
        assert judged.may_pass


@given(JSON)
def test_any_json_is_a_count_or_a_reason(answer: Any) -> None:
    assert isinstance(counted(answer), NotCounted)


@pytest.mark.parametrize(
    "more",
    [
        {"_clusters": {"total": 2, "successful": 1, "skipped": 1}},
        {"_clusters": {"total": 2, "successful": 1, "skipped": 0, "partial": 1}},
        {"_clusters": None},
        {"_clusters": "?"},
        {"terminated_early": True},
        {"error": None},
        {"status": 500},
    ],
)
def test_a_doubtful_answer_is_not_a_count(more: dict[str, Any]) -> None:
    assert isinstance(counted({**WHOLE, **more}), NotCounted)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_or_broken_server_may_pass(status: int) -> None:
    item = {"error": {"type": "es_rejected_execution_exception", "reason": "queue is full"}, "status": status}

    for judged in (counted(item), by_status(status, item)):
        assert isinstance(judged, NotCounted)
        assert judged.may_pass
        assert judged.reason == f"it answers {status}: es_rejected_execution_exception: queue is full"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "source_refused"),
        (401, "source_refused"),
        (403, "source_refused"),
        (404, "source_not_configured"),
        (405, "source_refused"),
        (413, "source_refused"),
    ],
)
def test_a_wrong_request_may_not_pass(status: int, code: str) -> None:
    judged = counted({"error": {"type": "some_exception"}, "status": status})

    assert isinstance(judged, NotCounted)
    assert (judged.code, judged.may_pass) == (code, False)
    assert f"{status}: some_exception" in judged.reason


def test_a_reason_is_short() -> None:
    judged = by_status(502, "<html>\n" + "x" * 10_000)

    assert len(judged.reason) < 250
    assert "\n" not in judged.reason
