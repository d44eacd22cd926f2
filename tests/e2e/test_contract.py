"""The HTTP contract that training jobs pin to, on a real API, worker and Valkey."""

import base64
import hashlib
import json
import re
from typing import Any
from zlib import crc32

import httpx
import pytest
import rfc8785

from concept_orderings.catalogue import CATALOGUE, find_dataset
from concept_orderings.class_lists import class_list
from concept_orderings.orderings import ORDERINGS
from support.answers import assert_problem, raw
from support.deployment import Deployment
from support.requests import random_request
from support.waiting import until

IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def version(service: Deployment) -> dict[str, Any]:
    return service.publish(random_request("contract", concepts=5, tasks=2))


@pytest.fixture(scope="module")
def parts(version: dict[str, Any]) -> list[str]:
    """The URLs of all parts of a version."""
    return [
        version["url"],
        version["export_url"],
        *(version["exports"][name] for name in ("fomo", "tasks")),
        *(each["url"] for each in version["tasks"]),
    ]


# --- POST /v1/streams


def test_a_new_request_is_answered_with_a_job_that_makes_the_version(service: Deployment) -> None:
    answer = service.post(random_request("accepted"))
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == job["url"] == f"/v1/jobs/{job['id']}"
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Preference-Applied" not in answer.headers
    assert job["state"] in ("queued", "running", "succeeded")
    done = service.until_state(job["url"], "succeeded", "failed")
    assert done["stream"] == {"name": "accepted", "version": 1, "url": "/v1/streams/accepted/versions/1"}
    assert done["error"] is None
    assert service.http.get(done["stream"]["url"]).status_code == 200


def test_the_same_request_is_answered_with_its_version(service: Deployment, version: dict[str, Any]) -> None:
    answer = service.post(random_request("contract", concepts=5, tasks=2))
    assert answer.status_code == 200
    assert answer.json() == version
    assert answer.headers["Location"] == version["url"]


def test_another_spelling_of_the_same_request_gets_the_same_version(service: Deployment) -> None:
    names = ["apple", "bear", "clock", "dolphin", "elephant"]
    concepts = [f"CIFAR100+++{name}" for name in names]
    version = service.publish({**random_request("spelt"), "concepts": concepts})
    otherwise = {
        "tasks": {"count": 2},
        "datasets": [{"classes": names[::-1], "name": "cifar100", "year": 1999}],
        "ordering": {"reverse": False, "kind": "random", "version": 1},
        "name": "spelt",
    }
    answer = service.http.post("/v1/streams", content=json.dumps(otherwise, indent=3).encode())
    assert answer.status_code == 200
    assert answer.json()["version"] == version["version"]


def test_another_request_with_the_same_name_gets_the_next_number(service: Deployment) -> None:
    numbers = [service.publish(random_request("numbers", seed=seed))["version"] for seed in (3, 1, 2, 3)]
    assert numbers == [1, 2, 3, 1]


def test_prefer_wait_is_answered_with_the_version(service: Deployment) -> None:
    answer = service.post(random_request("waited"), wait=50)
    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == "wait=50"
    assert answer.headers["Location"] == "/v1/streams/waited/versions/1"
    assert answer.json()["version"] == 1


@pytest.mark.parametrize("prefer", ["respond-async, wait=50", 'WAIT="50"', "wait = 50; foo=bar"])
def test_prefer_wait_is_read_in_every_notation(service: Deployment, prefer: str) -> None:
    name = f"notation-{len(prefer)}"
    answer = service.http.post("/v1/streams", json=random_request(name), headers={"Prefer": prefer})
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (201, "wait=50")


def test_a_preference_for_a_longer_wait_than_the_service_allows_waits_as_long_as_it_allows(service: Deployment) -> None:
    headers = {"Prefer": f"wait={10**17}"}
    answer = service.http.post("/v1/streams", json=random_request("longest-wait"), headers=headers)
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (201, "wait=300")


@pytest.mark.parametrize("prefer", ["wait", "wait=", "wait=soon", "wait=-1", "await=5", "return=minimal", ""])
def test_an_invalid_preference_is_ignored(service: Deployment, prefer: str) -> None:
    name = f"no-preference-{prefer}".replace("=", "_")
    answer = service.http.post("/v1/streams", json=random_request(name), headers={"Prefer": prefer})
    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers


