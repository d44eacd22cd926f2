"""Files of a stream are lost or damaged under a running service: only what they belong to fails."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from concept_orderings.client import Client
from store import object_keys
from support.deployment import TEST_PATH, Deployment
from support.processes import ROOT, Api
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


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def years_request(name: str, seed: int) -> dict[str, Any]:
    """Return a request whose version has evidence, the years."""
    # Names of its own, so that it shares no document with another stream, which would be in the memory of an API.
    years = [{"name": f"{name}-{seed}-{year}", "classes": ["a", "b"], "year": 2000 + year} for year in range(2)]
    return {
        "name": name,
        "description": f"version {seed}",
        "datasets": years,
        "ordering": {"kind": "time", "seed": seed},
        "tasks": {"count": 2},
    }


PARTS = ("record", "manifest", "task", "order", "evidence", "pointer", "export", "rendering", "description")


class Damaged:
    """A stream of three versions, of whose second version a file is damaged.

    Attributes
    ----------
    name : str
    versions : list
        What was answered to the posts.
    url : str
        The second version.
    before : dict of str to bytes
        What its parts were, by URL.
    broken : list of str
        The URLs of these that cannot be answered any more.
    file : Path
        The file to damage.
    """

    def __init__(self, service: Deployment, part: str, *, name: str = "") -> None:
        self.name = name or f"flipped-{part}"
        self.versions = [service.publish(years_request(self.name, seed)) for seed in range(3)]
        second = self.versions[1]
        self.url = second["url"]
        export = f"{self.url}/export/tasks?v=1"
        answers = {
            self.url: ("manifest",),
            f"{self.url}/tasks/0": ("task",),
            f"{self.url}/tasks/1": (),
            f"{self.url}/export/fomo": ("order",),
            f"{self.url}/evidence/years": ("evidence",),
            export: ("export", "rendering"),
        }
        self.before = {url: service.http.get(url).content for url in answers}
        self.broken = [url for url, of in answers.items() if part in (*of, "record")]
        self.file = self._files(service.data / "streams")[part]

    def _files(self, root: Path) -> dict[str, Path]:
        """Return the files of the second version by part."""
        record = root / object_keys.version_record(self.name, 2)
        stored = json.loads(record.read_bytes())
        fields = stored["record"]
        rendering = root / object_keys.export_record(self.name, 2, "tasks", 1, None)
        documents = {
            "manifest": fields["digest"],
            "task": fields["tasks"][0]["digest"],
            "order": fields["export_digest"],
            "export": json.loads(rendering.read_bytes())["record"]["digest"],
        }
        return {
            "record": record,
            "rendering": rendering,
            "pointer": root / object_keys.request_pointer(self.name, fields["request_digest"]),
            "evidence": root / object_keys.evidence(stored["added"]["evidence"]["files"][0]["digest"]),
            "description": root / object_keys.description(self.name, 3),
            **{part: root / object_keys.document(digest) for part, digest in documents.items()},
        }


@pytest.fixture(scope="module")
def fresh(service: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Another API on the same data, which has none of it in memory."""
    api = Api({**service.environment, "PYTHONPATH": TEST_PATH}, tmp_path_factory.mktemp("fresh"))
    yield api.http
    api.close()


