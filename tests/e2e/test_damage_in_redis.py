"""Keys of a wrong type and damaged records in Redis: other jobs go on, and the damaged one can be posted again."""

from functools import partial
from itertools import count
from typing import Any

import pytest
import redis

from store.queue import TASK
from store.runs import JOB
from support.deployment import Deployment
from support.keys import KEYS
from support.requests import random_request
from support.waiting import until

# The first of the seeds that a test may use: the API and its versions are those of the whole module.
FIRST_SEEDS = count(1000, 100)
QUEUE = KEYS.queue(JOB.name)
KIND = JOB.name


@pytest.fixture
def first() -> int:
    """The first of a hundred seeds that no other test uses."""
    return next(FIRST_SEEDS)


def accepted(service: Deployment, first: int, jobs: int) -> list[str]:
    """Post requests with the seeds from `first`; return the URLs of their jobs."""
    bodies = [random_request(f"job-{seed}", seed=seed) for seed in range(first, first + jobs)]
    return [service.post(body).headers["Location"] for body in bodies]


def spoil(client: "redis.Redis", key: str | bytes) -> None:
    """Write another type under a key than it has."""
    kind: Any = client.type(key)
    client.delete(key)
    if kind == b"string":
        client.sadd(key, "?")
    else:
        client.set(key, "?")


def assert_done(service: Deployment, jobs: list[str]) -> None:
    """Wait until jobs have succeeded; until a worker has removed a damaged key, the API may answer 503."""

    def over(url: str) -> str | None:
        answer = service.http.get(url)
        state: str = answer.json().get("state", "unavailable")
        return state if state in ("succeeded", "failed") else None

    for url in jobs:
        assert until(partial(over, url), f"{url} is over") == "succeeded"


def publish_again(service: Deployment, seed: int) -> None:
    """Post a request until its version is there: a worker may have to find the damage first."""
    body = random_request(f"job-{seed}", seed=seed)
    until(lambda: service.post(body, wait=5).status_code in (200, 201), f"job-{seed} has its version")


@pytest.mark.parametrize("part", ["record", "request", "events", "runs"])
def test_a_key_of_another_type_of_one_job_stops_no_other(controlled: Deployment, first: int, part: str) -> None:
    damaged, *others = accepted(controlled, first, 6)
    identifier = damaged.rpartition("/")[2]
    with controlled.valkey.client() as client:
        # Without the queue's entries, each job has to be queued again by the worker.
        client.delete(f"{QUEUE}:stream")
        for key in client.keys(f"{QUEUE}:runs:*"):
            client.delete(key)
        names = {
            "record": KEYS.record(KIND, identifier),
            "request": KEYS.request(KIND, identifier),
            "events": KEYS.events(KIND, identifier),
            "runs": f"{QUEUE}:runs:{identifier}:1",
        }
        spoil(client, names[part])
    worker = controlled.start_worker()
    assert_done(controlled, others)
    assert_done(controlled, accepted(controlled, first + 6, 3))
    publish_again(controlled, first)
    assert worker.running()


@pytest.mark.parametrize("fields", [{"about": "no JSON"}, {"run": "?"}, {"total": "?"}, {"state": "?"}], ids=str)
def test_a_damaged_record_stops_no_other(controlled: Deployment, first: int, fields: dict[str, str]) -> None:
    damaged, *others = accepted(controlled, first, 4)
    with controlled.valkey.client() as client:
        client.hset(KEYS.record(KIND, damaged.rpartition("/")[2]), mapping=fields)
    answer = controlled.http.get(damaged)
    assert (answer.status_code, answer.json()["code"]) == (500, "record_damaged")
    worker = controlled.start_worker()
    assert_done(controlled, others)
    publish_again(controlled, first)
    assert_done(controlled, [damaged])
    assert worker.running()


@pytest.mark.parametrize("when", ["before the worker starts", "while it runs"])
@pytest.mark.parametrize("name", ["stream", "queue", "workers", "strikes"])
def test_a_key_of_another_type_of_the_queue_is_removed(
    controlled: Deployment, first: int, name: str, when: str
) -> None:
    jobs = accepted(controlled, first, 3)
    if when == "while it runs":
        controlled.ready()
        assert_done(controlled, jobs)
    with controlled.valkey.client() as client:
        client.delete(f"{QUEUE}:{name}")
        client.set(f"{QUEUE}:{name}", "?")
    if when != "while it runs":
        controlled.start_worker()
    assert_done(controlled, jobs)
    # The API refuses while the queue's key is damaged, and the client posts again.
    publish_again(controlled, first + 7)
    with controlled.valkey.client() as client:
        until(lambda: client.type(f"{QUEUE}:{name}") != b"string", "the key is removed")
    assert controlled.workers[-1].running()


@pytest.mark.parametrize("parked", ["another type", "without fields"])
def test_a_damaged_delayed_task_delays_no_other(controlled: Deployment, first: int, parked: str) -> None:
    with controlled.valkey.client() as client:
        client.zadd(f"{QUEUE}:queue", {"damaged:1": 1.0})
        if parked == "another type":
            client.set(f"{QUEUE}:damaged:1", "?")
        else:
            client.hset(f"{QUEUE}:damaged:1", mapping={"key": "damaged:1", "function": TASK})
    # It fails at its first attempt, and is delayed until the next one.
    (controlled.control / f"{first}.fail").write_text("source_unavailable")
    worker = controlled.start_worker()
    [job] = accepted(controlled, first, 1)
    controlled.until_begun(first)
    (controlled.control / f"{first}.fail").unlink()
    assert_done(controlled, [job])
    assert worker.running()