def test_the_request_in_a_manifest_gets_the_same_version(service: Deployment, version: dict[str, Any]) -> None:
    manifest = service.http.get(version["url"]).json()
    answer = service.post(manifest["request"])
    assert (answer.status_code, answer.json()["version"]) == (200, version["version"])


# --- Jobs


def test_a_job_has_all_its_fields(service: Deployment) -> None:
    job = service.post(random_request("job")).headers["Location"]
    done = service.until_state(job, "succeeded")
    assert set(done) == {
        "id", "url", "events_url", "state", "cancel_requested", "ordering", "warnings", "warning_details", "progress",
        "labels_digest", "stream", "error", "attempt", "queue", "note", "created_at", "updated_at", "started_at",
        "finished_at",
    }  # fmt: skip
    assert done["ordering"] == {"kind": "random", "version": 1, "reverse": False, "seed": 0}
    assert set(done["progress"]) == {"phase", "done", "total"}
    assert done["updated_at"] >= done["created_at"]


def events(answer: httpx.Response) -> list[tuple[str, dict[str, Any]]]:
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    found = []
    for block in re.split(r"\r?\n\r?\n", answer.text):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != ":")
        if fields:
            assert fields["event"] == "job"
            found.append((fields["id"], json.loads(fields["data"])))
    return found


def test_events_go_on_to_the_end_and_resume_after_any_event(service: Deployment) -> None:
    url = service.post(random_request("followed")).json()["events_url"]
    answer = service.http.get(url)
    assert answer.headers["Cache-Control"].startswith("no-")
    seen = events(answer)
    states = [job["state"] for _, job in seen]
    assert states[0] == "queued"
    assert states[-1] == "succeeded"
    assert seen[-1][1] == service.job(url.removesuffix("/events"))
    for i, (event, _) in enumerate(seen[:-1]):
        assert events(service.http.get(url, headers={"Last-Event-ID": event})) == seen[i + 1 :]
    stop = service.http.get(url, headers={"Last-Event-ID": seen[-1][0]})
    assert (stop.status_code, stop.content) == (204, b"")


@pytest.mark.parametrize("event", ["nonsense", "$", "-", "+", "1-2-3", "99999999999999999999-0", "-1", ""])
def test_an_invalid_event_id_is_422(service: Deployment, event: str) -> None:
    job = service.post(random_request("no-event", seed=crc32(event.encode()))).headers["Location"]
    service.until_state(job, "succeeded")
    answer = service.http.get(f"{job}/events", headers={"Last-Event-ID": event})
    if event:
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_event_id")
    else:
        assert answer.status_code == 200, "an empty header counts as none"


def test_a_finished_job_cannot_be_cancelled(service: Deployment) -> None:
    url = service.post(random_request("finished")).headers["Location"]
    service.until_state(url, "succeeded")
    answer = service.http.delete(url)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_finished")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("suffix", ["", ":events", ":request", "x", "%00", "%0a", "/../x"])
def test_a_url_that_only_resembles_a_job_s_is_404(service: Deployment, method: str, suffix: str) -> None:
    seed = crc32(f"{method}{suffix}".encode())
    job = service.post(random_request("named", seed=seed)).headers["Location"]
    url = f"/v1/jobs/{'0' * 32}" if not suffix else job + suffix
    answer = httpx.request(method, service.api.url + url)
    assert answer.status_code in (404, 405), answer.text
    assert answer.json()["code"] in ("unknown_job", "unknown_path", "method_not_allowed")
    assert service.until_state(job, "succeeded", "cancelled")["state"] == "succeeded"


def test_events_of_an_unknown_job_are_404(service: Deployment) -> None:
    answer = service.http.get(f"/v1/jobs/{'0' * 32}/events")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_job")


# --- Lists


