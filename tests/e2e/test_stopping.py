"""SIGTERM while many clients wait: each gets an answer, and the job in work is given back."""

import asyncio
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from store.keys import DEFAULT_NAMESPACE, Keys
from store.queue import open_redis
from store.runs import JOB, Runs, State
from support.deployment import TEST_PATH
from support.processes import ROOT, Process, Valkey
from support.requests import random_request
from support.waiting import until
from support.waiting_clients import Answer, begin_to_post, read_all

CONTROLLED_SERVICE = ROOT / "tests" / "support" / "controlled_service.py"
STOP_SECONDS = 5.0
LATE = 10


class Follower(threading.Thread):
    """A client that follows a job's events until the stream ends."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.began = threading.Event()
        self.ended_cleanly = False
        self._url = url

    def run(self) -> None:
        with httpx.stream("GET", self._url, timeout=60) as answer:
            for _ in answer.iter_lines():
                self.began.set()
        # httpx raises an error if the body ends without its last chunk.
        self.ended_cleanly = True


@contextmanager
def whole_service(directory: Path) -> Iterator[tuple[Process, str]]:
    """Run the launcher whose worker is held by its first job; yield its process and the API's address."""
    control = directory / "control"
    control.mkdir()
    (control / "0.hold").touch()
    command = [sys.executable, str(CONTROLLED_SERVICE), str(directory / "data"), "0"]
    settings = {"CONTROL": str(control), "PYTHONPATH": TEST_PATH, "CONCEPT_ORDERINGS_MAX_ACTIVE_JOBS": "2000"}
    service = Process("serve", command, settings, directory)
    try:
        until(lambda: "Swagger UI: " in service.text() or service.check(), "the service is ready")
        yield service, service.text().split("Swagger UI: ")[1].split("/docs")[0]
    finally:
        service.stop()


def stop_under(directory: Path, clients: int) -> tuple[list[Answer], float]:
    """Stop a service in which one job is in work and clients wait for jobs; return their answers and the seconds.

    Others post just before the signal.
    """
    bodies = [random_request(f"waits-{seed}", seed=seed) for seed in range(clients)]
    late = [random_request(f"late-{seed}", seed=seed) for seed in range(LATE)]
    with whole_service(directory) as (service, url):
        with httpx.Client(base_url=url, timeout=60) as http:
            held = http.post("/v1/streams", json=bodies[0]).json()["url"]
            until(lambda: http.get(held).json()["state"] == "running", "the first job is in work")
            follower = Follower(f"{url}{held}/events")
            follower.start()
            follower.began.wait(30)

            def until_accepted() -> None:
                until(lambda: len(http.get("/v1/jobs?limit=1000").json()["jobs"]) == clients, "all jobs are accepted")

            async def stop() -> tuple[list[Answer], float]:
                port = int(url.rpartition(":")[2])
                waiting = await begin_to_post(port, bodies)
                await asyncio.to_thread(until_accepted)
                just_before = await begin_to_post(port, late)
                began = time.monotonic()
                service.signal(signal.SIGTERM)
                assert await asyncio.to_thread(service.wait) == 0
                seconds = time.monotonic() - began
                return [*await read_all(waiting), *await read_all(just_before)], seconds

            answers, seconds = asyncio.run(stop())
        follower.join(30)
    assert follower.ended_cleanly
    for each in (directory / "data" / "logs").glob("*.log"):
        assert "Traceback" not in each.read_text(), each.name
    assert asyncio.run(_state(directory / "data", held.rpartition("/")[2])) is State.QUEUED
    return answers, seconds


async def _state(data: Path, job: str) -> State | None:
    valkey = Valkey(durable=True, data=data / "valkey")
    try:
        async with open_redis(valkey.url) as redis:
            record = await Runs(redis, Keys(DEFAULT_NAMESPACE), JOB).get(job)
            return None if record is None else record.state
    finally:
        valkey.close()


@pytest.mark.parametrize("clients", [50, pytest.param(1000, marks=pytest.mark.faults)])
def test_clients_that_wait_get_202_when_the_service_stops(tmp_path: Path, clients: int) -> None:
    answers, seconds = stop_under(tmp_path, clients)
    statuses = Counter(each.status for each in answers)
    print(f"{statuses}; from SIGTERM to the end of serve {seconds:.1f} s")
    assert statuses == {202: clients + LATE}
    assert all(each.fields["location"].startswith("/v1/jobs/") for each in answers)
    assert seconds < STOP_SECONDS
