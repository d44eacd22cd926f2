"""Two services on one Valkey with different namespaces share nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.deployment import Deployment
from support.processes import Valkey
from support.requests import random_request
from support.waiting import until

SIMILAR = {
    "name": "similar",
    "datasets": [{"name": "things", "classes": ["a", "b", "c"], "template": "A photo of a {}."}],
    "ordering": {"kind": "similarity", "encoder": "fake"},
    "tasks": {"count": 1},
}
COUNTS = b'"name","count"\n"a",1\n"b",2\n'


@pytest.fixture
def services(tmp_path: Path, valkey: Valkey) -> Iterator[tuple[Deployment, Deployment]]:
    """Two services; only the first has a worker."""
    directories = [tmp_path / name for name in ("one", "two")]
    for each in directories:
        each.mkdir()
    one = Deployment(directories[0], controlled=True, valkey=valkey, CONCEPT_ORDERINGS_NAMESPACE="one")
    two = Deployment(directories[1], controlled=True, valkey=valkey, CONCEPT_ORDERINGS_NAMESPACE="two")
    with one, two:
        yield one.ready(), two


def names(service: Deployment) -> set[str]:
    return {each["name"] for each in service.http.get("/v1/sources").json()["sources"]}


def look(service: Deployment) -> httpx.Response:
    return service.http.post("/v1/sources/mine/counts", json={"names": ["a"]}, headers={"Prefer": "wait=30"})


def states(events: httpx.Response) -> list[str]:
    """Return the states in the events of a job."""
    lines = [line for line in events.text.splitlines() if line.startswith("data: ")]
    return [line.split('"state":"')[1].split('"')[0] for line in lines]


def test_two_services_on_one_server_do_not_see_each_other_s_jobs(services: tuple[Deployment, Deployment]) -> None:
    one, two = services
    assert one.http.get("/health/ready").json()["workers"] == 1
    assert two.http.get("/health/ready").json()["workers"] == 0, "it is the worker of the first service only"

    request = random_request("same", seed=1)
    here, there = one.post(request), two.post(request)
    assert here.headers["Location"] == there.headers["Location"], "the id is derived from the request"
    job = here.headers["Location"]
    one.until_state(job, "succeeded")
    assert two.job(job)["state"] == "queued"
    assert two.http.delete(job).json()["state"] == "cancelled"
    assert one.job(job)["state"] == "succeeded"
    assert states(one.http.get(f"{job}/events"))[-1] == "succeeded"
    assert states(two.http.get(f"{job}/events")) == ["queued", "cancelled"]
    assert two.http.get("/v1/streams/same").status_code == 404

    two.start_worker()
    assert two.publish(request)["version"] == 1
    assert two.begun(1) != one.begun(1)


def test_a_cancellation_reaches_only_its_own_service(services: tuple[Deployment, Deployment]) -> None:
    one, two = services
    two.ready()
    for each in services:
        each.hold(2)
    request = random_request("held", seed=2)
    [job] = {each.post(request).headers["Location"] for each in services}
    for each in services:
        each.until_begun(2)
    assert one.http.delete(job).status_code == 202
    one.until_state(job, "cancelled")
    assert two.job(job)["state"] == "running"
    two.release(2)
    assert two.until_state(job, "succeeded", "failed", "cancelled")["state"] == "succeeded"


def test_each_service_has_its_own_caches_and_sources(services: tuple[Deployment, Deployment], valkey: Valkey) -> None:
    services[1].ready()
    for each in services:
        until(lambda each=each: "infini-gram" in names(each), "the worker has reported its sources")  # type: ignore[misc]
        answer = each.http.put(
            "/v1/sources/mine",
            content=COUNTS,
            params={"unit": "documents", "corpus": "C4"},
            headers={"Content-Type": "text/csv"},
        )
        assert answer.status_code == 201, answer.text
        assert each.publish(SIMILAR)["version"] == 1
        assert look(each).status_code == 200
    found = valkey.keys()
    embeddings = sorted(key for key in found if b":embeddings:" in key)
    assert [key.partition(b":")[0] for key in embeddings] == [b"one", b"two"]
    assert [key for key in found if not key.startswith((b"one:", b"two:"))] == []


def channels(valkey: Valkey) -> set[bytes]:
    with valkey.client() as client:
        found: Any = client.pubsub_channels("*run:changes")
        return set(found)


def test_each_service_publishes_changes_on_its_own_channel(
    services: tuple[Deployment, Deployment], valkey: Valkey
) -> None:
    until(lambda: channels(valkey) == {b"one:run:changes", b"two:run:changes"}, "both are subscribed")
