"""Requests that are too large for the machine: refused, failed or done, and the service goes on."""

import http.client
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from support.memory_group import MemoryGroup, memory_group
from support.processes import Process
from support.requests import random_request
from support.waiting import until

MB = 1_000_000
LIMIT = 900 * MB
GIGABYTE = 1000 * MB


class Service:
    """`concept-orderings serve` in a control group."""

    def __init__(self, group: MemoryGroup, directory: Path) -> None:
        self.group = group
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=300)
        serve = ["-m", "concept_orderings.cli", "serve", "--port", str(self.port)]
        command = group.command([sys.executable, *serve, "--data-dir", str(directory / "data")])
        # Larger than what the group can hold, as an operator may set it for another machine.
        settings = {"CONCEPT_ORDERINGS_MAX_BODY_BYTES": str(2000 * MB), "CONCEPT_ORDERINGS_DEVICE": "cpu"}
        self.process = Process("serve", command, settings, directory)

    def is_ready(self) -> bool:
        self.process.check()
        try:
            return self.http.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def programs(self) -> dict[int, str]:
        """Return the processes of the service that stay, by id."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        return {each.pid: each.name() for each in found if "app.large_process" not in each.cmdline()}

    def post(self, data: bytes) -> tuple[int, Any]:
        answer = self.http.post("/v1/streams", content=data)
        return answer.status_code, answer.json()

    def end_of(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return a job once it has ended."""

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = self.http.get(job["url"]).json()
            return found if found["state"] in ("succeeded", "failed") else None

        found = until(ended, "the job has ended", deadline=300)
        assert found is not None
        return found


@contextmanager
def service_in(group: MemoryGroup, directory: Path) -> Iterator[Service]:
    service = Service(group, directory)
    try:
        until(service.is_ready, "the service is ready")
        yield service
    finally:
        service.http.close()
        service.process.stop()


def request(concepts: int) -> bytes:
    names = [f"OWN+++a class with a name of some length {i:023d}" for i in range(concepts)]
    return json.dumps({**random_request(f"of-{concepts}"), "concepts": names}).encode()


def send_too_much(service: Service, *, announced: bool) -> tuple[int, Any]:
    """Send a gigabyte, with its size before it or in chunks, as far as it is taken; return the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=300)
    try:
        connection.putrequest("POST", "/v1/streams")
        connection.putheader(*(("Content-Length", str(GIGABYTE)) if announced else ("Transfer-Encoding", "chunked")))
        connection.endheaders()
        names = b'{"concepts": ["' + b'OWN+++a class", "' * 60_000
        with suppress(ConnectionError):  # it was answered before its end
            for _ in range(0, GIGABYTE, len(names)):
                connection.send(names if announced else b"%x\r\n%b\r\n" % (len(names), names))
        answer = connection.getresponse()
        return answer.status, json.load(answer)
    finally:
        connection.close()


@pytest.mark.faults
def test_a_million_concepts_in_900_mb(tmp_path: Path) -> None:
    with memory_group(LIMIT) as group, service_in(group, tmp_path) as service:
        programs = service.programs()
        for announced in (True, False):
            status, answer = send_too_much(service, announced=announced)
            assert (status, answer["code"]) == (413, "body_too_large")
        outcomes = {}
        for concepts in (1_000_000, 400_000, 100_000, 30_000):
            status, answer = service.post(request(concepts))
            if status in (200, 202):
                ended = service.end_of(answer)
                outcomes[concepts] = ended["error"]["code"] if ended["error"] else ended["state"]
            else:
                assert status in (413, 429), answer
                outcomes[concepts] = answer["code"]
        print(outcomes, f"{group.peak / MB:.0f} MB at most, {group.killed} killed")
        assert outcomes[30_000] == "succeeded"
        assert set(outcomes.values()) <= {"succeeded", "not_enough_memory", "busy", "body_too_large"}
        assert service.programs() == programs, "none was started again"
        assert service.http.get("/health/ready").status_code == 200
