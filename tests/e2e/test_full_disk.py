"""Test that a service whose whole data directory is on a full disk serves what it has, and goes on by itself."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from support.requests import random_request
from support.served import Served
from support.small_disk import small_disk
from support.waiting import until

pytestmark = pytest.mark.faults

VERSIONS = 30
SECONDS = 20.0
"""How long the disk is full, each time."""


def documents(service: Served) -> dict[str, bytes]:
    """Publish versions; return their documents and the lists, by URL."""
    urls = ["/v1/streams", "/v1/streams/kept"]
    for seed in range(VERSIONS):
        version = service.post(random_request("kept", seed=seed), wait=60).json()
        export = f"{version['url']}/export/tasks"
        urls += [version["url"], version["export_url"], export, *(each["url"] for each in version["tasks"])]
    answers = {url: service.http.get(url) for url in urls}
    assert {each.status_code for each in answers.values()} == {200}
    return {url: answer.content for url, answer in answers.items()}


@contextmanager
def reading(service: Served, kept: dict[str, bytes]) -> Iterator[Counter[str]]:
    """Read all documents again and again until the block ends; count the answers that are as they were, and others."""
    seen, over = Counter[str](), threading.Event()

    def read() -> None:
        with httpx.Client(base_url=service.http.base_url, timeout=30.0) as http:
            while not over.is_set():
                for url, content in kept.items():
                    try:
                        answer = http.get(url)
                    except httpx.TransportError as error:
                        seen[type(error).__name__] += 1
                        continue
                    same = (answer.status_code, answer.content) == (200, content)
                    seen["same" if same else f"{answer.status_code} {url}"] += 1

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        over.set()
        reader.join()


def test_a_full_disk_and_a_start_on_it(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", "24m") as disk,
        Served(disk.path / "data", tmp_path, CONCEPT_ORDERINGS_MIN_FREE_MB="2") as service,
    ):
        service.start().until_ready()
        kept = documents(service)
        disk.fill()
        with reading(service, kept) as seen:
            refused = until(lambda: _refused(service, seed=100), "a new request is refused", deadline=10.0)
            assert refused is not None
            assert int(refused.headers["Retry-After"]) > 0
            # Long enough for Valkey to end, and to be started again and again.
            until_over = time.monotonic() + SECONDS
            while time.monotonic() < until_over:
                assert _refused(service, seed=101) is not None
                assert service.post(random_request("kept", seed=0)).status_code == 200
                time.sleep(0.5)
        print(f"reads while the disk was full: {dict(seen)}")
        assert set(seen) == {"same"}
        assert service.stop() == 0

        service.start().until_alive()
        with reading(service, kept) as seen:
            until_over = time.monotonic() + SECONDS
            while time.monotonic() < until_over:
                assert _refused(service, seed=102) is not None
                time.sleep(0.5)
        print(f"reads after a start on the full disk: {dict(seen)}")
        assert set(seen) == {"same"}

        disk.empty()
        freed_at = time.monotonic()
        made = until(lambda: _made(service, seed=103), "a new version is made", deadline=120.0)
        assert made is not None
        print(f"a new version {time.monotonic() - freed_at:.1f} s after there was room")
        assert made["version"] == VERSIONS + 1


def _refused(service: Served, seed: int) -> httpx.Response | None:
    answer = service.post(random_request("kept", seed=seed))
    return answer if (answer.status_code, answer.json().get("code")) == (503, "store_full") else None


def _made(service: Served, seed: int) -> dict[str, int] | None:
    answer = service.post(random_request("kept", seed=seed), wait=10)
    if answer.status_code not in (200, 201):
        return None
    version: dict[str, int] = answer.json()
    return version
