"""Files of a stream are lost or damaged under a running service: only what they belong to fails."""

from pathlib import Path
from typing import Any

from store import object_keys
from support.deployment import Deployment
from support.requests import random_request


def published(service: Deployment, name: str, number: int) -> list[dict[str, Any]]:
    """Publish versions 1 to `number` of a stream, from the seeds 0 on."""
    return [service.publish(random_request(name, seed=seed)) for seed in range(number)]


def record_of(service: Deployment, name: str, version: int) -> Path:
    return service.data / "streams" / object_keys.version_record(name, version)


def test_the_number_of_a_lost_record_is_not_used_again(service: Deployment) -> None:
    published(service, "lost", 3)
    for version in (2, 3):
        record_of(service, "lost", version).unlink()

    assert service.http.get("/v1/streams/lost/versions/latest").headers["Location"] == "/v1/streams/lost/versions/1"
    assert service.publish(random_request("lost", seed=7))["version"] == 4
    assert service.http.get("/v1/streams/lost/versions/latest").headers["Location"] == "/v1/streams/lost/versions/4"
    listed = service.http.get("/v1/streams/lost").json()["versions"]
    assert [each["version"] for each in listed] == [1, 4]
    again = service.post(random_request("lost", seed=2))
    assert (again.status_code, again.json()["code"]) == (500, "version_damaged")
    assert service.post(random_request("lost", seed=0)).json()["version"] == 1
