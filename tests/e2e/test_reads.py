"""Versions read in other ways: their tasks, all concepts, pages of them, by digest, compressed, and in parts."""

import base64
import gzip
import hashlib
import json
from typing import Any

import httpx
import pytest

from app.encodings import zstd
from support.deployment import Deployment
from support.requests import random_request

NAMES = [f"class {number}" for number in range(50)]
BODY: dict[str, Any] = {
    "name": "read",
    "datasets": [{"name": "cifar100", "classes": NAMES}, {"name": "mine", "classes": NAMES, "year": 2020}],
    "ordering": {"kind": "time"},
    "tasks": {"count": 7},
}


@pytest.fixture(scope="module")
def version(service: Deployment) -> dict[str, Any]:
    return service.publish(BODY)


@pytest.fixture(scope="module")
def concepts(service: Deployment, version: dict[str, Any]) -> list[dict[str, Any]]:
    """All concepts as the tasks show them, with the number of their task."""
    tasks = [service.http.get(task["url"]).json() for task in version["tasks"]]
    return [{**each, "task": task["task"]} for task in tasks for each in task["concepts"]]


def test_tasks_are_listed_without_their_concepts(service: Deployment, version: dict[str, Any]) -> None:
    answer = service.http.get(f"{version['url']}/tasks")
    assert answer.json() == {"name": "read", "version": 1, "digest": version["digest"], "tasks": version["tasks"]}
    assert [each["concepts"] for each in answer.json()["tasks"]] == [15, 15, 14, 14, 14, 14, 14]
    again = service.http.get(f"{version['url']}/tasks", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    latest = service.http.get("/v1/streams/read/versions/latest/tasks")
    assert (latest.status_code, latest.headers["Location"]) == (307, f"{version['url']}/tasks")


def test_all_concepts_in_one_answer(
    service: Deployment, version: dict[str, Any], concepts: list[dict[str, Any]]
) -> None:
    assert len(concepts) == 100
    array = service.http.get(f"{version['url']}/order")
    assert array.headers["Content-Type"] == "application/json"
    assert array.json() == concepts
    lines = service.http.get(f"{version['url']}/order", headers={"Accept": "application/x-ndjson, */*;q=0.1"})
    assert lines.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == concepts
    assert lines.text.endswith("}\n")
    for answer in (array, lines):
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Vary"] == "Accept, Accept-Encoding"
    assert array.headers["ETag"] != lines.headers["ETag"]
    assert service.http.get(f"{version['url']}/order", headers={"Accept": "text/html"}).json() == concepts


def test_pages_of_concepts(service: Deployment, version: dict[str, Any], concepts: list[dict[str, Any]]) -> None:
    url = f"{version['url']}/rows"
    page = service.http.get(url).json()
    assert (page["total"], page["offset"], page["rows"], page["next_url"]) == (100, 0, concepts, None)
    found = []
    following: str | None = f"{url}?dataset=cifar100&q=CLASS%201&limit=4"
    while following is not None:
        page = service.http.get(following).json()
        found += page["rows"]
        following = page["next_url"]
    expected = [each for each in concepts if each["dataset"] == "CIFAR100" and "+++class 1" in each["concept"]]
    assert len(expected) == page["total"] == 11
    assert found == expected
    assert service.http.get(url, params={"offset": 99, "limit": 5}).json()["rows"] == concepts[99:]
    assert service.http.get(url, params={"offset": 1000}).json()["rows"] == []
    refused = service.http.get(url, params={"limit": 0})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_query")
    # All concepts would look like those of the dataset.
    refused = service.http.get(url, params={"datset": "cifar100"})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_query")
    assert refused.json()["detail"] == "datset: there is no such parameter."
    latest = service.http.get("/v1/streams/read/versions/latest/rows?q=class")
    assert latest.headers["Location"] == f"{url}?offset=0&limit=100&dataset=&q=class"


def test_versions_are_found_by_their_digest(service: Deployment, version: dict[str, Any]) -> None:
    digest = version["digest"]
    for given in (digest, digest[:12]):
        (found,) = service.http.get("/v1/versions", params={"digest": given}).json()["versions"]
        assert found == {name: version[name] for name in found}
    task = version["tasks"][0]["digest"]
    # A task's digest is none of a version.
    for given in (task, "0" * 12):
        assert service.http.get("/v1/versions", params={"digest": given}).json() == {"versions": []}
    for bad in (digest[:11], digest.upper(), digest + "0", "../../etc/passwd"):
        refused = service.http.get("/v1/versions", params={"digest": bad})
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_query")


def test_the_list_of_streams_shows_the_newest_version(service: Deployment, version: dict[str, Any]) -> None:
    (stream,) = [each for each in service.http.get("/v1/streams").json()["streams"] if each["name"] == "read"]
    shown = {"ordering": "time", "concepts": 100, "tasks": 7, "warnings": version["warnings"]}
    assert stream == {
        "name": "read",
        "description": None,
        "latest_version": 1,
        "url": "/v1/streams/read",
        "created_at": version["created_at"],
        **shown,
    }


@pytest.mark.parametrize("part", ["", "/tasks/0", "/order", "/export/fomo", "/export/tasks?v=1", "/tasks", "/rows"])
def test_what_belongs_to_a_version_is_compressed(part: str, service: Deployment, version: dict[str, Any]) -> None:
    url = version["url"] + part
    plain = service.http.get(url)
    assert len(plain.content) > 1024
    assert "Accept-Encoding" in plain.headers["Vary"]
    tags = {plain.headers["ETag"]}
    for encoding, decompress in (("gzip", gzip.decompress), ("zstd", zstd.decompress)):
        answer, body = raw(service, url, {"Accept-Encoding": encoding})
        assert answer.headers["Content-Encoding"] == encoding
        assert decompress(body) == plain.content
        assert len(body) < len(plain.content) / 2
        # The digest is that of the bytes on the wire.
        sha256 = hashlib.sha256(body)
        assert answer.headers["ETag"] == f'"sha256-{sha256.hexdigest()}"'
        assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(sha256.digest()).decode()}:"
        assert answer.headers["Cache-Control"] == plain.headers["Cache-Control"]
        tags.add(answer.headers["ETag"])
        known = {"Accept-Encoding": encoding, "If-None-Match": answer.headers["ETag"]}
        assert service.http.get(url, headers=known).status_code == 304
        assert service.http.get(url, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 200
        # A client that has the document as it is keeps it, as with earlier releases.
        kept = service.http.get(url, headers={**known, "If-None-Match": plain.headers["ETag"]})
        assert (kept.status_code, kept.headers["ETag"]) == (304, plain.headers["ETag"])
    assert len(tags) == 3


def raw(service: Deployment, url: str, headers: dict[str, str]) -> tuple[httpx.Response, bytes]:
    """An answer with its body as it is sent."""
    with service.http.stream("GET", url, headers=headers) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_broken_download_goes_on(encoding: str, service: Deployment, version: dict[str, Any]) -> None:
    url = f"{version['url']}/order"
    accept = {"Accept-Encoding": encoding}
    whole, body = raw(service, url, accept)
    assert whole.headers["Accept-Ranges"] == "bytes"
    asked = {**accept, "Range": "bytes=100-", "If-Range": whole.headers["ETag"]}
    answer, rest = raw(service, url, asked)
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes 100-{len(body) - 1}/{len(body)}"
    assert answer.headers["ETag"] == whole.headers["ETag"]
    assert body[:100] + rest == body
    # Another document: the whole, and not the end of something else.
    answer, other = raw(service, url, {**asked, "If-Range": '"sha256-0f"'})
    assert (answer.status_code, other) == (200, body)
    # HEAD tells the size of the whole, whichever range comes with it.
    for part in ("bytes=100-", f"bytes={len(body)}-"):
        answer = service.http.head(url, headers={**accept, "Range": part})
        assert (answer.status_code, answer.headers["Content-Length"]) == (200, f"{len(body)}")
    refused = service.http.get(url, headers={**accept, "Range": f"bytes={len(body)}-"})
    assert (refused.status_code, refused.json()["code"]) == (416, "bad_range")
    assert refused.headers["Content-Range"] == f"bytes */{len(body)}"


def test_vectors_are_not_compressed_again(service: Deployment) -> None:
    version = service.publish(
        {
            "name": "vectors",
            "datasets": [{"name": "mine", "classes": NAMES[:20], "template": "a {}"}],
            "ordering": {"kind": "similarity", "encoder": "minilm", "dtype": "float32"},
            "tasks": {"count": 2},
        }
    )
    answer, body = raw(service, f"{version['url']}/evidence/vectors", {"Accept-Encoding": "gzip, zstd"})
    assert "Content-Encoding" not in answer.headers
    assert len(body) > 2 * 384 * 20


@pytest.mark.parametrize("fields", [{}, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "zstd"}])
def test_an_answer_from_memory_is_the_router_s(
    service: Deployment, version: dict[str, Any], fields: dict[str, str]
) -> None:
    for path in ("", "/tasks/0", "/order", "/export/tasks?v=1", "/evidence/years"):
        # A field given twice always goes to the router.
        routed = service.http.get(version["url"] + path, headers=[*fields.items(), ("X-Twice", "1"), ("X-Twice", "2")])
        known = {**fields, "If-None-Match": routed.headers["ETag"]}
        routed_304 = service.http.get(version["url"] + path, headers=[*known.items(), ("X-Twice", ""), ("X-Twice", "")])
        for _ in range(3):
            answer = service.http.get(version["url"] + path, headers=fields)
            assert (answer.status_code, answer.content) == (200, routed.content)
            assert undated(answer) == undated(routed)
            unchanged = service.http.get(version["url"] + path, headers=known)
            assert (unchanged.status_code, unchanged.content) == (304, b"")
            assert undated(unchanged) == undated(routed_304)
        assert service.http.head(version["url"] + path, headers=fields).content == b""


def undated(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}


def test_the_newest_description_of_a_stream_holds(service: Deployment) -> None:
    def post(description: str | None) -> tuple[int, str]:
        answer = service.post({**random_request("described"), "description": description}, wait=30)
        return answer.status_code, answer.json()["digest"]

    def shown() -> set[str | None]:
        (listed,) = [each for each in service.http.get("/v1/streams").json()["streams"] if each["name"] == "described"]
        return {listed["description"], service.http.get("/v1/streams/described").json()["description"]}

    status, digest = post("The pilot study")
    assert (status, shown()) == (201, {"The pilot study"})
    steps = [(None, "The pilot study"), ("Größere Studie \U0001f43b", "Größere Studie \U0001f43b"), ("", None)]
    for description, then in steps:
        assert post(description) == (200, digest)
        assert shown() == {then}
