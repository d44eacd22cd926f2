"""Programs are killed and stopped at any moment: no request is lost, and none gets two versions."""

import os
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import redis

from store.runs import JOB
from support.deployment import Deployment
from support.keys import KEYS
from support.requests import random_request
from support.waiting import until

TINY_DISK = "size=400k"


def versions(service: Deployment, name: str) -> list[int]:
    return [each["version"] for each in service.http.get(f"/v1/streams/{name}").json()["versions"]]


def test_the_next_worker_finishes_the_job_of_a_killed_one(controlled: Deployment) -> None:
    controlled.hold(1)
    worker = controlled.start_worker()
    job = controlled.post(random_request("killed", seed=1)).headers["Location"]
    controlled.until_begun(1)
    worker.kill()
    controlled.release(1)
    controlled.start_worker()
    assert controlled.until_state(job, "succeeded", "failed")["stream"]["version"] == 1
    assert len(controlled.begun(1)) == 2
    assert versions(controlled, "killed") == [1]


def test_a_job_that_kills_its_worker_three_times_fails(controlled: Deployment) -> None:
    (controlled.control / "2.die").touch()
    workers = [controlled.start_worker()]
    job = controlled.post(random_request("deadly", seed=2)).headers["Location"]

    def final() -> bool:
        if not workers[-1].running():
            workers.append(controlled.start_worker())
        return bool(controlled.job(job)["state"] == "failed")

    until(final, "the job has failed")
    error = controlled.job(job)["error"]
    assert error["code"] == "job_crashed"
    assert "post the request again" in error["detail"]
    assert len(controlled.begun(2)) == 3
    assert controlled.http.get("/v1/streams/deadly").status_code == 404
    # Other jobs go on, and so does this one once the cause is removed.
    assert controlled.publish(random_request("harmless"))["version"] == 1
    (controlled.control / "2.die").unlink()
    assert controlled.publish(random_request("deadly", seed=2))["version"] == 1


def test_a_stopped_worker_gives_its_job_back(controlled: Deployment) -> None:
    controlled.hold(3)
    first = controlled.start_worker()
    job = controlled.post(random_request("stopped", seed=3)).headers["Location"]
    controlled.until_begun(3)
    assert first.stop() == 0, first.text()
    assert controlled.job(job)["state"] == "queued"
    controlled.release(3)
    controlled.start_worker()
    assert controlled.until_state(job, "succeeded", "failed")["state"] == "succeeded"
    assert versions(controlled, "stopped") == [1]


def test_stopping_workers_does_not_count_as_attempts(controlled: Deployment) -> None:
    controlled.hold(4)
    job = ""
    for times in range(1, 5):
        worker = controlled.start_worker()
        job = job or controlled.post(random_request("patient", seed=4)).headers["Location"]
        controlled.until_begun(4, times)
        assert worker.stop() == 0
    controlled.release(4)
    controlled.start_worker()
    assert controlled.until_state(job, "succeeded", "failed")["state"] == "succeeded"


def test_an_idle_worker_stops_at_once(controlled: Deployment) -> None:
    controlled.ready()
    worker = controlled.workers[0]
    worker.signal(signal.SIGINT)
    assert worker.wait() == 0, worker.text()


def test_a_running_job_is_cancelled_and_can_be_posted_again(controlled: Deployment) -> None:
    controlled.hold(5)
    controlled.start_worker()
    request = random_request("cancelled", seed=5)
    job = controlled.post(request).headers["Location"]
    controlled.until_begun(5)
    answer = controlled.http.delete(job)
    assert answer.status_code == 202
    assert answer.json()["cancel_requested"]
    assert controlled.until_state(job, "cancelled", "succeeded", "failed")["state"] == "cancelled"
    assert controlled.http.delete(job).status_code == 200, "the job is cancelled already"
    assert controlled.http.get("/v1/streams/cancelled").status_code == 404
    controlled.release(5)
    assert controlled.publish(request)["version"] == 1