def test_streams_are_listed_in_pages(service: Deployment) -> None:
    names = [f"list-{i}" for i in range(5)]
    for name in names:
        service.publish(random_request(name))
    url: str | None = "/v1/streams?limit=2"
    listed: list[str] = []
    while url is not None:
        answer = service.http.get(url)
        page = answer.json()
        assert len(page["streams"]) <= 2
        listed.extend(each["name"] for each in page["streams"])
        link = answer.headers.get("Link")
        assert (link is None) == (page["next_cursor"] is None)
        url = link and re.fullmatch(r'<(.+)>; rel="next"', link)[1]  # type: ignore[index]
    everything = service.http.get("/v1/streams?limit=1000").json()["streams"]
    assert listed == sorted(listed) == [each["name"] for each in everything]
    assert set(names) <= set(listed)
    assert (
        everything[listed.index("list-0")].items()
        >= {
            "name": "list-0",
            "latest_version": 1,
            "url": "/v1/streams/list-0",
        }.items()
    )


def test_versions_are_listed_in_pages(service: Deployment) -> None:
    published = [service.publish(random_request("paged", seed=seed)) for seed in range(5)]
    first = service.http.get("/v1/streams/paged?limit=2")
    assert [each["version"] for each in first.json()["versions"]] == [1, 2]
    assert first.headers["Link"] == '</v1/streams/paged?limit=2&cursor=2>; rel="next"'
    second = service.http.get("/v1/streams/paged", params={"limit": 2, "cursor": first.json()["next_cursor"]})
    assert [each["version"] for each in second.json()["versions"]] == [3, 4]
    last = service.http.get("/v1/streams/paged?limit=2&cursor=4")
    assert [each["version"] for each in last.json()["versions"]] == [5]
    assert "Link" not in last.headers
    assert last.json()["next_cursor"] is None
    listed = service.http.get("/v1/streams/paged").json()["versions"]
    assert listed == [{name: each[name] for name in listed[0]} for each in published]
    assert service.http.get("/v1/streams/paged?cursor=5").json()["versions"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=1001", "limit=x", "limit=", "limit=1e3"])
@pytest.mark.parametrize("path", ["/v1/streams", "/v1/streams/contract"])
def test_a_limit_out_of_range_is_422(service: Deployment, version: dict[str, Any], path: str, query: str) -> None:
    answer = service.http.get(f"{path}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_query")
    assert "limit" in answer.json()["detail"]


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "%00", "9" * 40])
def test_an_invalid_cursor_is_422(service: Deployment, version: dict[str, Any], cursor: str) -> None:
    answer = service.http.get(f"/v1/streams/contract?cursor={cursor}")
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_query")


# --- A version and its parts


def test_a_version_has_the_urls_of_its_parts(service: Deployment, version: dict[str, Any]) -> None:
    assert version["url"] == "/v1/streams/contract/versions/1"
    assert version["export_url"] == version["exports"]["fomo"] == f"{version['url']}/export/fomo"
    assert version["exports"]["tasks"] == f"{version['url']}/export/tasks?v=1"
    assert [each["url"] for each in version["tasks"]] == [f"{version['url']}/tasks/{i}" for i in range(2)]
    assert [each["concepts"] for each in version["tasks"]] == [3, 2]
    tasks = [service.http.get(each["url"]) for each in version["tasks"]]
    for task, entry in zip(tasks, version["tasks"], strict=True):
        assert hashlib.sha256(task.content).hexdigest() == entry["digest"]
    concepts = [concept for task in tasks for concept in task.json()["concepts"]]
    assert [each["position"] for each in concepts] == list(range(5))
    assert [each["concept"] for each in concepts] == service.http.get(version["export_url"]).json()
    assert all(each["concept"] == f"{each['dataset']}+++{each['class']}" for each in concepts)
    in_tasks = service.http.get(version["exports"]["tasks"]).json()
    assert in_tasks == [[each["concept"] for each in task.json()["concepts"]] for task in tasks]
    assert [(task.json()["task"], task.json()["tasks"]) for task in tasks] == [(0, 2), (1, 2)]


