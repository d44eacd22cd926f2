"""Programs are killed at random moments under load: nothing that a client was told is lost, doubled or changed."""

import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.deployment import Deployment
from support.history import Answer, History, judge
from support.moto_bucket import MotoBucket
from support.requests import random_request
from support.waiting import until

CLIENTS = 4
STREAMS = 8


class Client:
    """Posts requests, some of them again, and reads what it was told of, until it is to stop."""

    def __init__(self, number: int, url: str, history: History, stop: threading.Event) -> None:
        self._chance = random.Random(number)
        self._number = number
        self._history = history
        self._http = httpx.Client(base_url=url, timeout=60, headers={"Accept-Encoding": "identity"})
        self._posted: list[dict[str, Any]] = []
        self._told: list[str] = []
        self._jobs: list[str] = []
        self._stop = stop

    def run(self) -> None:
        with self._http:
            while not self._stop.is_set():
                self._step()

    def _step(self) -> None:
        match self._chance.randrange(8):
            case 0 | 1:
                seed = len(self._posted)
                # Each client has streams of its own; two of them post the same requests.
                name = f"kills-{self._number // 2}-{seed % STREAMS}"
                self._posted.append(random_request(name, seed=seed, concepts=40, tasks=4))
                self._post(self._posted[-1])
            case 2 if self._posted:
                self._post(self._chance.choice(self._posted))
            case 3:
                self._get(self._chance.choice(["/v1/streams", "/v1/jobs", *map("{}/events".format, self._jobs[-5:])]))
            case _ if self._told:
                self._get(self._chance.choice(self._told[-200:]))
            case _:
                self._get("/health/ready")

    def _post(self, body: dict[str, Any]) -> None:
        waits = {"Prefer": "wait=30"} if self._chance.random() < 0.3 else {}
        answer = self._history.ask(self._http, "POST", "/v1/streams", body, **waits)
        if answer.status == 202:
            self._told.append(answer.location)
            self._jobs.append(answer.location)
        elif answer.status in (200, 201):
            self._told += [answer.value["url"], *(each["url"] for each in answer.value["tasks"])]
        self._pause(answer)

    def _get(self, url: str) -> None:
        answer = self._history.ask(self._http, "GET", url)
        if answer.status == 200 and url in self._jobs and (stream := answer.value["stream"]) is not None:
            self._told.append(stream["url"])
        self._pause(answer)

    def _pause(self, answer: Answer) -> None:
        # A service that is away answers at once, and would fill the history.
        self._stop.wait(0.2 if answer.status in (0, 503) else 0.005)


@contextmanager
def load(service: Deployment, history: History) -> Iterator[None]:
    stop = threading.Event()
    clients = [Client(each, service.api.url, history, stop) for each in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(each.run) for each in clients]
        try:
            yield
        finally:
            stop.set()
    for each in running:
        each.result()


def kill(service: Deployment, what: str, chance: random.Random) -> None:
    """Kill programs, or stop the API with SIGTERM, and start them again after a moment."""
    worker = chance.choice(service.workers)
    if what == "stop":
        stop_api(service)
    killed = {
        "worker": [worker],
        "api": [service.api.process],
        "stop": [],
        "valkey": [service.valkey.process],
        "group": [service.api.process, service.valkey.process, *service.workers],
    }[what]
    for each in killed:
        each.kill()
    time.sleep(chance.choice([0.0, 0.1, 0.5]))
    if what in ("valkey", "group"):
        service.valkey.start()
    for each in [each for each in service.workers if not each.running()]:
        service.workers.remove(each)
        service.start_worker()
    if what in ("api", "stop", "group"):
        service.api.start()


def stop_api(service: Deployment) -> None:
    """Stop the API with SIGTERM while its clients wait for jobs: no worker works meanwhile."""
    for each in service.workers:
        each.signal(signal.SIGSTOP)
    time.sleep(0.3)
    service.api.process.stop()
    for each in service.workers:
        each.signal(signal.SIGCONT)


def judge_under_kills(service: Deployment, directory: Path, *, kills: int, workers: int, seconds: float) -> None:
    """Kill programs of a service under load, at most for these seconds, and compare the history with its store."""
    chance = random.Random(kills + workers)
    history = History(directory / "history.jsonl")
    for _ in range(workers - 1):
        service.start_worker()
    service.ready()
    begun, done = time.monotonic(), 0
    with load(service, history):
        while done < kills and time.monotonic() - begun < seconds:
            if chance.random() < 0.75:
                until(lambda: is_ready(service), "the service is ready")
            time.sleep(chance.uniform(0.05, 0.6))
            kill(service, chance.choice(["worker", "worker", "api", "stop", "valkey", "group"]), chance)
            done += 1
        until(lambda: history.read >= 10, "clients read documents")
    history.close()
    until(lambda: is_ready(service), "the service is ready again")
    until(lambda: not _active(service.http), "all jobs have ended")
    verdict = judge(history, service.http)
    print(f"{done} kills, {workers} workers, {time.monotonic() - begun:.0f} s: {verdict}")
    assert verdict.jobs > 0
    assert verdict.documents > 0
    assert verdict.faults == [], verdict


def is_ready(service: Deployment) -> bool:
    return service.http.get("/health/ready").status_code == 200


def _active(http: httpx.Client) -> list[str]:
    jobs = http.get("/v1/jobs", params={"limit": 1000}).json()["jobs"]
    return [each["id"] for each in jobs if each["state"] in ("queued", "running")]


LONG = [pytest.mark.faults, pytest.mark.timeout(2000)]


@pytest.mark.parametrize(
    ("kills", "workers", "seconds"),
    [(3, 2, 10), pytest.param(200, 1, 1500, marks=LONG), pytest.param(200, 3, 1500, marks=LONG)],
)
def test_kills_lose_double_and_change_nothing(kills: int, workers: int, seconds: float, tmp_path: Path) -> None:
    with Deployment(tmp_path) as service:
        judge_under_kills(service, tmp_path, kills=kills, workers=workers, seconds=seconds)


@pytest.mark.faults
@pytest.mark.timeout(2000)
def test_kills_lose_double_and_change_nothing_in_a_bucket(tmp_path: Path) -> None:
    with MotoBucket() as bucket:
        for number in range(50):
            assert len(bucket.creators(f"key-{number}", [bytes([each]) * 1000 for each in range(16)])) == 1
        assert bucket.creators("key-0", [b"late"]) == []
        with Deployment(tmp_path, **bucket.settings) as service:
            judge_under_kills(service, tmp_path, kills=200, workers=2, seconds=1500)
