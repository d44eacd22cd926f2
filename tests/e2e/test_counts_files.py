"""Counts files over HTTP: uploaded in one of three formats, then a source; a bad file is refused and not stored."""

import gzip
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.answers import assert_problem
from support.counts_files import CSV, FORMS, JSON_LINES, PARQUET, as_csv, as_parquet, parquet_of
from support.deployment import Deployment
from support.waiting import until
from worker.evidence.local_index import build_index

LIMIT = 300_000
RIGHT = {"unit": "documents", "corpus": "C4 (en)"}
ROWS = [("aquarium_fish", 3), ("Apple", 0), ("naïve café 🐟", 2**53 - 1)]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A service whose worker has reported its sources."""
    directory = tmp_path_factory.mktemp("api")
    sources = directory / "none.toml"
    sources.touch()
    limits: dict[str, Any] = {"CONCEPT_ORDERINGS_MAX_BODY_BYTES": str(LIMIT), "CONCEPT_ORDERINGS_SOURCES": str(sources)}
    with Deployment(directory, **limits) as deployment:
        deployment.start_worker()
        until_sources_are_reported(deployment)
        yield deployment


def until_sources_are_reported(service: Deployment) -> None:
    until(lambda: put(service, "none", b"").status_code == 422, "the worker has reported its sources")


@pytest.fixture
def unchanged(api: Deployment) -> Iterator[Deployment]:
    objects = api.objects()
    yield api
    assert api.objects() == objects, "an object was written"
    assert api.process_is_well()


def put(
    service: Deployment,
    name: str,
    content: bytes,
    media_type: str | None = CSV,
    *,
    headers: dict[str, str] | None = None,
    **query: object,
) -> httpx.Response:
    params: Any = {key: value for key, value in {**RIGHT, **query}.items() if value is not None}
    sent = {**(headers or {}), **({"Content-Type": media_type} if media_type else {})}
    return service.http.put(f"/v1/sources/{name}", params=params, content=content, headers=sent)


def refused(answer: httpx.Response, status: int, code: str) -> str:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert_problem(answer)
    detail: str = answer.json()["detail"]
    return detail


# --- Accepted uploads


def test_an_uploaded_file_is_listed_as_a_source(api: Deployment) -> None:
    answer = put(api, "first", as_csv(ROWS), documents=2**53 - 1, corpus=" C4  (en) ")
    source = answer.json()

    assert answer.status_code == 201
    assert {key: value for key, value in source.items() if value is not None} == {
        "name": "first",
        "kind": "file",
        "state": "available",
        "unit": "documents",
        "corpus": "C4 (en)",
        "documents": 2**53 - 1,
        "query_form": source["query_form"],
        "fingerprint": source["fingerprint"],
        "counted_at": source["counted_at"],
        "warnings": [],
        "hides_counts_file": False,
    }
    assert "underscores" in source["query_form"]
    assert len(source["fingerprint"]) == 64
    assert source in api.http.get("/v1/sources").json()["sources"]


def test_the_same_content_in_any_format_is_accepted_again(api: Deployment) -> None:
    statuses = [put(api, "forms", FORMS[form](ROWS), form).status_code for form in FORMS]
    again = put(api, "forms", as_csv([*reversed(ROWS), ("aquarium fish", 3)]), "Text/CSV; charset=UTF-8")

    assert statuses == [201, 200, 200, 200]
    assert again.status_code == 200


@pytest.mark.parametrize(
    "other",
    [
        {"content": as_csv([*ROWS, ("fig", 1)])},
        {"content": as_csv(ROWS[:2])},
        {"unit": "occurrences"},
        {"corpus": "C4 (de)"},
        {"documents": 2**53 - 1},
        {"tokens": 7},
    ],
)
def test_other_content_is_refused_and_the_first_is_kept(api: Deployment, other: dict[str, Any]) -> None:
    assert put(api, "kept", as_csv(ROWS)).status_code in (200, 201)
    before = api.http.get("/v1/sources").json()
    content = other.pop("content", as_csv(ROWS))
    detail = refused(put(api, "kept", content, **other), 409, "source_exists")

    assert "kept exists already, with other counts" in detail
    assert "another name" in detail
    assert api.http.get("/v1/sources").json() == before
    assert put(api, "kept", as_csv(ROWS)).status_code == 200


def test_of_concurrent_uploads_one_is_stored(api: Deployment) -> None:
    bodies = [as_csv([("apple", count % 3)]) for count in range(12)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda body: put(api, "race", body).status_code, bodies))

    assert sorted(answers) == [200] * 3 + [201] + [409] * 8


@pytest.mark.parametrize("name", ["never-there", "infini-gram", "No", "a" * 200])
def test_what_is_no_counts_file_cannot_be_deleted(unchanged: Deployment, name: str) -> None:
    refused(unchanged.http.delete(f"/v1/sources/{name}"), 404, "source_not_found")
    refused(unchanged.http.delete(f"/v1/scores/{name}"), 404, "source_not_found")


# --- Refused uploads


@pytest.mark.parametrize(
    "name",
    [
        "request",
        "infini-gram",
        "fomo-c4-ranks",
        "Mine",
        "-mine",
        "my counts",
        "%2e%2e",
        "a" * 129,
        "été",
        "a%00",
        ".json",
    ],
)
def test_a_name_that_no_counts_file_can_have_is_422(unchanged: Deployment, name: str) -> None:
    refused(put(unchanged, name, as_csv(ROWS)), 422, "bad_source_name")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"unit": None}, "unit"),
        ({"unit": "Documents"}, "unit"),
        ({"unit": "tokens"}, "unit"),
        ({"corpus": None}, "corpus"),
        ({"corpus": ""}, "corpus"),
        ({"corpus": " \t"}, "corpus"),
        ({"corpus": "a\0b"}, "corpus"),
        ({"corpus": "x" * 501}, "corpus"),
        ({"documents": -1}, "documents"),
        ({"documents": 1.5}, "documents"),
        ({"documents": "many"}, "documents"),
        ({"tokens": 2**53}, "tokens"),
    ],
)
def test_unit_corpus_and_sizes_are_checked(unchanged: Deployment, query: dict[str, Any], named: str) -> None:
    detail = refused(put(unchanged, "mine", as_csv(ROWS), **query), 422, "bad_query")

    assert detail.startswith(f"{named}: ")


def test_a_mistyped_or_duplicate_parameter_is_422(unchanged: Deployment) -> None:
    """A stored file cannot be corrected, so a mistyped parameter must not be ignored."""
    detail = refused(put(unchanged, "mine", as_csv(ROWS), docs=5), 422, "unknown_parameter")
    assert "'docs' is unknown; the parameters are unit, corpus, documents, tokens" in detail
    detail = refused(put(unchanged, "mine", as_csv(ROWS), unit=["documents", "occurrences"]), 422, "duplicate_field")
    assert "unit" in detail
    answer = put(unchanged, "mine", as_csv(ROWS), unit=["documents", "documents"], docs=5, tokns=7)
    refused(answer, 422, "unknown_parameter")
    assert [each["code"] for each in answer.json()["errors"]] == [*["unknown_parameter"] * 2, "duplicate_field"]


@pytest.mark.parametrize(
    "media_type",
    [None, "application/json", "text/plain", "text/tab-separated-values", "text/csv; charset=latin-1", "", "a", "/"],
)
def test_other_media_types_are_415(unchanged: Deployment, media_type: str | None) -> None:
    detail = refused(put(unchanged, "mine", as_csv(ROWS), media_type), 415, "unsupported_media_type")

    assert all(form in detail for form in FORMS)


def test_a_coding_that_is_not_read_is_415(unchanged: Deployment) -> None:
    answer = put(unchanged, "mine", as_csv(ROWS), headers={"Content-Encoding": "br"})

    refused(answer, 415, "unsupported_media_type")


WRONG = {
    "empty": (b"", CSV, "empty"),
    "empty lines": (b"\n", JSON_LINES, "empty"),
    "empty Parquet": (b"", PARQUET, "empty"),
    "a header alone": (b"name,count\n", CSV, "it has no counts"),
    "a byte order mark alone": (b"\xef\xbb\xbf", JSON_LINES, "empty"),
    "Parquet without rows": (as_parquet([]), PARQUET, "it has no counts"),
    "a page of HTML": (b"<!DOCTYPE html>\n<html></html>\n", CSV, "no column name"),
    "a page of HTML as JSON lines": (b"<!DOCTYPE html>\n<html></html>\n", JSON_LINES, "line 1 is not JSON"),
    "no column": (b"name,counts\napple,3\n", CSV, "no column count"),
    "not UTF-8": (b"name,count\napple,3\n\xff,4\n", CSV, "line 3"),
    "no count": (b'{"name": "apple", "count": 3}\n{"name": "fig"}\n', JSON_LINES, "line 2"),
    "damaged Parquet": (as_parquet(ROWS)[:-9], PARQUET, "cannot be read"),
    "CSV as Parquet": (as_csv(ROWS), PARQUET, "cannot be read"),
    "Parquet as CSV": (as_parquet(ROWS), CSV, "not UTF-8"),
    "floats": (parquet_of({"name": pa.array(["a"]), "count": pa.array([3.0])}), PARQUET, "double"),
}


@pytest.mark.parametrize(("body", "media_type", "reason"), WRONG.values(), ids=WRONG)
def test_a_bad_file_is_422(unchanged: Deployment, body: bytes, media_type: str, reason: str) -> None:
    assert reason in refused(put(unchanged, "mine", body, media_type), 422, "bad_counts_file")


def test_all_wrong_rows_are_named_in_one_answer(unchanged: Deployment) -> None:
    rows = [("a", 1), *((f"n{number}", -1) for number in range(120)), ("a", 2)]
    answer = put(unchanged, "mine", as_csv(rows))
    detail = refused(answer, 422, "bad_counts_file")

    assert "line 3: the count of 'n0' is '-1', and a count is an integer from 0 to 9007199254740991" in detail
    errors = answer.json()["errors"]
    assert [each["code"] for each in errors] == ["bad_counts_file"] * 100 + ["conflicting_counts"]
    assert "line 102" in errors[99]["detail"]
    assert "1 in line 2 and 2 in line 123" in errors[100]["detail"]
    assert answer.json()["errors_left_out"] == {"bad_counts_file": 20}


def test_two_counts_for_a_name_are_422(unchanged: Deployment) -> None:
    detail = refused(put(unchanged, "mine", as_csv([("a_b", 1), ("a/b", 2)])), 422, "conflicting_counts")

    assert "1 in line 2 and 2 in line 3" in detail


def test_a_count_larger_than_the_corpus_is_422(unchanged: Deployment) -> None:
    body = as_csv([("apple", 5), ("fig", 6)])
    too_small: list[dict[str, Any]] = [{"unit": "documents", "documents": 5}, {"unit": "occurrences", "tokens": 5}]
    for sizes in too_small:
        answer = put(unchanged, "mine", body, **sizes)

        assert "line 3: the count of 'fig' is 6" in refused(answer, 422, "bad_counts_file")


def test_occurrences_may_exceed_the_number_of_documents(api: Deployment) -> None:
    answer = put(api, "often", as_csv([("apple", 5)]), unit="occurrences", documents=1, tokens=5)

    assert answer.status_code == 201


def test_a_body_over_the_limit_is_413(unchanged: Deployment) -> None:
    body = as_csv((f"name {number}", number) for number in range(LIMIT // 10))

    assert "Parquet" in refused(put(unchanged, "mine", body), 413, "body_too_large")


def test_a_client_that_disconnects_causes_no_error(unchanged: Deployment) -> None:
    head = (
        "PUT /v1/sources/mine?unit=documents&corpus=C4 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
        "Content-Length: 100\r\n\r\nname,count\napple,3\n"
    )
    with socket.create_connection(("127.0.0.1", unchanged.api.port), timeout=60) as connection:
        connection.sendall(head.encode())

    assert unchanged.http.get("/health/live").status_code == 200


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.binary(max_size=200) | st.text(max_size=50).map(str.encode) | st.just(b"name,count\n"),
    st.sampled_from([CSV, JSON_LINES]),
)
def test_no_text_causes_a_500(api: Deployment, body: bytes, media_type: str) -> None:
    answer = put(api, "fuzz", body, media_type)

    assert answer.status_code == 422, (body, answer.text)
    assert_problem(answer)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_damaged_parquet_file_causes_a_500(api: Deployment, data: st.DataObject) -> None:
    body = bytearray(as_parquet([(f"name {number}", number) for number in range(50)]))
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    answer = put(api, "fuzz-parquet", bytes(body), PARQUET)

    assert answer.status_code in (200, 201, 422), answer.text
    assert api.process_is_well()


def test_without_redis_an_upload_is_503(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The names of the workers' sources cannot be read then."""
    with Deployment(tmp_path_factory.mktemp("away")) as service:
        service.valkey.kill()

        refused(put(service, "mine", as_csv(ROWS)), 503, "redis_unavailable")
        assert service.objects() == {}