def test_a_manifest_is_canonical_and_has_all_digests(service: Deployment, version: dict[str, Any]) -> None:
    answer = service.http.get(version["url"])
    manifest = answer.json()
    assert rfc8785.dumps(manifest) == answer.content
    assert hashlib.sha256(answer.content).hexdigest() == version["digest"]
    assert hashlib.sha256(rfc8785.dumps(manifest["request"])).hexdigest() == manifest["request_digest"]
    export = service.http.get(version["export_url"]).content
    assert hashlib.sha256(export).hexdigest() == manifest["order_digest"]
    assert [each["digest"] for each in manifest["tasks"]] == [each["digest"] for each in version["tasks"]]
    assert manifest["ordering"]["kind"] == "random"
    assert manifest["ordering"]["version"] == 1
    assert manifest["software"]["name"] == "concept-orderings"
    assert manifest["concepts"] == 5


def test_parts_have_headers_of_immutable_documents(service: Deployment, parts: list[str]) -> None:
    for url in parts:
        answer = service.http.get(url)
        digest = hashlib.sha256(answer.content)
        assert answer.headers["ETag"] == f'"sha256-{digest.hexdigest()}"'
        assert answer.headers["Cache-Control"] == IMMUTABLE
        assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
        assert answer.headers["Content-Type"] == "application/json"
        assert int(answer.headers["Content-Length"]) == len(answer.content)


@pytest.mark.parametrize("form", ["{}", "W/{}", "*", '"other", {}', 'W/"other" ,W/{} , "more"'])
def test_a_matching_entity_tag_is_answered_with_304(service: Deployment, parts: list[str], form: str) -> None:
    for url in parts:
        tag = service.http.get(url).headers["ETag"]
        answer = service.http.get(url, headers={"If-None-Match": form.format(tag)})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["ETag"] == tag
        assert answer.headers["Cache-Control"] == IMMUTABLE


def test_entity_tags_may_be_sent_in_several_header_lines(service: Deployment, version: dict[str, Any]) -> None:
    tag = service.http.get(version["url"]).headers["ETag"]
    headers = [("If-None-Match", '"other"'), ("If-None-Match", tag)]
    assert service.http.get(version["url"], headers=headers).status_code == 304


@pytest.mark.parametrize("form", ['"other"', "sha256-{}", "", "{}x", '"*"'])
def test_another_entity_tag_is_answered_with_the_document(
    service: Deployment, version: dict[str, Any], form: str
) -> None:
    headers = {"If-None-Match": form.format(version["digest"])}
    assert service.http.get(version["url"], headers=headers).status_code == 200


def test_latest_is_a_redirect_that_caches_must_revalidate(service: Deployment, version: dict[str, Any]) -> None:
    for part in ("", "/tasks/1", "/export/fomo", "/export/tasks", "/export/tasks?v=1"):
        answer = service.http.get(f"/v1/streams/contract/versions/latest{part}")
        assert answer.status_code == 307
        assert answer.headers["Location"] == version["url"] + part
        assert answer.headers["Cache-Control"] == "no-cache"
        assert service.http.get(answer.headers["Location"]).status_code == 200


def test_latest_redirects_to_the_newest_version(service: Deployment) -> None:
    for seed in (1, 2):
        service.publish(random_request("moving", seed=seed))
        latest = service.http.get("/v1/streams/moving/versions/latest").headers["Location"]
        assert latest == f"/v1/streams/moving/versions/{seed}"


