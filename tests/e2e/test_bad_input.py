"""Bad input over HTTP: each case has its code and pointers; nothing is queued or written, and nothing is a 500."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.answers import assert_problem, raw
from support.deployment import Deployment
from support.requests import random_request

LIMIT = 300_000


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """An API and Valkey without a worker, so that a queued job would stay in Valkey."""
    directory = tmp_path_factory.mktemp("api")
    with Deployment(directory, CONCEPT_ORDERINGS_MAX_BODY_BYTES=str(LIMIT)) as deployment:
        yield deployment


@pytest.fixture
def unchanged(api: Deployment) -> Iterator[Deployment]:
    keys, objects = api.valkey.keys(), api.objects()
    yield api
    assert api.valkey.keys() == keys, "a job was queued"
    assert api.objects() == objects, "an object was written"
    assert api.process_is_well()


def valid_body() -> dict[str, Any]:
    return {
        "name": "bad",
        "datasets": [
            {"name": "cifar100", "classes": ["bear", "otter"]},
            {"name": "mine", "classes": ["ring", "reader"]},
        ],
        "ordering": {"kind": "random"},
        "tasks": {"count": 2},
    }


def changed(pointer: str, value: Any) -> dict[str, Any]:
    body = valid_body()
    *parents, last = [int(part) if part.isdigit() else part for part in pointer.split("/")[1:]]
    at: Any = body
    for part in parents:
        at = at[part]
    at[last] = value
    return body


def ordered_by(kind: str, **own_fields: object) -> dict[str, Any]:
    body = changed("/ordering", {"kind": kind})
    body["datasets"][1].update(own_fields)
    return body


CASES: dict[str, tuple[object, int, str, list[str]]] = {
    "no object": ([], 422, "wrong_type", [""]),
    "null": (None, 422, "wrong_type", [""]),
    "a string": ("x", 422, "wrong_type", [""]),
    "nothing": ({}, 422, "missing_field", ["/name"]),
    "wrong type": (changed("/datasets/0/classes", "bear"), 422, "wrong_type", ["/datasets/0/classes"]),
    "wrong type of a class": (changed("/datasets/1/classes/1", 7), 422, "wrong_type", ["/datasets/1/classes/1"]),
    "unknown field": (changed("/clases", []), 422, "unknown_field", ["/clases"]),
    "unknown kind": (changed("/ordering/kind", "alphabet"), 422, "unknown_ordering", ["/ordering/kind"]),
    "another version": (changed("/ordering/version", 99), 422, "unknown_ordering", ["/ordering/version"]),
    "unknown parameter": (changed("/ordering/sed", 1), 422, "unknown_parameter", ["/ordering/sed"]),
    "bad parameter": (changed("/ordering/seed", "1"), 422, "bad_parameter", ["/ordering/seed"]),
    "empty class list": (changed("/datasets/1/classes", []), 422, "empty_class_list", ["/datasets/1/classes"]),
    "no datasets": (changed("/datasets", []), 422, "empty_class_list", ["/datasets"]),
    "duplicate concept": (
        changed("/datasets/0/classes", ["bear", "otter", "bear"]),
        422,
        "duplicate_concept",
        ["/datasets/0/classes/0", "/datasets/0/classes/2"],
    ),
    "duplicate dataset under its other name": (
        changed("/datasets/1/name", "CIFAR100"),
        422,
        "duplicate_concept",
        ["/datasets/0/name", "/datasets/1/name"],
    ),
    "class name with +++": (
        changed("/datasets/0/classes/1", "a+++b"),
        422,
        "bad_class_name",
        ["/datasets/0/classes/1"],
    ),
    "control character": (changed("/datasets/0/classes/1", "a\nb"), 422, "bad_class_name", ["/datasets/0/classes/1"]),
    "NUL": (changed("/datasets/0/classes/1", "a\0b"), 422, "bad_class_name", ["/datasets/0/classes/1"]),
    "lone surrogate": (changed("/datasets/0/classes/1", "\ud800"), 422, "bad_class_name", ["/datasets/0/classes/1"]),
    "surrogate as a field": (changed("/\ud800", 1), 422, "unknown_field", ["/\ufffd"]),
    "surrogate as a parameter": (changed("/ordering/\udfff", 1), 422, "unknown_parameter", ["/ordering/\ufffd"]),
    "T < 1": (changed("/tasks/count", 0), 422, "bad_task_count", ["/tasks/count"]),
    "T > N": (changed("/tasks/count", 5), 422, "bad_task_count", ["/tasks/count"]),
    "enormous T": (changed("/tasks/count", 10**400), 422, "bad_task_count", ["/tasks/count"]),
    "sizes": (changed("/tasks", {"sizes": [1, 2]}), 422, "bad_task_sizes", ["/tasks/sizes"]),
    "two rules": (changed("/tasks", {"count": 2, "by": "year"}), 422, "bad_task_rule", ["/tasks"]),
    "missing years": (ordered_by("time"), 422, "missing_years", ["/datasets/1/year"]),
    "missing scores": (ordered_by("performance"), 422, "missing_scores", ["/datasets/1/scores"]),
    "missing counts": (
        ordered_by("frequency", counts={"ring": 1, "reader": 2}),
        422,
        "missing_counts",
        ["/datasets/0/counts"],
    ),
    "template without {}": (
        changed("/datasets/1/template", ["A {}.", "A photo."]),
        422,
        "bad_template",
        ["/datasets/1/template/1"],
    ),
    "template twice": (
        changed("/datasets/1/template", ["{}", "{}"]),
        422,
        "bad_template",
        ["/datasets/1/template/0", "/datasets/1/template/1"],
    ),
    "weights that are not a digest": (
        changed("/ordering", {"kind": "similarity", "weights": "A" * 64}),
        422,
        "bad_parameter",
        ["/ordering/weights"],
    ),
    "unknown dtype": (
        changed("/ordering", {"kind": "similarity", "dtype": "float16"}),
        422,
        "bad_parameter",
        ["/ordering/dtype"],
    ),
    "negative count": (
        ordered_by("frequency", counts={"ring": -1, "reader": 2}),
        422,
        "bad_count",
        ["/datasets/1/counts/ring"],
    ),
    "count that is no integer": (
        ordered_by("frequency", counts={"ring": 0.5, "reader": 2}),
        422,
        "bad_count",
        ["/datasets/1/counts/ring"],
    ),
    "NaN": (
        ordered_by("performance", scores={"ring": float("nan"), "reader": 2}),
        422,
        "bad_score",
        ["/datasets/1/scores/ring"],
    ),
    "infinite": (ordered_by("performance", scores=float("-inf")), 422, "bad_score", ["/datasets/1/scores"]),
    "more than a float holds": (ordered_by("performance", scores=10**400), 422, "bad_score", ["/datasets/1/scores"]),
    "name with a capital": (changed("/name", "Bad"), 422, "bad_stream_name", ["/name"]),
    "name of another directory": (changed("/name", "../bad"), 422, "bad_stream_name", ["/name"]),
    "name with a line end": (changed("/name", "bad\n"), 422, "bad_stream_name", ["/name"]),
    "long name": (changed("/name", "x" * 129), 422, "bad_stream_name", ["/name"]),
    "empty name": (changed("/name", ""), 422, "bad_stream_name", ["/name"]),
    "enormous sizes": (
        changed("/tasks", {"sizes": [10**4200, 10**4200]}),
        422,
        "bad_task_sizes",
        ["/tasks/sizes/0", "/tasks/sizes/1"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_request_is_refused_with_code_and_pointers(unchanged: Deployment, case: str) -> None:
    body, status, code, pointers = CASES[case]
    answer = unchanged.http.post("/v1/streams", content=json.dumps(body).encode())
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["pointers"] == pointers
    assert_problem(answer)


@pytest.mark.parametrize(
    ("case", "named"),
    [
        ("duplicate concept", ["CIFAR100+++bear"]),
        ("missing years", ["mine"]),
        ("missing scores", ["mine"]),
        ("missing counts", ["CIFAR100"]),
        ("T > N", ["4 concepts", "5"]),
        ("sizes", ["3", "4"]),
    ],
)
def test_the_error_names_what_is_wrong(unchanged: Deployment, case: str, named: list[str]) -> None:
    answer = unchanged.http.post("/v1/streams", content=json.dumps(CASES[case][0]).encode())
    assert [each for each in named if each not in answer.json()["detail"]] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe\xfd",
        b'{"name": "\xe9"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"1" * 10_000,
        b"\0",
        b'{"name": "x",}',
        b"name=x",
        b'"\x01"',
    ],
    ids=lambda body: repr(body[:16]),
)
def test_a_body_that_is_not_json_is_400(unchanged: Deployment, body: bytes) -> None:
    answer = unchanged.http.post("/v1/streams", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json"), answer.text
    assert_problem(answer)
    assert [each for each in ("recursion", "sys.") if each in answer.json()["detail"]] == []


@pytest.mark.parametrize("depth", [*range(900, 1000, 7), *range(960, 1000)])
@pytest.mark.parametrize("field", ["kind", "version", "name"])
def test_deep_nesting_is_refused_without_a_500(unchanged: Deployment, depth: int, field: str) -> None:
    nested = b"[" * depth + b"]" * depth
    ordering = b'{"kind": "random", "version": ' + nested + b"}" if field == "version" else b'{"kind": ' + nested + b"}"
    body = b'{"name": ' + (nested if field == "name" else b'"x"') + b', "ordering": ' + ordering + b', "tasks": {}}'
    answer = unchanged.http.post("/v1/streams", content=body)
    assert answer.status_code in (400, 422), answer.text


def test_a_body_over_the_limit_is_413(unchanged: Deployment) -> None:
    body = json.dumps(random_request("bad")).encode()
    exactly = body + b" " * (LIMIT - len(body) + 1)
    answer = unchanged.http.post("/v1/streams", content=exactly)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert str(LIMIT) in answer.json()["detail"]
    assert_problem(answer)


def test_a_chunked_body_over_the_limit_is_413(unchanged: Deployment) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(LIMIT // 10_000 + 1):
            yield b" " * 10_000

    answer = unchanged.http.post("/v1/streams", content=chunks())
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_body_far_over_the_limit_is_refused_before_it_is_sent(unchanged: Deployment) -> None:
    head = f"POST /v1/streams HTTP/1.1\r\nHost: localhost\r\nContent-Length: {10**12}\r\nConnection: close\r\n\r\n"
    answer = raw(unchanged, head.encode())
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_client_that_sends_a_body_over_the_limit_gets_the_413(unchanged: Deployment) -> None:
    for _ in range(10):
        answer = httpx.post(f"{unchanged.api.url}/v1/streams", content=b" " * 20_000_000)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_client_that_disconnects_causes_no_error(unchanged: Deployment) -> None:
    with socket.create_connection(("127.0.0.1", unchanged.api.port)) as connection:
        connection.sendall(b"POST /v1/streams HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    assert unchanged.http.get("/health/live").status_code == 200


def test_a_body_at_the_limit_is_accepted(api: Deployment) -> None:
    body = json.dumps(random_request("at-the-limit")).encode()
    answer = api.http.post("/v1/streams", content=body + b" " * (LIMIT - len(body)))
    assert answer.status_code == 202
    assert api.http.delete(answer.headers["Location"]).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/json; charset=x"],
)
def test_the_content_type_is_ignored(unchanged: Deployment, content_type: str) -> None:
    answer = unchanged.http.post("/v1/streams", content=b"{}", headers={"Content-Type": content_type})
    assert answer.status_code == 422


# --- Fuzz

PATHS = st.sampled_from(
    ["/v1/streams", "/v1/streams/{}", "/v1/streams/{}/versions/{}", "/v1/streams/{}/versions/{}/tasks/{}",
     "/v1/streams/{}/versions/{}/export/fomo", "/v1/jobs/{}", "/v1/jobs/{}/events", "/v1/{}", "/{}", "/docs/{}",
     "/static-offline-docs/{}", "/health/{}", "/v1/sources/{}", "/v1/sources/{}/counts"]
)  # fmt: skip
PARTS = st.one_of(
    st.sampled_from(["+", "%00", "..", "%2e%2e", "%2F", "latest", "0", "-1", "%ff", "%", "%zz", "a" * 300, "%0d%0a"]),
    st.binary(max_size=6).map(lambda raw: "".join(f"%{byte:02x}" for byte in raw)),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=6),
)
HEADERS = st.dictionaries(
    st.sampled_from(["Prefer", "If-None-Match", "Last-Event-ID", "Content-Type", "Range", "Accept", "X-Any"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=12).map(str.strip),
    max_size=3,
)
FUZZ = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@FUZZ
@given(
    st.sampled_from(["GET", "HEAD", "POST", "DELETE", "PUT", "OPTIONS", "PATCH"]),
    PATHS,
    st.tuples(PARTS, PARTS, PARTS),
    st.sampled_from(["", "?limit=%00", "?cursor=%ff", "?limit=1&limit=2", "?cursor=..&limit=1", "?%00=1", "?a[]=b"]),
    HEADERS,
)
def test_no_path_query_or_header_causes_a_500(
    api: Deployment, method: str, path: str, parts: tuple[str, str, str], query: str, headers: dict[str, str]
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"{method} {path.format(*parts)}{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n"
    answer = raw(api, head.encode("latin-1"))
    assert answer.status_code < 500, (head, answer.text)


@FUZZ
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=4),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec=None)), inner),
            max_leaves=10,
        ).map(lambda value: json.dumps(value).encode()),
        st.sampled_from(
            [
                b'{"name": "x", "name": "y", "name": 1}',
                b'{"tasks": {"count": 1e999}}',
                b'{"name": "x", "ordering": {"kind": "random", "seed": 1e5}}',
                b'{"ordering": {"kind": "random", "seed": -0}}',
                b"-0.0",
                b"NaN",
                b"\xef\xbb\xbf{}",
                '{"name": "x"}'.encode("utf-16"),
                '{"name": "x"}'.encode("utf-32-le"),
            ]
        ),
    ),
    st.sampled_from([None, "application/json", "text/plain; charset=utf-16", "\xff"]),
)
def test_no_body_causes_a_500(api: Deployment, body: bytes, content_type: str | None) -> None:
    headers = httpx.Headers({b"Content-Type": content_type.encode("latin-1")} if content_type else {})
    answer = api.http.post("/v1/streams", content=body, headers=headers)
    assert answer.status_code in (400, 422), (body, answer.text)
    assert answer.headers["Content-Type"] == "application/problem+json"


@settings(FUZZ, max_examples=100)
# Empty lines before a request are no request yet (RFC 9112, 2.2): the server waits for one.
@given(st.binary(min_size=1, max_size=100).filter(lambda data: data.strip(b"\r\n")))
def test_no_bytes_crash_the_service(api: Deployment, data: bytes) -> None:
    answer = raw(api, data + b"\r\n\r\n")
    assert answer.status_code < 500
    assert api.process_is_well()


def test_a_duplicate_field_is_refused(unchanged: Deployment) -> None:
    """Of two counts for a class, a JSON reader silently takes one."""
    twice = json.dumps(valid_body()).replace('"name": "bad"', '"name": "bad", "name": "good"')
    answer = unchanged.http.post("/v1/streams", content=twice)
    assert (answer.status_code, answer.json()["code"]) == (422, "duplicate_field")
    assert "'name'" in answer.json()["detail"]
    assert answer.json()["pointers"] == ["/name"]


def test_one_answer_names_all_faults(unchanged: Deployment) -> None:
    body = {
        "stream": "bad",
        "datasets": [
            {"name": "cifar100", "classes": ["gru", "topo", "gru", "topo", 7, "a\tb"], "year": "2009"},
            {"name": "mine", "counts": {"ring": -1}},
        ],
        "ordering": {"kind": "random", "seed": 0.5},
        "tasks": {"count": 0},
    }
    twice = json.dumps(body).replace('"stream": "bad"', '"stream": "bad", "stream": "bad"')
    answer = unchanged.http.post("/v1/streams", content=twice)

    assert_problem(answer)
    at = "/datasets/0/classes"
    assert [(each["code"], each["pointers"]) for each in answer.json()["errors"]] == [
        ("duplicate_field", ["/stream"]),
        ("unknown_field", ["/stream"]),
        ("missing_field", ["/name"]),
        ("bad_parameter", ["/ordering/seed"]),
        ("bad_task_count", ["/tasks/count"]),
        ("wrong_type", [f"{at}/4"]),
        ("duplicate_concept", [f"{at}/0", f"{at}/2"]),
        ("duplicate_concept", [f"{at}/1", f"{at}/3"]),
        ("bad_class_name", [f"{at}/5"]),
        ("bad_year", ["/datasets/0/year"]),
        ("missing_classes", ["/datasets/1/classes"]),
        ("bad_count", ["/datasets/1/counts/ring"]),
    ]
    assert answer.json()["errors_left_out"] == {}


def test_faults_beyond_a_hundred_of_a_code_are_counted(unchanged: Deployment) -> None:
    answer = unchanged.http.post("/v1/streams", json=changed("/datasets/0/classes", [7] * 250))
    assert [each["code"] for each in answer.json()["errors"]] == ["wrong_type"] * 100
    assert answer.json()["errors_left_out"] == {"wrong_type": 150}