def test_a_queued_job_is_cancelled_at_once(controlled: Deployment) -> None:
    request = random_request("queued", seed=6)
    job = controlled.post(request).headers["Location"]
    answer = controlled.http.delete(job)
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    controlled.start_worker()
    assert controlled.publish(random_request("after"))["version"] == 1
    assert controlled.job(job)["state"] == "cancelled"
    assert controlled.begun(6) == []
    assert controlled.publish(request)["version"] == 1


def test_a_job_stays_cancelled_if_its_worker_dies(controlled: Deployment) -> None:
    controlled.hold(7)
    worker = controlled.start_worker()
    job = controlled.post(random_request("both", seed=7)).headers["Location"]
    controlled.until_begun(7)
    worker.signal(signal.SIGSTOP)
    assert controlled.http.delete(job).status_code == 202
    worker.kill()
    controlled.start_worker()
    assert controlled.until_state(job, "cancelled", "succeeded", "failed")["state"] == "cancelled"
    assert len(controlled.begun(7)) == 1


def test_a_job_that_waits_for_its_next_attempt_is_cancelled_at_once(tmp_path: Path) -> None:
    with Deployment(tmp_path, controlled=True, RETRY_MILLISECONDS="600000") as service:
        (service.control / "8.fail").write_text("source_unavailable")
        service.start_worker()
        job = service.post(random_request("waiting", seed=8)).headers["Location"]
        service.until_begun(8)
        service.until_state(job, "queued")
        answer = service.http.delete(job)
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        (service.control / "8.fail").unlink()
        assert service.publish(random_request("waiting", seed=8))["version"] == 1


@pytest.mark.parametrize(
    ("seed", "fails", "times", "code"),
    [
        (91, "source_unavailable", 3, "source_unavailable"),
        (92, "source_damaged", 1, "source_damaged"),
        (93, "a bug", 3, "internal_error"),
    ],
)
def test_a_failed_job_has_its_error_and_can_be_posted_again(
    controlled: Deployment, seed: int, fails: str, times: int, code: str
) -> None:
    (controlled.control / f"{seed}.fail").write_text(fails)
    controlled.start_worker()
    request = random_request(f"failing-{seed}", seed=seed)
    job = controlled.post(request).headers["Location"]
    error = controlled.until_state(job, "failed", "succeeded")["error"]
    assert error["code"] == code
    assert error["detail"].endswith(".")
    assert len(controlled.begun(seed)) == times
    assert controlled.job(job)["error"] == error, "the error is kept"
    conflict = controlled.http.delete(job)
    assert (conflict.status_code, conflict.json()["code"]) == (409, "job_finished")
    (controlled.control / f"{seed}.fail").unlink()
    assert controlled.publish(request)["version"] == 1
    assert controlled.job(job)["error"] is None


def test_fifty_clients_post_the_same_request_at_the_same_time(controlled: Deployment) -> None:
    controlled.ready()
    request = random_request("same", seed=10)
    start = threading.Barrier(50)

    def ask(_: int) -> httpx.Response:
        start.wait()
        return httpx.post(f"{controlled.api.url}/v1/streams", json=request, timeout=60)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))
    assert {each.status_code for each in answers} <= {200, 202}
    [job] = {each.headers["Location"] for each in answers if each.status_code == 202}
    controlled.until_state(job, "succeeded")
    until(lambda: controlled.post(request).status_code == 200, "the version is found")
    assert versions(controlled, "same") == [1]
    assert len(controlled.begun(10)) == 1


def test_twenty_requests_with_one_name_at_the_same_time_get_twenty_numbers(controlled: Deployment) -> None:
    for _ in range(3):
        controlled.ready()

    def ask(seed: int) -> int:
        headers = {"Prefer": "wait=60"}
        body = random_request("many", seed=seed)
        answer = httpx.post(f"{controlled.api.url}/v1/streams", json=body, headers=headers, timeout=90)
        version: int = answer.json()["version"]
        return version

    with ThreadPoolExecutor(20) as pool:
        numbers = list(pool.map(ask, range(100, 120)))
    assert sorted(numbers) == list(range(1, 21))
    assert versions(controlled, "many") == list(range(1, 21))
    assert [controlled.post(random_request("many", seed=seed)).json()["version"] for seed in range(100, 120)] == numbers


