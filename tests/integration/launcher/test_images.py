"""The commands of the images, run by hand: each keeps its program running."""

import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import yaml

from support.processes import ROOT, Process, Valkey
from support.waiting import until

PROGRAMS = {"api": "app", "worker": "worker"}
HUNG_SECONDS = 60.0


def command(image: str) -> list[str]:
    """Return the command of an image, for this machine."""
    (found,) = re.findall(r"^CMD (.*)$", (ROOT / "docker" / f"{image}.Dockerfile").read_text(), flags=re.MULTILINE)
    python, *arguments = yaml.safe_load(found)
    assert python == "python"
    return [sys.executable, *arguments]


class Container:
    """The first process of an image, and what it starts."""

    def __init__(self, image: str, directory: Path, valkey: Valkey, *arguments: str, **settings: str) -> None:
        environment = {"REDIS_URL": valkey.url, "CONCEPT_ORDERINGS_DATA_DIR": str(directory / "data"), **settings}
        self.process = Process(image, [*command(image), *arguments], environment, directory)
        self.image = image

    def children(self) -> set[psutil.Process]:
        """Return the programs that it runs; without a child that has not become its program yet."""
        found = set()
        for each in psutil.Process(self.process.pid).children():
            try:
                if each.cmdline()[1:4] == ["-P", "-m", PROGRAMS[self.image]]:
                    found.add(each)
            except psutil.NoSuchProcess:
                pass
        return found

    def replaced(self, old: psutil.Process, number: int) -> bool:
        self.process.check()
        found = self.children()
        return len(found) == number and old not in found


Start = Callable[..., Container]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    valkey = Valkey(durable=False)
    started: list[Container] = []

    def begin(image: str, *arguments: str, **settings: str) -> Container:
        started.append(Container(image, tmp_path, valkey, *arguments, **settings))
        return started[-1]

    yield begin
    for each in started:
        each.process.stop()
    valkey.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def lives(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/live").status_code == 200
    except httpx.TransportError:
        return False


def test_the_api_s_image_keeps_its_processes_running_and_stops_them(start: Start) -> None:
    port = free_port()
    api = start("api", "--host", "127.0.0.1", "--port", str(port), CONCEPT_ORDERINGS_PROCESSES="2")
    until(lambda: lives(port) and len(api.children()) == 2, "two processes run")
    old = min(api.children(), key=lambda each: each.pid)
    old.kill()
    until(lambda: api.replaced(old, 2), "it has a successor")
    until(lambda: lives(port), "the API answers")
    children = api.children()
    assert api.process.stop() == 0
    assert not any(each.is_running() for each in children)
    assert "Process 1 of the API stopped (killed by SIGKILL); starting it again in 0.2 s." in api.process.text()


def test_the_worker_s_image_stops_its_worker(start: Start) -> None:
    worker = start("worker")
    until(lambda: "waiting for jobs" in worker.process.text() or worker.process.check(), "the worker runs")
    (child,) = worker.children()
    assert worker.process.stop() == 0
    assert not child.is_running()
    assert "stopping" in worker.process.text()


def test_an_image_with_a_wrong_setting_ends(start: Start) -> None:
    api = start("api", CONCEPT_ORDERINGS_PROCESSES="0")
    assert api.process.wait() == 1
    assert api.process.text() == "CONCEPT_ORDERINGS_PROCESSES: a number from 1 to 64 is needed.\n"


@pytest.mark.faults
def test_what_hangs_in_an_image_is_replaced_within_a_minute(start: Start) -> None:
    port = free_port()
    api = start("api", "--host", "127.0.0.1", "--port", str(port))
    worker = start("worker")
    until(lambda: lives(port), "the API answers")
    until(lambda: "waiting for jobs" in worker.process.text(), "the worker runs")
    old = {each: next(iter(each.children())) for each in (api, worker)}
    begun = time.monotonic()
    for child in old.values():
        child.send_signal(signal.SIGSTOP)
    seconds: dict[str, float] = {}

    def all_replaced() -> bool:
        for each, child in old.items():
            if each.image not in seconds and each.replaced(child, 1):
                seconds[each.image] = time.monotonic() - begun
        return len(seconds) == len(old)

    until(all_replaced, "both are replaced", deadline=2 * HUNG_SECONDS)
    until(lambda: lives(port), "the API answers")
    print(f"replaced after seconds: {seconds}")
    assert max(seconds.values()) < HUNG_SECONDS
