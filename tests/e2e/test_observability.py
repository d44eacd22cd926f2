"""Test request ids and figures on a real service."""

import json
from pathlib import Path

import pytest

from support.deployment import Deployment
from support.keys import KEYS
from support.parsed_metrics import Samples, parsed
from support.requests import random_request
from support.waiting import until


def figures(service: Deployment) -> Samples:
    answer = service.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return parsed(answer.content)


@pytest.mark.parametrize("given", ["rank-7.step_3", "a", "A" * 128])
def test_an_answer_repeats_the_id_of_its_request(service: Deployment, given: str) -> None:
    trace = f"00-{'0a' * 16}-{'0b' * 8}-01"
    for path in ("/v1", "/v1/streams/no-such-stream", "/health/live", "/no/path"):
        answer = service.http.get(path, headers={"X-Request-ID": given, "traceparent": trace})
        assert answer.headers["X-Request-ID"] == given
        assert answer.headers["traceparent"] == trace
        if answer.status_code == 404:
            assert answer.json()["request_id"] == given


@pytest.mark.parametrize("given", ["", "a b", "ä", "A" * 129, "a\tb", "a,b", "<script>"])
def test_any_other_id_is_replaced(service: Deployment, given: str) -> None:
    headers: list[tuple[bytes, bytes]] = [(b"X-Request-ID", given.encode()), (b"traceparent", b"00-xyz-01")]
    answers = [service.http.get("/v1/streams/no-such-stream", headers=headers) for _ in range(2)]
    ids = [answer.headers["X-Request-ID"] for answer in answers]

    assert len({*ids, given}) == 3
    assert [answer.json()["request_id"] for answer in answers] == ids
    assert "traceparent" not in answers[0].headers


def test_answers_that_are_kept_have_ids_of_their_own(service: Deployment) -> None:
    version = service.publish(random_request("kept-answers", seed=1))
    url = f"{version['url']}/tasks/0"
    answers = [service.http.get(url) for _ in range(3)]

    assert len({answer.headers["X-Request-ID"] for answer in answers}) == 3
    assert len({answer.headers["ETag"] for answer in answers}) == 1
    assert all(len(answer.headers.get_list("X-Request-ID")) == 1 for answer in answers)


def test_requests_are_counted_by_route_and_status(service: Deployment) -> None:
    version = service.publish(random_request("counted-requests", seed=2))
    url = f"{version['url']}/tasks/0"
    etag = service.http.get(url).headers["ETag"]
    before = figures(service)
    for _ in range(4):
        assert service.http.get(url).status_code == 200
        assert service.http.get(url, headers={"If-None-Match": etag}).status_code == 304
        assert service.http.head(url).status_code == 200
        assert service.http.get("/no/such/path").status_code == 404
        assert service.http.request("TRACE", "/v1").status_code == 405
    after = figures(service)
    route = "/v1/streams/{name}/versions/{version}/tasks/{task}"

    def grown(method: str, route: str, status: str) -> float:
        key = "concept_orderings_requests_total", (method, route, status)
        return after.get(key, 0) - before.get(key, 0)

    assert grown("GET", route, "200") == 4
    assert grown("GET", route, "304") == 4
    assert grown("HEAD", route, "200") == 4
    assert grown("GET", "other", "404") == 4
    assert grown("other", "/v1", "405") + grown("other", "other", "405") == 4
    seconds = "concept_orderings_request_seconds_count", (route,)
    assert after[seconds] - before[seconds] == 12
    assert after["concept_orderings_redis_up", ()] == 1
    assert after["concept_orderings_workers", ()] == 1
    assert 0 < after["concept_orderings_disk_free_bytes", ()] <= after["concept_orderings_disk_bytes", ()]


