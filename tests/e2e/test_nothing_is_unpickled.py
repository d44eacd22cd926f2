"""Pickles in every place of Redis that the programs read: none is loaded, and jobs and looks go on."""

import asyncio
import gzip
import json
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from store.docket_codec import encode
from store.queue import TASK, Queue, make_docket
from store.runs import JOB, LOOK
from support.deployment import Deployment
from support.keys import KEYS
from support.plants import bomb, message, plants
from support.processes import ROOT, Process
from support.requests import random_request
from support.waiting import until
from worker.evidence.local_index import build_index

JOBS = KEYS.queue(JOB.name)
QUEUES = (JOBS, KEYS.queue(LOOK.name))


@pytest.fixture(scope="module")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    directory = tmp_path_factory.mktemp("pickles")
    with Deployment(directory, controlled=True, RETRY_MILLISECONDS="1000") as service:
        shard = directory / "texts.json.gz"
        shard.write_bytes(gzip.compress(json.dumps({"text": "a dog"}).encode()))
        build_index([shard], service.data / "indexes" / "local")
        yield service


@pytest.fixture
def place(_place: Deployment) -> Iterator[Deployment]:
    """An API with a local index, and no worker yet."""
    yield _place
    _place.reset()


def plant_all(service: Deployment, directory: Path) -> None:
    """Plant a pickle in every place of both queues; each pickle creates a file of its own if it is loaded."""
    directory.mkdir()
    with service.valkey.client() as redis:
        for queue in QUEUES:
            redis.delete(f"{queue}:leases:redelivery-sweep")
            for place, plant in plants(encode):
                plant(redis, queue, TASK, f"planted-{directory.name}:1", bomb(directory / f"{queue} {place}"))


def waiting(service: Deployment) -> int:
    """Return how many messages are in the streams, or parked."""
    with service.valkey.client() as redis:
        return sum(redis.xlen(f"{queue}:stream") + redis.zcard(f"{queue}:queue") for queue in QUEUES)


def count(service: Deployment, name: str) -> int:
    headers = {"Prefer": "wait=60"}
    answer = service.http.post("/v1/sources/local/counts", json={"names": [name]}, headers=headers, timeout=90)
    assert answer.status_code == 200, answer.text
    found: int = answer.json()["counts"][0]["count"]
    return found


def test_pickles_everywhere_in_both_queues_are_dropped_and_jobs_go_on(place: Deployment, tmp_path: Path) -> None:
    before, meanwhile = tmp_path / "before", tmp_path / "meanwhile"
    plant_all(place, before)
    assert waiting(place) > 2 * 30
    place.ready()
    assert place.publish(random_request("after", seed=1))["version"] == 1
    assert count(place, "dog") == 1
    plant_all(place, meanwhile)
    assert place.publish(random_request("after", seed=2))["version"] == 2
    assert count(place, "cat") == 0
    until(lambda: waiting(place) == 0, "all messages are dropped")

    assert [*before.iterdir(), *meanwhile.iterdir()] == []
    worker = place.workers[0]
    assert worker.running()
    assert "retrying in" not in worker.text(), worker.text()  # its log line after a broken loop
    assert worker.text().count("dropped message") >= 2 * 2 * 10
    assert place.process_is_well()
    # The planted bytes are real pickles.
    pickle.loads(bomb(before / "loaded"))
    assert (before / "loaded").exists()


async def queue_as_an_earlier_release(place: Deployment, job: str) -> None:
    async with make_docket(place.valkey.url, JOBS) as docket:
        await Queue(docket).add(job.rpartition("/")[2], 1)


@pytest.mark.parametrize("field", ["args", "kwargs", "when"])
def test_a_job_with_a_damaged_message_is_done(place: Deployment, tmp_path: Path, field: str) -> None:
    job = place.post(random_request(f"damaged-{field}")).headers["Location"]
    asyncio.run(queue_as_an_earlier_release(place, job))
    with place.valkey.client() as redis:
        [(message_id, found)] = redis.xrange(f"{JOBS}:stream")
        redis.xdel(f"{JOBS}:stream", message_id)
        redis.xadd(f"{JOBS}:stream", {**found, field.encode(): bomb(tmp_path / "loaded")})
    worker = place.start_worker()

    assert place.until_state(job, "succeeded", "failed")["state"] == "succeeded"
    until(lambda: "dropped message" in worker.text(), "the message is dropped")
    assert not (tmp_path / "loaded").exists()


def test_a_dropped_message_is_logged_once_and_deleted(place: Deployment, tmp_path: Path) -> None:
    with place.valkey.client() as redis:
        fields = message(TASK, "planted:1", encode, {"args": bomb(tmp_path / "loaded")})
        redis.xadd(f"{JOBS}:stream", fields)
        worker = place.start_worker()
        until(lambda: redis.xlen(f"{JOBS}:stream") == 0, "the message is dropped")
        pending = redis.xpending(f"{JOBS}:stream", "docket-workers")
    assert pending["pending"] == 0
    assert place.publish(random_request("dropped"))["version"] == 1
    assert worker.text().count("dropped message") == 1


def test_jobs_and_looks_are_queued_retried_delayed_and_struck_where_nothing_can_be_unpickled(place: Deployment) -> None:
    async def instruct(verb: str, look: str) -> None:
        async with make_docket(place.valkey.url, KEYS.queue(LOOK.name)) as docket:
            await getattr(docket, verb)(TASK, "identifier", "==", look)

    def look_at(name: str, seconds: int) -> httpx.Response:
        headers = {"Prefer": f"wait={seconds}"}
        return place.http.post("/v1/sources/local/counts", json={"names": [name]}, headers=headers, timeout=90)

    failing = place.control / "7.fail"
    failing.write_text("not yet")
    job = place.post(random_request("whole", seed=7)).headers["Location"]
    asyncio.run(queue_as_an_earlier_release(place, job))
    assert look_at("bird", 0).status_code == 202
    with place.valkey.client() as redis:
        [struck] = (each.decode() for each in redis.zrange(KEYS.active(LOOK.name), 0, -1))
    asyncio.run(instruct("strike", struck))
    environment = {**place.environment, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    script = str(ROOT / "tests" / "support" / "worker_without_pickle.py")
    place.workers.append(Process("worker", [sys.executable, script], environment, place.directory))

    place.until_begun(7)
    failing.unlink()
    assert place.until_state(job, "succeeded", "failed")["state"] == "succeeded"
    assert len(place.begun(7)) >= 2
    assert count(place, "dog") == 1
    still = look_at("bird", 0)
    assert (still.status_code, still.json()["state"]) == (202, "queued")
    asyncio.run(instruct("restore", struck))
    assert look_at("bird", 60).status_code == 200

    unpickled = place.control / "unpickled"
    assert not unpickled.exists(), unpickled.read_text()
    assert place.workers[-1].running()