def test_a_full_queue_is_429_with_retry_after(tmp_path: Path) -> None:
    with Deployment(tmp_path, controlled=True, CONCEPT_ORDERINGS_MAX_ACTIVE_JOBS="2") as service:
        jobs = [service.post(random_request("full", seed=seed)).headers["Location"] for seed in range(2)]
        keys = service.valkey.keys()
        refused = service.post(random_request("full", seed=2))
        assert (refused.status_code, refused.json()["code"]) == (429, "queue_full")
        assert int(refused.headers["Retry-After"]) > 0
        assert service.valkey.keys() == keys
        several = service.post({**random_request("several"), "variants": 2})
        assert (several.status_code, several.json()["code"]) == (429, "queue_full")
        assert service.valkey.keys() == keys, "none of several is accepted"
        never = service.post({**random_request("several"), "variants": 3})
        assert (never.status_code, never.json()["code"]) == (422, "bad_variants")
        assert service.post(random_request("full", seed=1)).headers["Location"] == jobs[1]
        service.http.delete(jobs[0])
        assert service.post(random_request("full", seed=2)).status_code == 202


def test_without_redis_versions_are_served_and_jobs_continue_later(controlled: Deployment) -> None:
    controlled.start_worker()
    version = controlled.publish(random_request("away", seed=11))
    controlled.hold(12)
    job = controlled.post(random_request("away", seed=12)).headers["Location"]
    controlled.until_begun(12)
    manifest = controlled.http.get(version["url"]).content
    controlled.valkey.kill()

    assert controlled.http.get(version["url"]).content == manifest
    assert controlled.http.get(version["tasks"][0]["url"]).status_code == 200
    assert controlled.http.get("/v1/streams").json()["streams"][0]["latest_version"] == 1
    assert controlled.http.get("/v1/streams/away/versions/latest").status_code == 307
    assert controlled.post(random_request("away", seed=11)).status_code == 200
    assert controlled.http.get("/health/live").status_code == 200
    ready = controlled.http.get("/health/ready")
    assert (ready.status_code, ready.json()["redis"]) == (503, False)
    for answer in (
        controlled.post(random_request("away", seed=13)),
        controlled.http.get(job),
        controlled.http.get(f"{job}/events"),
        controlled.http.delete(job),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "redis_unavailable"), answer.text
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Content-Type"] == "application/problem+json"

    controlled.valkey.start()
    controlled.release(12)
    assert controlled.until_state(job, "succeeded", "failed")["state"] == "succeeded"
    assert controlled.publish(random_request("away", seed=13))["version"] == 3
    until(lambda: controlled.http.get("/health/ready").status_code == 200, "the service is ready again")
    assert all(each.running() for each in controlled.workers)


def fill_with_embeddings(client: "redis.Redis") -> None:
    """Fill the memory of a server as a worker of 0.1.0 does, and then to the last kilobyte."""
    with suppress(redis.OutOfMemoryError):
        for i in range(10_000):
            client.hset(KEYS.embeddings("f" * 64), mapping={f"{i}-{j}": bytes(6148) for j in range(99)})
    for i in range(10_000):
        client.set(f"pad-{i}", bytes(1000))


def test_embeddings_that_fill_redis_give_way_to_jobs(controlled: Deployment) -> None:
    """As a worker of 0.1.0 leaves them, whose embeddings never expire."""
    with controlled.valkey.client() as client:
        used = client.info("memory")["used_memory"]
        client.config_set("maxmemory", used + 20_000_000)
        try:
            with pytest.raises(redis.OutOfMemoryError):
                fill_with_embeddings(client)
            # 0.1.0 has written no format.
            client.delete(KEYS.format)
            refused = controlled.post(random_request("full-redis", seed=21))
            assert (refused.status_code, refused.json()["code"]) == (503, "redis_unavailable")
            controlled.start_worker()
            until(lambda: controlled.http.get("/health/ready").status_code == 200, "there is room for a worker")
            assert controlled.publish(random_request("full-redis", seed=21))["version"] == 1
            assert not client.exists(KEYS.embeddings("f" * 64))
        finally:
            client.config_set("maxmemory", 0)


