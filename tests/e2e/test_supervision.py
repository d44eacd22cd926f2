"""What `concept-orderings serve` does when its programs die or hang: all of them are real."""

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import psutil
import pytest

from launcher import valkey
from support.data_of_0_1_0 import ServedData
from support.waiting import until

PROCESSES = ("api", "api-2")
RANDOM = {"ordering": {"kind": "random"}, "tasks": {"count": 2}}
READABLE_SECONDS = 5.0
"""The longest time after a kill until finished versions are read again."""
HUNG_SECONDS = 60.0
"""The longest time until a child that hangs has a successor."""


class Service(ServedData):
    """A service with a finished version."""

    def __init__(self, data: Path, directory: Path) -> None:
        super().__init__(data, directory, CONCEPT_ORDERINGS_PROCESSES=str(len(PROCESSES)))
        self.task = f"{self.made('first')['url']}/tasks/1"

    def made(self, name: str) -> dict[str, Any]:
        """Return a new version."""
        answer = self.post({"name": name, "concepts": [f"set+++concept {number}" for number in range(10)], **RANDOM})
        assert answer.status_code == 201, answer.text
        version: dict[str, Any] = answer.json()
        return version

    def child(self, name: str) -> psutil.Process:
        """Return a child with its start time, by which psutil knows it from a later process with the same id."""
        return psutil.Process(self._pid(name))

    def is_replaced(self, name: str, old: psutil.Process) -> bool:
        return bool(self._pid(name) != old.pid)

    def _pid(self, name: str) -> int:
        return int((self.data / "run" / f"{name}.lock").read_text())

    def is_ready(self) -> bool:
        try:
            return self.http.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def reads(self) -> "Reads":
        """Read all the time, in a block."""
        return Reads(f"{self.http.base_url}".rstrip("/") + self.task)


class Reads:
    """Reads of a task, one after the other, each on a connection of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.good: list[float] = []
        """The times at which reads ended."""
        self.failed = 0

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                assert httpx.get(self._url, timeout=2 * HUNG_SECONDS).status_code == 200
                self.good.append(time.monotonic())
            except httpx.TransportError:
                self.failed += 1
                time.sleep(0.01)

    def next_after(self, moment: float) -> float:
        """Return the seconds from a moment to the end of the first read that ended after it."""
        until(lambda: self.good and self.good[-1] > moment, "a read after the fault")
        return next(each for each in self.good if each > moment) - moment

    def __enter__(self) -> "Reads":
        self._thread.start()
        until(lambda: self.good, "a read")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("logs")) as started:
        yield started


def test_processes_make_one_version_of_one_request(service: Service) -> None:
    """Each request has a connection of its own, which either process may take."""
    body = {"name": "once", "concepts": ["set+++a", "set+++b"], **RANDOM}
    url = service.http.base_url.join("/v1/streams")

    def post(_: int) -> httpx.Response:
        return httpx.post(url, json=body, headers={"Prefer": "wait=60"}, timeout=120.0)

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(post, range(16)))
    assert {answer.json()["digest"] for answer in answers} == {answers[0].json()["digest"]}
    assert [each["version"] for each in service.http.get("/v1/streams/once").json()["versions"]] == [1]


def test_reads_go_on_while_valkey_is_dead_and_jobs_after_it(service: Service) -> None:
    old = service.child("valkey")
    with service.reads() as reads:
        old.kill()
        until(lambda: service.is_replaced("valkey", old) and service.is_ready(), "Valkey is back")
    assert reads.failed == 0
    service.made("after-valkey")


def test_one_process_of_the_api_dies_and_the_other_answers(service: Service) -> None:
    old = service.child("api-2")
    with service.reads() as reads:
        old.kill()
        until(lambda: service.is_replaced("api-2", old), "the process is back")
    # At most the request that it had is lost.
    assert reads.failed <= 1


def seconds_without_reads(service: Service) -> float:
    """Kill all processes of the API; return the seconds until the next read."""
    with service.reads() as reads:
        for each in [service.child(name) for name in PROCESSES]:
            each.kill()
        seconds = reads.next_after(time.monotonic() + 0.01)
    # Connections that come meanwhile wait and are not refused; two may have been accepted by those that died.
    assert reads.failed <= 2
    until(service.is_ready, "the service is ready")
    return seconds


def test_versions_are_read_again_after_the_whole_api_died(service: Service) -> None:
    assert seconds_without_reads(service) > 0


@pytest.mark.faults
def test_versions_are_read_again_within_seconds_after_the_whole_api_died(service: Service) -> None:
    seconds = [seconds_without_reads(service) for _ in range(5)]
    print(f"read again after seconds: {sorted(seconds)}")
    assert max(seconds) < READABLE_SECONDS


def test_a_worker_that_dies_is_replaced(service: Service) -> None:
    old = service.child("worker")
    old.kill()
    service.made("after-the-worker")
    assert service.is_replaced("worker", old)


@pytest.mark.faults
def test_what_hangs_is_replaced_within_a_minute(service: Service) -> None:
    """All programs but one process of the API are stopped at the same time."""
    names = ("api", "worker", "valkey")
    old = {name: service.child(name) for name in names}
    seconds: dict[str, float] = {}
    begun = time.monotonic()
    with service.reads():
        for each in old.values():
            each.send_signal(signal.SIGSTOP)

        def all_replaced() -> bool:
            for name in names:
                if name not in seconds and service.is_replaced(name, old[name]):
                    seconds[name] = time.monotonic() - begun
            return len(seconds) == len(names)

        until(all_replaced, "all are replaced", deadline=2 * HUNG_SECONDS)
        until(lambda: valkey.answers(service.data / "valkey" / "valkey.sock"), "Valkey answers")
        until(service.is_ready, "the service is ready")
    ready = time.monotonic() - begun
    print(f"replaced after seconds: {seconds}; ready after {ready:.1f} s")
    assert max(seconds.values()) < HUNG_SECONDS
    service.made("after-the-hang")