@pytest.mark.parametrize("part", PARTS)
def test_a_flipped_byte_fails_its_version_alone(service: Deployment, fresh: httpx.Client, part: str) -> None:
    damaged = Damaged(service, part)
    flip(damaged.file)

    listed = fresh.get(f"/v1/streams/{damaged.name}").json()
    marked = {"record", "manifest", "task", "order", "evidence"}
    assert [each.get("damaged", False) for each in listed["versions"]] == [False, part in marked, False]
    if part in marked:
        assert listed["versions"][1] == {"name": damaged.name, "version": 2, "url": damaged.url, "damaged": True}
    assert listed["description"] == (None if part == "description" else "version 2")
    streams = {each["name"]: each for each in fresh.get("/v1/streams?limit=1000").json()["streams"]}
    assert (streams[damaged.name]["latest_version"], streams[damaged.name]["ordering"]) == (3, "time")
    for url, content in damaged.before.items():
        answer = fresh.get(url)
        if url in damaged.broken:
            assert (answer.status_code, answer.json()["code"]) == (500, "version_damaged"), url
            assert answer.headers["Content-Type"] == "application/problem+json"
        else:
            assert (answer.status_code, answer.content) == (200, content), url
    again = service.post(years_request(damaged.name, 1))
    if part in ("record", "pointer"):
        assert (again.status_code, again.json()["code"]) == (500, "version_damaged")
    else:
        assert (again.status_code, again.json()["version"]) == (200, 2)

    assert service.publish(years_request(damaged.name, 3))["version"] == 4
    for each in (damaged.versions[0], damaged.versions[2]):
        assert fresh.get(each["url"]).status_code == 200
        assert fresh.get(each["tasks"][0]["url"]).status_code == 200


def test_a_damaged_newest_version_is_marked_in_the_list_of_streams(service: Deployment, fresh: httpx.Client) -> None:
    for name, version in (("newest-record", 2), ("newest-task", 2)):
        second = published(service, name, version)[1]
        task = service.data / "streams" / object_keys.document(second["tasks"][0]["digest"])
        flip(record_of(service, name, 2) if name == "newest-record" else task)
        streams = {each["name"]: each for each in fresh.get("/v1/streams?limit=1000").json()["streams"]}
        url = f"/v1/streams/{name}"
        assert streams[name] == {
            "name": name,
            "description": None,
            "latest_version": 2,
            "url": url,
            "damaged": True,
        }
        # The next version has the same task again, and mends it.
        assert service.publish(random_request(name, seed=9))["version"] == 3


def test_damaged_evidence_is_mended_by_the_next_version_that_has_it(service: Deployment, fresh: httpx.Client) -> None:
    first = service.publish(years_request("mended", 0))
    url = f"{first['url']}/evidence/years"
    content = service.http.get(url).content
    (entry,) = service.http.get(f"{first['url']}/evidence").json()["evidence"]
    flip(service.data / "streams" / object_keys.evidence(entry["digest"]))
    assert fresh.get(url).status_code == 500
    assert [each.get("damaged") for each in fresh.get("/v1/streams/mended").json()["versions"]] == [True]
    second = {**years_request("mended", 0), "ordering": {"kind": "time", "seed": 5}}
    assert service.publish(second)["version"] == 2
    assert fresh.get(url).content == content
    assert all("damaged" not in each for each in fresh.get("/v1/streams/mended").json()["versions"])


@pytest.mark.parametrize("part", ["manifest", "task", "order", "evidence"])
def test_a_damaged_part_is_made_again_when_the_request_is_posted_again(service: Deployment, part: str) -> None:
    damaged = Damaged(service, part, name=f"posted-{part}")
    whole = damaged.file.read_bytes()
    flip(damaged.file)
    # The list finds it, and so does a read of that part.
    assert service.http.get(f"/v1/streams/{damaged.name}").json()["versions"][1]["damaged"]
    again = service.post(years_request(damaged.name, 1), wait=60)
    assert (again.status_code, again.json()["version"]) == (201, 2), again.text
    assert damaged.file.read_bytes() == whole
    assert all("damaged" not in each for each in service.http.get(f"/v1/streams/{damaged.name}").json()["versions"])
    assert service.post(years_request(damaged.name, 1)).status_code == 200


def test_the_command_and_the_client_list_damaged_versions(service: Deployment) -> None:
    published(service, "commanded", 2)
    flip(record_of(service, "commanded", 1))
    with Client(service.api.url) as client:
        assert [each.damaged for each in client.versions("commanded")] == [True, False]
        assert not next(each for each in client.streams() if each.name == "commanded").damaged
    command = [sys.executable, "-m", "concept_orderings.cli", "streams", "commanded", "--url", service.api.url]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[0] == "commanded@1\tdamaged"
    assert lines[1].startswith("commanded@2\trandom\t4\t")