def test_jobs_are_counted_by_ordering_and_phase(service: Deployment) -> None:
    ended = "concept_orderings_jobs_total", ("similarity", "succeeded")
    before = figures(service)
    body = {
        "name": "counted-jobs",
        "concepts": [f"CIFAR100+++{each}" for each in ("bear", "otter", "wolf")],
        "ordering": {"kind": "similarity", "encoder": "minilm"},
        "tasks": {"count": 1},
    }
    service.publish(body)
    # The worker reports every few seconds.
    until(lambda: figures(service).get(ended, 0) == before.get(ended, 0) + 1, "the worker has reported the job")
    after = figures(service)

    def grown(name: str, *labels: str) -> float:
        return after.get((name, labels), 0) - before.get((name, labels), 0)

    assert grown("concept_orderings_job_wait_seconds_count", "similarity") == 1
    assert grown("concept_orderings_job_phase_seconds_count", "similarity", "embedding") == 1
    assert grown("concept_orderings_job_phase_seconds_count", "similarity", "arranging") == 1
    assert grown("concept_orderings_cache_lookups_total", "embeddings", "miss") == 3
    assert 0 < grown("concept_orderings_job_wait_seconds_sum", "similarity") < 60


def test_the_queue_is_seen(controlled: Deployment) -> None:
    for seed in range(3):
        controlled.post(random_request(f"waits-{seed}", seed=seed))
    found = figures(controlled)
    assert found["concept_orderings_jobs_queued", ()] == 3
    assert found["concept_orderings_jobs_running", ()] == 0
    assert until(lambda: figures(controlled)["concept_orderings_jobs_oldest_seconds", ()] > 0.2, "jobs grow old")
    assert found["concept_orderings_workers", ()] == 0


def test_the_totals_go_on_when_the_api_is_replaced_and_redis_is_away(controlled: Deployment) -> None:
    url, key = "/v1/orderings", ("concept_orderings_requests_total", ("GET", "/v1/orderings", "200"))
    for _ in range(5):
        controlled.http.get(url)
    assert figures(controlled)[key] >= 5
    controlled.api.process.stop()
    controlled.api.start()
    controlled.http.get(url)
    total = figures(controlled)[key]
    assert total >= 6

    controlled.valkey.kill()
    controlled.http.get(url)
    away = figures(controlled)
    assert away["concept_orderings_redis_up", ()] == 0
    # A smaller number would be a new beginning for Prometheus, which would then count the total once more.
    assert key not in away
    assert ("concept_orderings_jobs_queued", ()) not in away
    controlled.valkey.start()
    until(lambda: figures(controlled)["concept_orderings_redis_up", ()] == 1, "the API finds Valkey again")
    assert figures(controlled)[key] == total + 1


def test_a_damaged_key_of_figures_is_replaced(controlled: Deployment) -> None:
    with controlled.valkey.client() as client:
        client.set(KEYS.figures, "?")
    assert figures(controlled)["concept_orderings_redis_up", ()] == 1
    with controlled.valkey.client() as client:
        assert client.type(KEYS.figures) == b"hash"
        client.hset(KEYS.figures, mapping={"not JSON": "1", '["concept_orderings_jobs"]': "?", "7": "1"})
    assert ("concept_orderings_requests_total", ("GET", "/metrics", "200")) in figures(controlled)


def test_each_line_of_the_log_is_an_object_with_the_id_of_its_request(tmp_path: Path) -> None:
    with Deployment(tmp_path, CONCEPT_ORDERINGS_LOG_FORMAT="json", CONCEPT_ORDERINGS_LOG_LEVEL="debug") as deployment:
        deployment.start_worker()
        deployment.valkey.kill()
        answer = deployment.http.get("/v1/jobs", headers={"X-Request-ID": "who-asks"})
        assert answer.status_code == 503
        lines = [json.loads(line) for line in deployment.api.process.text().splitlines()]
        (about,) = [each for each in lines if each.get("request_id") == "who-asks" and each["level"] == "error"]
        assert about["message"].startswith("GET /v1/jobs: Redis: ")
        until(lambda: "waiting for jobs" in deployment.workers[0].text(), "the worker has started")
        for line in deployment.workers[0].text().splitlines():
            assert {"time", "level", "logger", "message"} <= json.loads(line).keys()