def test_the_api_starts_before_redis(controlled: Deployment) -> None:
    controlled.ready()
    version = controlled.publish(random_request("early", seed=14))
    controlled.valkey.kill()
    controlled.api.process.kill()
    controlled.api.start()
    assert controlled.http.get(version["url"]).status_code == 200
    assert controlled.post(random_request("early", seed=15)).status_code == 503
    controlled.valkey.start()
    assert controlled.publish(random_request("early", seed=15))["version"] == 2


def test_a_worker_starts_before_redis(controlled: Deployment) -> None:
    controlled.valkey.kill()
    worker = controlled.start_worker()
    until(lambda: "onnect" in worker.text() or worker.check(), "the worker has tried to connect")
    controlled.valkey.start()
    until(lambda: controlled.http.get("/health/ready").status_code == 200, "the service is ready")
    assert worker.running()


def test_versions_have_the_same_bytes_after_a_restart_of_everything(controlled: Deployment) -> None:
    worker = controlled.start_worker()
    published = [controlled.publish(random_request("kept", seed=seed)) for seed in (16, 17)]
    urls = [url for each in published for url in (each["url"], each["export_url"], *(t["url"] for t in each["tasks"]))]
    before = {url: (controlled.http.get(url).content, controlled.http.get(url).headers["ETag"]) for url in urls}
    stored = controlled.objects()
    worker.kill()
    controlled.api.process.kill()
    controlled.valkey.kill()
    controlled.valkey.start()
    controlled.api.start()
    controlled.start_worker()
    assert {url: (controlled.http.get(url).content, controlled.http.get(url).headers["ETag"]) for url in urls} == before
    assert controlled.post(random_request("kept", seed=16)).status_code == 200
    assert controlled.publish(random_request("kept", seed=18))["version"] == 3
    assert stored.items() <= controlled.objects().items()


def test_an_accepted_job_survives_a_restart_of_valkey(controlled: Deployment) -> None:
    job = controlled.post(random_request("accepted", seed=19)).headers["Location"]
    controlled.valkey.kill()
    controlled.valkey.start()
    controlled.start_worker()
    assert controlled.until_state(job, "succeeded", "failed")["state"] == "succeeded"