def test_head_is_get_without_the_body(service: Deployment, parts: list[str]) -> None:
    others = ["/v1/streams", "/v1/streams/contract", "/v1/orderings", "/v1/datasets", "/v1/datasets/dtd"]
    others += ["/health/live", "/docs"]
    for url in [*parts, *others, "/v1/streams/none", "/v1/streams/contract/versions/latest", "/openapi.json"]:
        get, head = service.http.get(url), service.http.head(url)
        assert head.status_code == get.status_code
        assert head.content == b""
        left_out = {"date", "x-request-id"}
        assert {k: v for k, v in head.headers.items() if k not in left_out} == {
            k: v for k, v in get.headers.items() if k not in left_out
        }


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/streams/none", 404, "unknown_stream"),
        ("/v1/streams/none/versions/1", 404, "unknown_stream"),
        ("/v1/streams/none/versions/latest", 404, "unknown_stream"),
        ("/v1/streams/none/versions/1/tasks/0", 404, "unknown_stream"),
        ("/v1/streams/none/versions/1/export/fomo", 404, "unknown_stream"),
        ("/v1/streams/Not%20a%20name", 422, "bad_stream_name"),
        ("/v1/streams/-x/versions/1", 422, "bad_stream_name"),
        ("/v1/streams/" + "x" * 129, 422, "bad_stream_name"),
        ("/v1/streams/a%00b", 422, "bad_stream_name"),
        ("/v1/streams/%2e%2e/versions/1", 422, "bad_stream_name"),
        ("/v1/streams/..%2f..%2fetc/versions/1", 404, "unknown_path"),
        ("/v1/streams/contract/versions/0", 404, "unknown_version"),
        ("/v1/streams/contract/versions/2", 404, "unknown_version"),
        ("/v1/streams/contract/versions/01", 404, "unknown_version"),
        ("/v1/streams/contract/versions/-1", 404, "unknown_version"),
        ("/v1/streams/contract/versions/1.0", 404, "unknown_version"),
        ("/v1/streams/contract/versions/LATEST", 404, "unknown_version"),
        ("/v1/streams/contract/versions/" + "9" * 30, 404, "unknown_version"),
        ("/v1/streams/contract/versions/%D9%A1", 404, "unknown_version"),
        ("/v1/streams/contract/versions/1/tasks/2", 404, "unknown_task"),
        ("/v1/streams/contract/versions/1/tasks/-1", 404, "unknown_task"),
        ("/v1/streams/contract/versions/1/tasks/x", 404, "unknown_task"),
        ("/v1/streams/contract/versions/1/tasks/00", 404, "unknown_task"),
        ("/v1/streams/contract/versions/1/tasks/" + "9" * 5000, 404, "unknown_task"),
        ("/v1/streams/none/versions/1/export/tasks", 404, "unknown_stream"),
        ("/v1/streams/contract/versions/1/export/other", 404, "unknown_format"),
        ("/v1/streams/contract/versions/1/export/FOMO", 404, "unknown_format"),
        ("/v1/streams/contract/versions/1/export/%00", 404, "unknown_format"),
        ("/v1/streams/contract/versions/1/export/" + "x" * 5000, 404, "unknown_format"),
        ("/v1/streams/contract/versions/latest/export/other", 404, "unknown_format"),
        ("/v1/streams/contract/versions/1/export/fomo/x", 404, "unknown_path"),
        ("/v1/streams/contract/versions/1/export/fomo?v=2", 404, "unknown_format"),
        ("/v1/streams/contract/versions/1/export/fomo?v=0", 422, "bad_query"),
        ("/v1/streams/contract/versions/1/export/fomo?v=x", 422, "bad_query"),
        ("/v2/streams", 404, "unknown_path"),
        ("//v1/streams", 404, "unknown_path"),
        ("/static-offline-docs/%00", 404, "unknown_path"),
        ("/static-offline-docs/..%2f..%2f..%2fetc%2fpasswd", 404, "unknown_path"),
        ("/static-offline-docs/" + "x" * 300, 404, "unknown_path"),
    ],
)
def test_unknown_urls_are_problem_documents(
    service: Deployment, version: dict[str, Any], path: str, status: int, code: str
) -> None:
    answer = raw(service, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert_problem(answer)


def test_a_method_that_is_not_allowed_is_405(service: Deployment) -> None:
    for method, path, allowed in (
        ("PUT", "/v1/streams", "GET, HEAD, POST"),
        ("DELETE", "/v1/streams/contract", "GET, HEAD"),
        ("POST", "/v1/jobs/x", "DELETE, GET, HEAD"),
    ):
        answer = service.http.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == allowed
        assert_problem(answer)


# --- Orderings, datasets, health, documentation


def test_all_orderings_are_listed_with_their_parameters(service: Deployment) -> None:
    listed = service.http.get("/v1/orderings").json()["orderings"]
    assert [each["kind"] for each in listed] == list(ORDERINGS)
    for each in listed:
        declared = ORDERINGS[each["kind"]].parameters()
        assert each["version"] == ORDERINGS[each["kind"]].version
        assert [(p["name"], p["type"], p["default"]) for p in each["parameters"]] == [
            (p.name, p.type, p.default) for p in declared
        ]
        # Those that take an order as it is have nothing to seed.
        assert {p["name"] for p in each["parameters"]} & {"seed", "reverse"} == (
            {"reverse"} if each["kind"] in ("given", "published") else {"seed", "reverse"}
        )


def test_all_datasets_are_listed(service: Deployment) -> None:
    listed = service.http.get("/v1/datasets").json()["datasets"]
    assert len(listed) == 63
    assert [each["handle"] for each in listed] == [each.handle for each in CATALOGUE]
    for each in listed[::20]:
        shown = service.http.get(each["url"]).json()
        assert {name: shown[name] for name in each} == each


def test_a_dataset_is_shown_with_its_classes_by_either_name(service: Deployment) -> None:
    clevr = find_dataset("clevr")
    assert clevr is not None
    by_handle, by_name = (service.http.get(f"/v1/datasets/{name}") for name in (clevr.handle, clevr.name))

    assert by_handle.content == by_name.content
    shown = by_handle.json()
    assert shown["class_list"] == list(class_list(clevr) or ())
    assert (shown["classes_in_streams"], len(shown["left_out"])) == (217, 30)
    assert service.http.get("/v1/datasets/mscoco").json()["class_list"] is None
    assert service.http.get("/v1/datasets/imagenet").json()["classes_in_streams"] == 0
    # Another release may show it otherwise.
    assert by_handle.headers["Cache-Control"] == "public, no-cache"
    again = service.http.get("/v1/datasets/clevr", headers={"If-None-Match": by_handle.headers["ETag"]})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", by_handle.headers["ETag"])


def test_a_dataset_without_classes_has_the_version_of_one_that_lists_them(service: Deployment) -> None:
    dtd = service.http.get("/v1/datasets/dtd").json()
    body = {"name": "textures", "ordering": {"kind": "random"}, "tasks": {"count": 1}}
    version = service.publish({**body, "datasets": [{"name": "DTD"}], "strict": True})

    listed = service.post({**body, "datasets": [{"name": "dtd", "classes": dtd["class_list"]}]})
    assert (listed.status_code, listed.json()["digest"]) == (200, version["digest"])
    assert (version["concepts"], version["warnings"]) == (47, [])


def test_names_that_the_catalogue_lacks_are_warned_of_at_once_and_in_the_version(service: Deployment) -> None:
    datasets = [{"name": "cifar100", "classes": ["apple", "aple"]}, {"name": "ImageNet", "classes": ["tench"]}]
    body = {"name": "misspelt", "datasets": datasets, "ordering": {"kind": "random"}, "tasks": {"count": 1}}
    job = service.job(service.post(body).headers["Location"])
    version = service.publish(body)

    assert [each["code"] for each in job["warning_details"]] == ["unknown_classes", "unknown_datasets"]
    assert version["warning_details"] == job["warning_details"]
    refused = service.post({**body, "name": "strict", "strict": True})
    assert refused.status_code == 422
    assert [(each["code"], each["pointers"]) for each in refused.json()["errors"]] == [
        ("unknown_class", ["/datasets/0/classes/1"]),
        ("unknown_dataset", ["/datasets/1/name"]),
    ]


def test_the_health_of_a_running_service(service: Deployment) -> None:
    assert service.http.get("/health/live").json() == {"status": "alive"}
    ready = until(lambda: service.http.get("/health/ready"), "an answer")
    found = {"status": "ready", "redis": True, "workers": 1, "store": True, "reasons": []}
    assert (ready.status_code, ready.json()) == (200, found)


def test_the_documentation_needs_no_internet(service: Deployment) -> None:
    page = service.http.get("/docs")
    assert page.status_code == 200
    assets = re.findall(r"""(?:href|src)=["']([^"']+)""", page.text)
    assert len(assets) >= 2
    assert not [each for each in assets if "//" in each]
    assert not re.findall(r"https?://", page.text)
    for each in assets:
        asset = service.http.get(each)
        assert asset.status_code == 200, each
        assert asset.content
    assert "/openapi.json" in page.text
    assert service.http.get("/openapi.json").status_code == 200
