"""The proxy of compose keeps answers that never change, as a real nginx does it with that configuration."""

import gzip
import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.deployment import Deployment
from support.nginx import Proxy, find_nginx
from support.requests import random_request


@pytest.fixture(scope="module")
def proxy(service: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    program = find_nginx()
    if program is None:
        pytest.skip("nginx is not installed; on Debian it is in the package nginx-light")
    proxy = Proxy(program, tmp_path_factory.mktemp("proxy"), service.api.port)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def version(service: Deployment) -> dict[str, Any]:
    return service.publish(random_request("proxied", concepts=400))


def cache_of(answer: httpx.Response) -> str | None:
    found: str | None = answer.headers.get("X-Cache")
    return found


def test_an_answer_that_never_changes_is_fetched_once(proxy: Proxy, version: dict[str, Any]) -> None:
    first, second = (proxy.http.get(version["url"]) for _ in range(2))
    assert (cache_of(first), cache_of(second)) == ("MISS", "HIT")
    assert second.content == first.content
    assert hashlib.sha256(second.content).hexdigest() == version["digest"]
    for name in ("ETag", "Cache-Control", "Repr-Digest", "Content-Type"):
        assert second.headers[name] == first.headers[name]
    same = proxy.http.get(version["url"], headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    part = proxy.http.get(version["url"], headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, first.content[10:20])


def test_each_form_is_kept_by_itself(proxy: Proxy, version: dict[str, Any]) -> None:
    url = f"{version['url']}/order"
    forms: tuple[dict[str, str], ...] = ({}, {"Accept": "application/x-ndjson"}, {"Accept-Encoding": "gzip"}, {})
    answers = [proxy.http.get(url, headers=form) for form in forms]
    assert [cache_of(each) for each in answers] == ["MISS", "MISS", "MISS", "HIT"]
    array, lines, packed, again = answers
    assert again.content == array.content == packed.content
    assert lines.headers["Content-Type"] == "application/x-ndjson"
    assert packed.headers["Content-Encoding"] == "gzip"
    with proxy.http.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as kept:
        assert cache_of(kept) == "HIT"
        assert gzip.decompress(b"".join(kept.iter_raw())) == array.content


def test_a_request_has_its_own_id_also_with_an_answer_that_was_kept(proxy: Proxy, version: dict[str, Any]) -> None:
    task = version["tasks"][0]["url"]
    answers = [proxy.http.get(task, headers={"X-Request-ID": each}) for each in ("first", "second", "not an id")]
    assert [cache_of(each) for each in answers] == ["MISS", "HIT", "HIT"]
    first, second, third = (each.headers.get_list("X-Request-ID") for each in answers)
    assert (first, second) == (["first"], ["second"])
    assert len(third) == 1
    assert third[0] not in ("first", "second", "not an id")


def test_what_may_change_is_not_kept(proxy: Proxy, version: dict[str, Any]) -> None:
    stream = version["url"].partition("/versions/")[0]
    for path in (stream, f"{stream}/versions/latest", "/v1/streams", "/v1/jobs", "/v1", f"{stream}/versions/99"):
        assert {cache_of(proxy.http.get(path)) for _ in range(2)} <= {None, "MISS"}, path
    missing = proxy.http.get(f"{stream}/versions/99")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_version")


def test_posts_and_streams_of_events_pass(proxy: Proxy) -> None:
    posted = proxy.http.post("/v1/streams", json=random_request("through"), headers={"Prefer": "wait=30"})
    assert posted.status_code == 201
    (job,) = (each for each in proxy.http.get("/v1/jobs").json()["jobs"] if each["stream"]["name"] == "through")
    with proxy.http.stream("GET", f"{job['url']}/events") as events:
        assert '"succeeded"' in events.read().decode()


def test_versions_are_served_while_the_api_is_away(proxy: Proxy, service: Deployment, version: dict[str, Any]) -> None:
    """Kill the API of this module: the last of its tests."""
    kept = proxy.http.get(version["url"]).content
    service.api.process.kill()
    assert proxy.http.get(version["url"]).content == kept
    away = proxy.http.get("/v1/streams")
    assert (away.status_code, away.headers["Retry-After"], away.json()["code"]) == (503, "5", "service_away")
    assert away.headers["Content-Type"] == "application/problem+json"
