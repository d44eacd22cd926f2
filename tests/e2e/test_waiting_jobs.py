"""What a job says while it waits and runs: its place in the queue, its attempt, and since when it runs."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from concept_orderings.progress import Phase
from support.deployment import Deployment
from support.optional import needs_numba
from support.processes import ROOT, Process
from support.requests import random_request
from support.waiting import until


def post(service: Deployment, seed: int) -> dict[str, Any]:
    answer = service.post(random_request(f"seed-{seed}", seed=seed))
    assert answer.status_code == 202
    job: dict[str, Any] = answer.json()
    return job


def test_a_queued_job_says_how_many_are_ahead_and_that_no_worker_is_up(controlled: Deployment) -> None:
    posted = [post(controlled, seed) for seed in range(101, 104)]
    places = [{"ahead": ahead, "workers": 0} for ahead in range(3)]
    assert [each["queue"] for each in posted] == places
    assert [controlled.job(each["url"])["queue"] for each in posted] == places
    assert [each["started_at"] for each in posted] == [None] * 3
    assert [each["attempt"] for each in posted] == [0] * 3
    assert controlled.http.delete(posted[0]["url"]).json()["queue"] is None
    assert controlled.job(posted[2]["url"])["queue"] == {"ahead": 1, "workers": 0}
    again = post(controlled, 101)
    assert again["queue"] == {"ahead": 2, "workers": 0}, "a job that is asked for again goes to the end"


def test_jobs_are_done_in_the_order_of_their_places(controlled: Deployment) -> None:
    # The digests, and so the ids, are in no order.
    posted = [post(controlled, seed) for seed in range(10, 16)]
    controlled.start_worker()
    done = [controlled.until_state(each["url"], "succeeded") for each in posted]
    starts = [each["started_at"] for each in done]
    assert starts == sorted(starts)


def test_a_running_job_counts_as_ahead_and_the_worker_is_counted(controlled: Deployment) -> None:
    controlled.hold(301)
    controlled.ready()
    running, queued = post(controlled, 301), post(controlled, 302)
    controlled.until_begun(301)
    assert controlled.job(queued["url"])["queue"] == {"ahead": 1, "workers": 1}
    assert controlled.job(running["url"])["queue"] is None
    controlled.start_worker()
    done = controlled.until_state(queued["url"], "succeeded")
    assert done["queue"] is None, "the second worker has taken it"
    controlled.release(301)


def test_a_job_says_since_when_it_runs_and_when_it_ended(controlled: Deployment) -> None:
    before = datetime.now(UTC)
    controlled.hold(401)
    url = post(controlled, 401)["url"]
    controlled.start_worker()
    controlled.until_begun(401)
    running = controlled.job(url)
    assert (running["attempt"], running["finished_at"]) == (1, None)
    started = running["started_at"]
    assert started.endswith("Z")
    assert datetime.fromisoformat(running["created_at"]) <= datetime.fromisoformat(started) <= datetime.now(UTC)
    controlled.release(401)
    done = controlled.until_state(url, "succeeded")
    assert (done["started_at"], done["attempt"]) == (started, 1)
    assert done["finished_at"] == done["updated_at"].replace("+00:00", "Z")
    assert before <= datetime.fromisoformat(done["started_at"]) <= datetime.fromisoformat(done["finished_at"])


def test_a_job_is_at_its_second_attempt_once_its_worker_was_killed(controlled: Deployment) -> None:
    controlled.hold(501)
    worker = controlled.start_worker()
    url = post(controlled, 501)["url"]
    controlled.until_begun(501)
    first = controlled.job(url)
    worker.kill()
    controlled.start_worker()
    controlled.until_begun(501, 2)
    second = controlled.job(url)
    assert (first["attempt"], second["attempt"]) == (1, 2)
    assert second["started_at"] > first["started_at"]
    controlled.release(501)
    controlled.until_state(url, "succeeded")


def test_a_job_that_a_stopping_worker_gave_back_is_queued_again(controlled: Deployment) -> None:
    controlled.hold(601)
    worker = controlled.start_worker()
    url = post(controlled, 601)["url"]
    post(controlled, 602)
    controlled.until_begun(601)
    worker.stop()
    job = controlled.job(url)
    assert (job["state"], job["started_at"], job["attempt"]) == ("queued", None, 0)
    assert job["queue"]["ahead"] == 0, "it keeps its place"
    until(lambda: controlled.job(url)["queue"]["workers"] == 0, "the stopped worker is not counted")


def test_the_events_of_a_finished_job_have_no_place(controlled: Deployment) -> None:
    controlled.start_worker()
    job = post(controlled, 701)
    done = controlled.until_state(job["url"], "succeeded")
    events = controlled.http.get(job["events_url"]).text
    assert events.count('"state":"queued"') == 1
    assert events.count('"queue":null') == events.count('"state"') >= 3
    assert done["queue"] is None


def test_a_look_at_counts_says_that_no_worker_is_up(controlled: Deployment) -> None:
    url, headers = "/v1/sources/some-source/counts", {"Prefer": "wait=0"}
    answer = controlled.http.post(url, json={"names": ["cat"]}, headers=headers)
    assert answer.status_code == 202
    look = answer.json()
    assert (look["state"], look["workers"], look["phase"], look["started_at"]) == ("queued", 0, None, None)
    assert datetime.fromisoformat(look["created_at"]) <= datetime.now(UTC)


def phases(service: Deployment, url: str) -> list[str]:
    """Return the phases in the events of a job, each once for each time that it began."""
    lines = service.http.get(f"{url}/events").text.splitlines()
    seen = [json.loads(line[5:])["progress"]["phase"] for line in lines if line.startswith("data:")]
    return [phase for before, phase in zip([None, *seen], seen, strict=False) if phase not in (None, before)]


@pytest.mark.slow
@needs_numba
def test_a_first_path_says_that_it_loads_the_encoder_and_compiles(tmp_path: Path) -> None:
    with Deployment(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "numba")) as service:
        service.ready()
        request = {
            "name": "first",
            "datasets": [{"name": "OWN", "classes": [f"class {i}" for i in range(20)], "template": "a {}"}],
            "ordering": {"kind": "similarity", "encoder": "minilm"},
            "tasks": {"count": 2},
        }
        url = service.post(request).headers["Location"]
        compiling = {"phase": "compiling", "done": 0, "total": 0}
        until(lambda: service.job(url)["progress"] == compiling, "it compiles")
        assert service.job(url)["state"] == "running"
        until(lambda: service.job(url)["state"] == "succeeded", "the path is found", deadline=300)
        seen = phases(service, url)
        first = [phase for at, phase in enumerate(seen) if phase not in seen[:at]]
        assert first[:3] == ["loading the encoder", "embedding", "arranging"]
        assert first[-1] == "publishing"
        assert set(first) <= set(Phase)
        again = service.post(request | {"name": "second"}).headers["Location"]
        service.until_state(again, "succeeded")
        assert "compiling" not in phases(service, again)


def test_the_example_says_what_it_waits_for(controlled: Deployment, tmp_path: Path) -> None:
    example = [sys.executable, "-u", "examples/first_stream.py", controlled.api.url]
    client = Process("client", example, {}, tmp_path)
    until(lambda: "no worker is up" in client.text() or client.check(), "the example says that it waits for a worker")
    controlled.start_worker()
    assert client.wait() == 0, client.text()
    assert "first-steps version 1" in client.text()
    again = subprocess.run(example, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "first-steps version 1" in again.stdout
    assert again.stderr == ""


def test_jobs_are_listed_with_their_places(controlled: Deployment) -> None:
    controlled.hold(1)
    controlled.start_worker()
    urls = [controlled.post(random_request(f"listed-{seed}", seed=seed)).headers["Location"] for seed in (1, 2, 3)]
    controlled.until_state(urls[0], "running")
    controlled.http.delete(urls[2])
    first, second, third = controlled.http.get("/v1/jobs").json()["jobs"]
    assert [each["url"] for each in (first, second, third)] == urls
    assert [each["state"] for each in (first, second, third)] == ["running", "queued", "cancelled"]
    assert second["queue"]["ahead"] == 1
    assert first["queue"] is None
    assert first["started_at"].endswith("Z")
    assert (third["name"], third["ordering"], third["error"]) == ("listed-3", "random", None)
    controlled.release(1)
    controlled.until_state(urls[1], "succeeded")
    done = controlled.http.get("/v1/jobs", params={"limit": 2}).json()["jobs"]
    assert {each["stream"]["name"] for each in done if each["stream"]} <= {"listed-1", "listed-2"}
    assert len(done) == 2
    assert controlled.http.get("/v1/jobs", params={"limit": 0}).status_code == 422