def test_the_api_stops_within_seconds_while_clients_follow_events(controlled: Deployment) -> None:
    job = controlled.post(random_request("followed", seed=20)).headers["Location"]
    with controlled.http.stream("GET", f"{job}/events") as events:
        assert next(events.iter_lines()) != ""
        controlled.api.process.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_fails_the_job_and_the_error_says_what_to_do(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.system(f"mount -t tmpfs -o {TINY_DISK} none {disk} 2>/dev/null") != 0:
        pytest.skip("a small disk cannot be mounted here")
    try:
        with Deployment(
            tmp_path,
            controlled=True,
            CONCEPT_ORDERINGS_STREAMS_URL=str(disk),
            CONCEPT_ORDERINGS_MIN_FREE_MB="0",
        ) as service:
            service.start_worker()
            assert service.publish(random_request("small"))["version"] == 1
            large = service.post(random_request("large", concepts=20_000)).headers["Location"]
            error = service.until_state(large, "failed", "succeeded")["error"]
            assert error["code"] == "store_full"
            assert "Free some space" in error["detail"]
            assert service.http.get("/v1/streams/large").status_code == 404
            assert service.post(random_request("small")).status_code == 200
            assert [each.name for each in (disk / ".tmp").iterdir()] == []
    finally:
        os.system(f"umount {disk}")


def test_three_hundred_ranks_wait_for_the_same_job(controlled: Deployment) -> None:
    """More than the pool has connections; clients that do not wait are served meanwhile."""
    controlled.hold(11)
    controlled.start_worker()
    request = random_request("awaited", seed=11)
    job = controlled.post(request).headers["Location"]
    controlled.until_begun(11)
    waiting = threading.Semaphore(0)

    def wait(_: int) -> httpx.Response:
        waiting.release()
        headers = {"Prefer": "wait=120"}
        return httpx.post(f"{controlled.api.url}/v1/streams", json=request, headers=headers, timeout=180)

    with ThreadPoolExecutor(300) as pool:
        answers = [pool.submit(wait, each) for each in range(300)]
        for _ in range(300):
            waiting.acquire()
        assert controlled.http.get("/health/ready").status_code == 200
        assert controlled.job(job)["state"] == "running"
        assert not any(each.done() for each in answers)
        controlled.release(11)
        assert {each.result().status_code for each in answers} <= {200, 201}
    assert {each.result().json()["version"] for each in answers} == {1}
    assert len(controlled.begun(11)) == 1


def test_a_version_removed_from_the_store_is_made_again(controlled: Deployment) -> None:
    controlled.start_worker()
    request = random_request("removed", seed=15)
    first = controlled.publish(request)
    shutil.rmtree(controlled.data / "streams/streams/removed")
    answer = controlled.post(request, wait=60)
    assert answer.status_code == 201, answer.text
    assert {**answer.json(), "created_at": ""} == {**first, "created_at": ""}


def test_posting_again_after_a_cancellation_starts_at_once(controlled: Deployment) -> None:
    controlled.hold(12)
    controlled.start_worker()
    request = random_request("again", seed=12)
    job = controlled.post(request).headers["Location"]
    controlled.until_begun(12)
    assert controlled.http.delete(job).status_code == 202
    assert controlled.post(request).headers["Location"] == job
    controlled.until_begun(12, 2)
    controlled.release(12)
    assert controlled.until_state(job, "succeeded", "failed", "cancelled")["state"] == "succeeded"
    assert versions(controlled, "again") == [1]


def test_a_waiting_client_does_not_get_an_earlier_failure(controlled: Deployment) -> None:
    (controlled.control / "13.fail").write_text("source_not_configured")
    controlled.start_worker()
    request = random_request("better", seed=13)
    failed = controlled.post(request, wait=60)
    problem = failed.json()
    assert (failed.status_code, problem["code"]) == (424, "source_not_configured")
    assert problem["pointers"] == ["/ordering/seed"]
    assert controlled.job(failed.headers["Location"])["error"]["code"] == "source_not_configured"
    (controlled.control / "13.fail").unlink()
    answer = controlled.post(request, wait=60)
    assert (answer.status_code, answer.json()["version"]) == (201, 1)


def test_a_job_that_the_queue_has_lost_is_queued_again(controlled: Deployment) -> None:
    job = controlled.post(random_request("lost", seed=14)).headers["Location"]
    with redis.Redis.from_url(controlled.valkey.url) as client:
        lost = client.keys(KEYS.waiting(JOB.name) + "*")
        assert client.delete(*lost) >= 1
    controlled.start_worker()
    assert controlled.until_state(job, "succeeded", "failed")["state"] == "succeeded"


def test_redis_is_lost_alone(controlled: Deployment) -> None:
    controlled.ready()
    version = controlled.publish(random_request("lost-alone", seed=1))
    controlled.hold(2)
    job = controlled.post(random_request("lost-alone", seed=2)).headers["Location"]
    controlled.until_begun(2)
    with controlled.valkey.client() as client:
        client.flushall()
    controlled.release(2)
    assert controlled.http.get(version["url"]).status_code == 200
    assert controlled.post(random_request("lost-alone", seed=1)).status_code == 200
    assert controlled.http.get(job).status_code == 404
    # The request is posted again; no version is made twice, whether or not the job that was lost has made it.
    again = controlled.publish(random_request("lost-alone", seed=2))
    assert again["version"] == 2
    assert controlled.publish(random_request("lost-alone", seed=3))["version"] == 3
    assert [each["version"] for each in controlled.http.get("/v1/streams/lost-alone").json()["versions"]] == [1, 2, 3]
