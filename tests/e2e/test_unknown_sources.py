"""A source that no worker knows is refused when an ordering names it; one that was added a moment ago is not."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.answers import assert_problem
from support.deployment import Deployment
from support.infini_gram import Hang, InfiniGram
from support.waiting import until
from worker.evidence.local_index import build_index


@dataclass
class Place:
    """A service with an infini-gram endpoint, a local index and a counts file."""

    service: Deployment
    infini_gram: InfiniGram
    sources: Path

    def configure(self, *names: str) -> None:
        """Write the file of sources: each is the endpoint."""
        text = "".join(f'[{name}]\nkind = "infini-gram"\nurl = "{self.infini_gram.url}"\n' for name in names)
        self.sources.write_text(text)

    def index(self, name: str) -> None:
        shard = self.service.directory / f"{name}.json.gz"
        shard.write_bytes(gzip.compress(json.dumps({"text": f"a cat and {name}"}).encode()))
        build_index([shard], self.service.data / "indexes" / name)

    def upload(self, name: str) -> None:
        query = {"unit": "documents", "corpus": "C4"}
        answer = self.service.http.put(
            f"/v1/sources/{name}", params=query, content=b"name,count\ncat,3\n", headers={"Content-Type": "text/csv"}
        )
        assert answer.status_code == 201, answer.text

    def reported(self) -> set[str]:
        return {each["name"] for each in self.service.http.get("/v1/sources").json()["sources"]}

    def post(self, source: str, name: str = "any") -> httpx.Response:
        return self.service.post(request(source, name))


def request(source: str, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "datasets": [{"name": "A", "classes": ["cat"]}],
        "ordering": {"kind": "frequency", "source": source},
        "tasks": {"count": 1},
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("sources")
    sources = directory / "sources.toml"
    with (
        InfiniGram(["a cat"]) as infini_gram,
        Deployment(directory, CONCEPT_ORDERINGS_SOURCES=str(sources)) as service,
    ):
        found = Place(service, infini_gram, sources)
        found.configure("infini-gram", "wimbd-c4")
        found.index("sample")
        service.ready()
        until(lambda: "sample" in found.reported(), "the worker has reported its sources")
        found.upload("counted")
        yield found


ALL = "The sources are counted, fomo-c4-ranks, infini-gram, sample, wimbd-c4. To add one,"


def test_an_unknown_source_is_refused_and_all_sources_are_named(place: Place) -> None:
    objects, jobs = place.service.objects(), place.service.valkey.keys()
    answer = place.post("simple")

    assert answer.status_code == 422, answer.text
    assert_problem(answer)
    assert (answer.json()["code"], answer.json()["pointers"]) == ("source_not_found", ["/ordering/source"])
    assert answer.json()["detail"].startswith(f"There is no source simple. Did you mean sample? {ALL}")
    assert place.service.objects() == objects
    assert not any(b":job:record:" in key for key in place.service.valkey.keys() - jobs), "a job was recorded"


def test_an_unknown_source_is_named_after_the_other_faults_of_a_request(place: Place) -> None:
    for source, codes in (("simple", ["source_not_found"]), ("sample", []), ("No such name", ["bad_parameter"])):
        body = request(source, "Bad Name")
        answer = place.service.post(body)

        assert answer.status_code == 422, answer.text
        assert_problem(answer)
        errors = answer.json()["errors"]
        assert sorted(each["code"] for each in errors) == sorted(["bad_stream_name", *codes])
        assert [each["pointers"] for each in errors if each["code"] in codes] == [["/ordering/source"] for _ in codes]
        assert answer.json()["code"] == "bad_stream_name"


def test_sources_of_an_ordering_inside_groups_are_looked_for_too(place: Place) -> None:
    def inside(source: str, name: str = "inside") -> dict[str, Any]:
        body = request(source, name)
        body["datasets"][0]["year"] = 2001
        return {**body, "ordering": {"kind": "time", "within": body["ordering"]}}

    answer = place.service.post(inside("simple"))
    assert_problem(answer)
    assert (answer.json()["code"], answer.json()["pointers"]) == ("source_not_found", ["/ordering/within/source"])
    version = place.service.publish(inside("sample"))
    manifest = place.service.http.get(version["url"]).json()
    assert {name: each["source"] for name, each in manifest["evidence"].items()} == {
        "counts": "sample",
        "years": "request",
    }
    assert place.service.post(manifest["request"]).status_code == 200


def test_a_look_at_an_unknown_source_names_the_same(place: Place) -> None:
    answer = place.service.http.post(
        "/v1/sources/wimbd-c5/counts", json={"names": ["cat"]}, headers={"Prefer": "wait=60"}, timeout=90
    )

    assert (answer.status_code, answer.json()["code"]) == (404, "source_not_found")
    assert_problem(answer)
    assert answer.json()["detail"].startswith(f"There is no source wimbd-c5. Did you mean wimbd-c4? {ALL}")


def test_known_sources_of_each_kind_are_accepted(place: Place) -> None:
    for source in ("counted", "infini-gram", "sample", "wimbd-c4"):
        assert place.service.publish(request(source, source))["version"] == 1


def test_a_source_that_was_added_a_moment_ago_is_accepted(place: Place) -> None:
    for number in range(3):
        place.index(f"new-index-{number}")
        assert place.post(f"new-index-{number}").status_code == 202
        place.upload(f"new-file-{number}")
        assert place.post(f"new-file-{number}").status_code == 202
        place.configure("infini-gram", "wimbd-c4", f"new-table-{number}")
        assert place.post(f"new-table-{number}").status_code == 202
    place.configure("infini-gram", "wimbd-c4")


def test_a_version_and_an_active_job_stay_when_their_source_is_gone(place: Place) -> None:
    place.configure("infini-gram", "wimbd-c4", "passing")
    version = place.service.publish(request("passing", "kept"))
    hang = Hang()
    place.infini_gram.fail(hang, query="slow")
    counting = request("passing", "counting")
    counting["datasets"][0]["classes"] = ["slow"]
    job = place.service.post(counting)
    until(lambda: "slow" in place.infini_gram.queries, "the job counts")
    place.configure("infini-gram", "wimbd-c4")
    until(lambda: "passing" not in place.reported(), "the source is gone")

    assert place.post("passing", "another").json()["code"] == "source_not_found"
    again = place.post("passing", "kept")
    assert (again.status_code, again.json()["version"]) == (200, version["version"])
    assert place.service.post(counting).headers["Location"] == job.headers["Location"]
    assert place.service.http.delete(job.headers["Location"]).status_code == 202
    place.infini_gram.mend()
    hang.over.set()
    place.service.until_state(job.headers["Location"], "cancelled")
    assert place.service.post(counting).json()["code"] == "source_not_found", "the job is over"


def test_without_a_worker_an_unknown_source_is_accepted_and_its_job_names_all_sources(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Deployment(tmp_path_factory.mktemp("no-worker")) as service:
        answer = service.post(request("c4", "early"))
        assert answer.status_code == 202, answer.text
        service.ready()
        job = service.until_state(answer.headers["Location"], "failed")

        assert job["error"]["code"] == "source_not_configured"
        assert job["error"]["pointers"] == ["/ordering/source"]
        assert job["error"]["detail"].startswith("There is no source c4. The sources are fomo-c4-ranks, infini-gram. ")
