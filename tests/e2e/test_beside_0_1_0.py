"""Programs of release 0.1.0 and of this one run beside each other: nothing is lost or doubled."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.deployment import Deployment
from support.processes import Api, Process
from support.release_0_1_0 import Release010
from support.requests import random_request
from support.waiting import until


class Beside(Deployment):
    """A service of this release, and an API of 0.1.0 on the same data; no worker is up yet."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, controlled=True, start_api=False)
        self.old = Release010(directory, self.environment)
        self.old_workers: list[Process] = []
        self.old_api: Api = self.old.start_api()

    def start_old_worker(self) -> Process:
        worker = self.old.start_worker()
        self.old_workers.append(worker)
        return worker

    def close_old(self) -> None:
        for each in self.old_workers:
            each.kill()
        self.old_api.close()

    def start_this(self) -> None:
        """Start the API and a worker of this release."""
        self.api.start()
        self.start_worker()
        until(lambda: self.http.get("/health/ready").status_code == 200, "this release is ready", deadline=90.0)

    def post_old(self, seed: int, **more: Any) -> str:
        """Post a request to the API of 0.1.0; return the URL of the job."""
        answer = self.old_api.http.post("/v1/streams", json=request(seed), **more)
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"]


def request(seed: int) -> dict[str, Any]:
    return random_request(f"seed-{seed}", seed=seed)


def final(http: httpx.Client, url: str) -> dict[str, Any]:
    """Return a job once it is over; the other API may not know it."""

    def over() -> dict[str, Any] | None:
        answer = http.get(url)
        job: dict[str, Any] = answer.json()
        return job if answer.status_code == 200 and job["state"] in ("succeeded", "failed", "cancelled") else None

    job = until(over, f"{url} is over", deadline=90.0)
    assert job is not None
    return job


def until_logged(beside: Beside, sentence: str) -> None:
    until(lambda: sentence in beside.workers[0].text(), f"the worker has logged: {sentence}", deadline=90.0)


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Beside]:
    with Beside(tmp_path) as deployment:
        try:
            yield deployment
        finally:
            deployment.close_old()


def assert_one_version_of_each(beside: Beside, seeds: range) -> None:
    """Check that each request has one version, which both APIs show with the same bytes."""
    for seed in seeds:
        names = {}
        for http in (beside.http, beside.old_api.http):
            listed = http.get(f"/v1/streams/seed-{seed}").json()["versions"]
            assert [each["version"] for each in listed] == [1], seed
            manifest = http.get(listed[0]["url"])
            tasks = [http.get(f"{listed[0]['url']}/tasks/{task}").content for task in range(2)]
            assert http.post("/v1/streams", json=request(seed)).status_code == 200
            names[str(http.base_url)] = (manifest.content, manifest.headers["ETag"], tasks)
        first, second = names.values()
        assert first == second
        manifest_request = json.loads(first[0])["request"]
        assert manifest_request["ordering"]["seed"] == seed


def test_workers_of_0_1_0_finish_what_its_api_has_taken(beside: Beside) -> None:
    beside.hold(0)
    beside.start_old_worker()
    jobs = [beside.post_old(seed) for seed in range(4)]
    beside.until_begun(0)
    beside.start_this()
    # Both APIs take requests now, also the same ones.
    jobs += [beside.post_old(seed) for seed in range(4, 8)]
    new = [beside.post(request(seed)) for seed in range(6, 12)]
    assert {each.status_code for each in new} <= {200, 202}
    for each in new:
        if each.status_code == 202:
            assert final(beside.http, each.headers["Location"])["state"] == "succeeded"
    # The job that its worker holds is left to it.
    assert beside.old_api.http.get(jobs[0]).json()["state"] == "running"
    assert len(beside.begun(0)) == 1
    beside.release(0)
    for url in jobs:
        assert final(beside.old_api.http, url)["state"] == "succeeded"
    assert len(beside.begun(0)) == 1
    assert_one_version_of_each(beside, range(12))
    # The worker looks for programs of 0.1.0 when it queues pending runs again.
    until_logged(beside, "Workers of release 0.1.0 are running")
    until_logged(beside, "APIs of release 0.1.0 are running")

    # Once the programs of 0.1.0 are stopped, this release shows their jobs, too.
    assert beside.old_workers[0].stop() == 0
    beside.old_api.process.stop()
    for url in jobs:
        assert final(beside.http, url)["state"] == "succeeded"


def test_a_job_of_a_killed_worker_of_0_1_0_is_done_by_this_release(beside: Beside) -> None:
    beside.hold(0)
    worker = beside.start_old_worker()
    jobs = [beside.post_old(seed) for seed in range(4)]
    beside.until_begun(0)
    beside.start_this()
    worker.kill()
    beside.release(0)
    for url in jobs:
        assert final(beside.http, url)["state"] == "succeeded"
    assert_one_version_of_each(beside, range(4))


def test_what_an_api_of_0_1_0_takes_without_a_worker_is_done_by_this_release(beside: Beside) -> None:
    beside.start_this()
    # Before and after the first move, and what this release has done before.
    version = beside.publish(request(0))
    assert beside.old_api.http.post("/v1/streams", json=request(0)).json()["digest"] == version["digest"]
    for first in (1, 4, 7):
        jobs = [beside.post_old(seed) for seed in range(first, first + 3)]
        for url in jobs:
            assert final(beside.http, url)["state"] == "succeeded"
            # The API of 0.1.0 does not know where it went; asked again, it finds the version.
            assert beside.old_api.http.get(url).status_code == 404
    # A client that waits there waits in vain, and gets the version when it posts again.
    waited = beside.old_api.http.post("/v1/streams", json=request(30), headers={"Prefer": "wait=8"})
    assert (waited.status_code, waited.json()["state"]) == (202, "queued")
    assert beside.old_api.http.post("/v1/streams", json=request(30)).status_code == 200
    # One that failed here is done again when the API of 0.1.0 is asked for it.
    (beside.control / "20.fail").write_text("source_damaged")
    failed = beside.post(request(20)).headers["Location"]
    assert final(beside.http, failed)["state"] == "failed"
    (beside.control / "20.fail").unlink()
    beside.post_old(20)
    until(lambda: beside.http.get(failed).json()["state"] == "succeeded", "the job has succeeded")
    assert_one_version_of_each(beside, range(10))


def test_workers_of_both_are_killed_while_both_take_requests(beside: Beside) -> None:
    beside.start_old_worker()
    beside.start_this()
    jobs = []
    for seed in range(40):
        jobs.append((beside.old_api.http, beside.post_old(seed)) if seed % 2 else None)
        answer = beside.post(request(seed))
        assert answer.status_code in (200, 202)
        if seed % 10 == 5:
            beside.old_workers[-1].kill()
            beside.start_old_worker()
        if seed % 10 == 9:
            beside.workers[-1].kill()
            beside.start_worker()
    until(
        lambda: all(beside.post(request(seed)).status_code == 200 for seed in range(40)),
        "every request has its version",
        deadline=120.0,
    )
    for http, url in filter(None, jobs):
        assert final(http, url)["state"] == "succeeded"
    assert_one_version_of_each(beside, range(40))
