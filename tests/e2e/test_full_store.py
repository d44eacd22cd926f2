"""Test that a store which takes no writes is not ready and says why, and that reads go on meanwhile."""

from collections.abc import Iterator

import httpx
import pytest

from support.deployment import Deployment
from support.requests import random_request
from support.small_disk import SmallDisk, small_disk
from support.waiting import until


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    with small_disk(tmp_path_factory.mktemp("disk") / "mounted", "8m") as mounted:
        yield mounted


@pytest.fixture(scope="module")
def stored(disk: SmallDisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A service whose streams are on the small disk."""
    with Deployment(
        tmp_path_factory.mktemp("stored"),
        CONCEPT_ORDERINGS_STREAMS_URL=str(disk.path),
        CONCEPT_ORDERINGS_MIN_FREE_MB="1",
    ) as service:
        yield service.ready()


def until_not_ready(service: Deployment, code: str) -> None:
    ready = until(lambda: _unready(service), "not ready", deadline=5.0)
    assert ready is not None
    assert [each["code"] for each in ready.json()["reasons"]] == [code]
    assert (ready.json()["store"], ready.json()["redis"], ready.json()["workers"]) == (False, True, 1)
    assert service.http.get("/health/live").status_code == 200


def _unready(service: Deployment) -> httpx.Response | None:
    ready = service.http.get("/health/ready")
    return ready if ready.status_code == 503 else None


def until_ready(service: Deployment) -> None:
    until(lambda: service.http.get("/health/ready").status_code == 200, "the service is ready again")


def test_a_read_only_store_is_not_ready_within_five_seconds(stored: Deployment, disk: SmallDisk) -> None:
    version = stored.publish(random_request("read-only"))
    disk.remount("ro")
    try:
        until_not_ready(stored, "store_unavailable")
        refused = stored.post(random_request("read-only", seed=1))
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
        assert str(disk.path) not in refused.text
        assert stored.http.get(version["url"]).status_code == 200
    finally:
        disk.remount("rw")
    until_ready(stored)
    assert stored.publish(random_request("read-only", seed=1))["version"] == 2


def test_a_full_store_refuses_what_is_new_and_serves_what_it_has(stored: Deployment, disk: SmallDisk) -> None:
    version = stored.publish(random_request("full"))
    disk.fill()
    until_not_ready(stored, "store_full")
    labels = {"my-gadgets": ["smart ring", "e-reader"]}
    for refused in (
        stored.post(random_request("full", seed=1)),
        stored.http.put("/v1/labels", json=labels),
        stored.http.put("/v1/scores/full", params={"model": "m", "metric": "m", "direction": "higher is easier"}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (503, "store_full"), refused.text
        assert int(refused.headers["Retry-After"]) > 0
    urls = [version["url"], version["export_url"], "/v1/streams", "/v1/streams/full", "/v1/scores", "/v1/sources"]
    urls += [each["url"] for each in version["tasks"]]
    exported = stored.http.get(f"{version['url']}/export/tasks", params={"v": 1})
    assert (exported.status_code, exported.headers["Cache-Control"]) == (200, "no-store"), "it cannot be kept"
    assert {url: stored.http.get(url).status_code for url in urls} == dict.fromkeys(urls, 200)
    assert stored.post(random_request("full")).status_code == 200
    disk.empty()
    until_ready(stored)
    assert stored.publish(random_request("full", seed=1))["version"] == 2
    again = stored.http.get(f"{version['url']}/export/tasks", params={"v": 1})
    assert (again.content, "immutable" in again.headers["Cache-Control"]) == (exported.content, True)