def test_without_a_worker_an_upload_is_503(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """If a worker then starts with a source of the same name, neither the source nor the file could be used."""
    with Deployment(tmp_path_factory.mktemp("no-worker")) as service:
        answer = put(service, "mine", as_csv(ROWS))

        assert "Start a worker" in refused(answer, 503, "no_workers")
        assert int(answer.headers["Retry-After"]) > 0
        assert service.objects() == {}


# --- Counts files as sources


def request(stream: str, classes: list[str], **concepts: object) -> dict[str, Any]:
    return {
        "name": stream,
        "datasets": [{"name": "mine", "classes": classes, **concepts}],
        "ordering": {"kind": "frequency", "source": "fruit"},
        "tasks": {"count": 1},
    }


@pytest.fixture
def fruit(service: Deployment) -> Deployment:
    """A service with a counts file."""
    until_sources_are_reported(service)
    answer = put(service, "fruit", as_csv([("red_apple", 30), ("fig", 2), ("kiwi", 0)]), unit="occurrences", tokens=99)
    assert answer.status_code in (200, 201), answer.text
    return service


def test_a_counts_file_orders_concepts(fruit: Deployment) -> None:
    version = fruit.publish(request("ordered", ["red_apple", "fig", "kiwi"]))
    manifest = fruit.http.get(version["url"]).json()
    task = fruit.http.get(version["tasks"][0]["url"]).json()
    evidence = manifest["evidence"]["counts"]

    assert [each["class"] for each in task["concepts"]] == ["kiwi", "fig", "red_apple"]
    assert [each["evidence"]["count"] for each in task["concepts"]] == [0, 2, 30]
    assert (evidence["source"], evidence["kind"], evidence["unit"]) == ("fruit", "file", "occurrences")
    assert (evidence["corpus"], evidence["tokens"]) == (RIGHT["corpus"], 99)
    [listed] = [each for each in fruit.http.get("/v1/sources").json()["sources"] if each["name"] == "fruit"]
    assert (evidence["fingerprint"], evidence["query_form"]) == (listed["fingerprint"], listed["query_form"])


def test_a_missing_count_fails_the_job_and_is_named(fruit: Deployment) -> None:
    answer = fruit.post(request("lacking", ["fig", "plum"]), wait=60)

    assert "'plum'" in refused(answer, 424, "source_incomplete")


def test_a_deleted_file_leaves_its_versions_and_its_name_to_the_same_content(fruit: Deployment) -> None:
    assert put(fruit, "deleted", as_csv(ROWS)).status_code == 201
    body = {
        "name": "of-deleted",
        "datasets": [{"name": "fruit", "classes": ["aquarium_fish", "Apple"]}],
        "ordering": {"kind": "frequency", "source": "deleted"},
        "tasks": {"count": 1},
    }
    version = fruit.publish(body)
    before = {each: fruit.http.get(each).content for each in (version["url"], version["tasks"][0]["url"])}

    assert fruit.http.delete("/v1/sources/deleted").status_code == 204
    assert {each: fruit.http.get(each).content for each in before} == before
    assert fruit.post(body).status_code == 200, "the version is found without its source"
    refused(fruit.post({**body, "name": "of-deleted-2"}), 422, "source_not_found")
    assert "no counts file 'deleted'" in refused(fruit.http.delete("/v1/sources/deleted"), 404, "source_not_found")
    assert "only its content" in refused(put(fruit, "deleted", as_csv([("fig", 1)])), 409, "source_exists")
    assert put(fruit, "deleted", as_csv(ROWS)).status_code == 201
    assert fruit.publish({**body, "name": "of-deleted-2"})["version"] == 1


def test_the_name_of_a_worker_s_source_is_409(fruit: Deployment) -> None:
    shard = fruit.directory / "shard.json.gz"
    shard.write_bytes(gzip.compress(b'{"text": "a fig"}\n'))
    build_index([shard], fruit.data / "indexes" / "figs")
    until(lambda: put(fruit, "figs", b"").status_code == 409, "the worker has reported the index")
    detail = refused(put(fruit, "figs", as_csv(ROWS)), 409, "source_exists")

    assert "a source figs of the kind local-index" in detail
