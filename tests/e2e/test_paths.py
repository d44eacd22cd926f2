"""Paths that people and programs try first, and paths that do not exist, on the real service."""

from typing import Any

import pytest

from concept_orderings.version import __version__
from support.answers import assert_problem, raw
from support.deployment import Deployment
from support.requests import random_request

GETS = ["/", "/v1", "/health", "/favicon.ico", "/robots.txt", "/docs", "/openapi.json"]


@pytest.mark.parametrize("path", ["/", "/v1"])
def test_the_index_has_the_release_and_links_that_answer(service: Deployment, path: str) -> None:
    answer = service.http.get(path)
    index: dict[str, Any] = answer.json()
    assert (index["name"], index["release"]) == ("concept-orderings", __version__)
    assert index["links"].keys() >= {"docs", "openapi", "streams", "orderings", "datasets", "sources", "health"}
    for url in index["links"].values():
        assert service.http.get(url).status_code == 200, url
    assert answer.links["service-desc"]["url"] == "/openapi.json"


def test_health_answers_as_readiness_does(service: Deployment) -> None:
    answer, ready = service.http.get("/health"), service.http.get("/health/ready")
    assert (answer.status_code, answer.json()) == (ready.status_code, ready.json())
    assert answer.json() == {"status": "ready", "redis": True, "workers": 1, "store": True, "reasons": []}


def test_browsers_and_crawlers_are_answered_once_a_week(service: Deployment) -> None:
    icon, robots = service.http.get("/favicon.ico"), service.http.get("/robots.txt")
    assert (icon.status_code, icon.content) == (204, b"")
    assert robots.headers["Content-Type"].startswith("text/plain")
    assert robots.text.splitlines() == ["User-agent: *", "Disallow: /"]
    for answer in (icon, robots):
        assert answer.headers["Cache-Control"] == "public, max-age=604800"


@pytest.mark.parametrize("path", GETS)
def test_head_answers_as_get_without_a_body(service: Deployment, path: str) -> None:
    get, head = service.http.get(path), service.http.head(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers.get("Content-Type") == get.headers.get("Content-Type")


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/v1/", "/v1"),
        ("/docs/", "/docs"),
        ("/health/ready/", "/health/ready"),
        ("/v1/streams/?limit=1&cursor=a%20b", "/v1/streams?limit=1&cursor=a%20b"),
        ("/v1/streams/slashed//", "/v1/streams/slashed"),
        ("/v1/streams/a%0d%0ab/", "/v1/streams/a%0D%0Ab"),
    ],
)
def test_a_slash_too_many_is_redirected_to_the_path_without(service: Deployment, path: str, to: str) -> None:
    answer = service.http.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (307, to)


def test_a_body_posted_with_a_slash_too_many_arrives(service: Deployment) -> None:
    answer = service.http.post("/v1/streams/", json=random_request("slashed"), follow_redirects=True)
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        ("GET /streams", "the nearest path is /v1/streams, and"),
        ("POST /v1/stream", "the nearest path is /v1/streams, and"),
        ("GET /v1/streams/pets/tasks/0", "the nearest path is /v1/streams/pets/versions/{version}/tasks/0, and"),
        ("DELETE /jobs/x", "the nearest path is /v1/jobs/{id}, and"),
        ("GET /openapi.yaml", "the nearest path is /openapi.json, and"),
        ("GET /nothing/like/it", "service; /docs lists all paths."),
        ("GET //example.org/", "GET //example.org/ is not part of this service"),
        ("GET //v1/streams/", "the nearest path is /v1/streams, and"),
        ("GET /nothing/", "service; /docs lists all paths."),
    ],
)
def test_an_unknown_path_is_answered_with_the_nearest(service: Deployment, call: str, hint: str) -> None:
    answer = raw(service, f"{call} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_path")
    assert hint in answer.json()["detail"]
    assert_problem(answer)


@pytest.mark.parametrize("path", ["/", "/v1", "/docs", "/openapi.json", "/health", "/favicon.ico"])
def test_another_method_is_answered_with_those_that_are_allowed(service: Deployment, path: str) -> None:
    answer = service.http.put(path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert f"{path} takes GET, HEAD, and not PUT" in answer.json()["detail"]
