"""Bodies of more than a megabyte: answered like small ones, by a process of its own, within a budget of memory."""

import gzip
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import quantiles
from typing import Any

import psutil
import pytest

from app.bodies import LARGE_BYTES
from support.answers import assert_problem
from support.counts_files import CSV
from support.deployment import Deployment
from support.requests import random_request
from support.waiting import until

MB = 1_000_000
LARGEST = 64 * 1024 * 1024
NAMES = [f"a class with a name of some length {i:05d}" for i in range(30_000)]


def large_request(name: str, **more: Any) -> dict[str, Any]:
    return {**random_request(name), "concepts": [f"OWN+++{each}" for each in NAMES], **more}


def as_bytes(body: object) -> bytes:
    data = json.dumps(body).encode()
    assert len(data) > LARGE_BYTES
    return data


def test_a_large_request_is_answered_like_a_small_one(service: Deployment) -> None:
    data = as_bytes(large_request("large", description="Many names"))
    made = service.http.post("/v1/streams", content=data, headers={"Prefer": "wait=60"})
    assert made.status_code == 201, made.text
    packed = {"Content-Encoding": "gzip"}
    again = service.http.post("/v1/streams", content=gzip.compress(data, 1), headers=packed)
    assert (again.status_code, again.json()) == (200, made.json())
    small = [{"name": "OWN", "classes": NAMES[:10]}]
    labels = service.http.post("/v1/streams", json={**random_request("small"), "concepts": None, "datasets": small})
    assert labels.json()["labels_digest"] != made.json()["labels_digest"]
    document = service.http.get(f"/v1/labels/{made.json()['labels_digest']}").json()
    assert document == {"OWN": NAMES}


def test_a_large_request_is_refused_with_all_its_faults(service: Deployment) -> None:
    wrong = as_bytes(large_request("Large", ordering={"kind": "random", "sed": 1}, tasks={"count": 0}))
    answer = service.http.post("/v1/streams", content=wrong)
    assert_problem(answer)
    assert answer.status_code == 422
    assert [each["code"] for each in answer.json()["errors"]] == [
        "bad_stream_name",
        "unknown_parameter",
        "bad_task_count",
    ]
    cut = service.http.post("/v1/streams", content=wrong[:-100])
    assert (cut.status_code, cut.json()["code"]) == (400, "invalid_json")


def test_large_uploads_and_looks(service: Deployment) -> None:
    labels = service.http.put("/v1/labels", content=as_bytes({"MINE": NAMES}))
    assert (labels.status_code, labels.json()["classes"]) == (201, {"MINE": len(NAMES)}), labels.text
    rows = "name,count\n" + "".join(f"{each},{i}\n" for i, each in enumerate(NAMES))
    source = service.http.put(
        "/v1/sources/large?unit=documents&corpus=C4", content=rows.encode(), headers={"Content-Type": CSV}
    )
    assert source.status_code == 201, source.text
    look = as_bytes({"names": NAMES})

    def counts() -> Any:
        answer = service.http.post("/v1/sources/large/counts", content=look)
        assert answer.status_code in (200, 202), answer.text
        return answer.json().get("counts")

    # A large look does not wait: it is posted again.
    found = until(counts, "everything is counted")
    assert [each["count"] for each in found] == list(range(len(NAMES)))


def test_values_that_take_too_much_memory_are_refused_while_they_are_read(service: Deployment) -> None:
    with peak_of(service) as peak:
        answer = service.http.post("/v1/streams", content=b"[" + b"[]," * (LARGEST // 3 - 1) + b"[]")
    assert_problem(answer)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert "JSON values" in answer.json()["detail"]
    assert max(peak) - peak[0] < 50 * MB


@pytest.mark.faults
def test_64_bodies_of_the_largest_size_at_once(service: Deployment) -> None:
    """All processes of the API stay below 1 GB, one is served at least, and small posts take less than 2 s."""
    body = large_request("largest", concepts=[f"OWN+++a class with a name of some length {i:016d}" for i in range(MB)])
    data = as_bytes(body).ljust(LARGEST)
    assert len(data) == LARGEST
    seconds: list[float] = []
    with peak_of(service) as peak, small_posts(service, seconds), ThreadPoolExecutor(64) as clients:
        answers = Counter(clients.map(lambda _: post(service, data), range(64)))
    p99 = quantiles(seconds, n=100)[-1]
    print(f"{answers}; {max(peak) / MB:.0f} MB at most, {peak[0] / MB:.0f} idle; {len(seconds)} small, p99 {p99:.2f} s")
    assert {status for status, _ in answers} <= {202, 429, 503}
    assert all(retry is not None for status, retry in answers if status != 202)
    assert answers[202, "1"] >= 1
    assert max(peak) < 1000 * MB
    assert p99 < 2
    assert service.process_is_well()


def post(service: Deployment, data: bytes) -> tuple[int, str | None]:
    """Post a body; return the status and Retry-After."""
    connection = http.client.HTTPConnection("127.0.0.1", service.api.port, timeout=600)
    try:
        connection.request("POST", "/v1/streams", data)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["Retry-After"]
    finally:
        connection.close()


@contextmanager
def small_posts(service: Deployment, seconds: list[float]) -> Iterator[None]:
    """Post small requests one after the other, and add the seconds that each took."""
    stop = threading.Event()

    def run() -> None:
        seed = 0
        while not stop.is_set():
            begun = time.perf_counter()
            status, _ = post(service, json.dumps(random_request("small-ones", seed=seed % 20, concepts=100)).encode())
            seconds.append(time.perf_counter() - begun)
            assert status in (200, 202)
            seed += 1

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(run)
        try:
            yield
        finally:
            stop.set()
        running.result()


@contextmanager
def peak_of(service: Deployment) -> Iterator[list[int]]:
    """Sample the resident memory of the API and of its children; the first sample is that before."""
    api = psutil.Process(service.api.process.pid)
    samples, stop = [resident(api)], threading.Event()

    def sample() -> None:
        while not stop.wait(0.02):
            samples.append(resident(api))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


def resident(api: psutil.Process) -> int:
    total = 0
    for each in (api, *api.children(recursive=True)):
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
