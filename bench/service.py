"""Measure the service as clients see it: its start, its memory, and the time from POST to the last task.

    python bench/service.py [--runs 5]

Starts the whole service on a temporary data directory. Baselines in the same run: for the start, a Python process that
imports torch, as a service that holds the model would; for the streams, a simple script that shuffles a list in its own
process and writes JSON files.
"""

import argparse
import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
STREAM = ROOT.parent / "shared/data/fomo_in_flux/streams/random_sequence_1.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    concepts = load_concepts()
    print(f"{len(concepts)} concepts, {runs} runs; seconds: min / median / max")
    with tempfile.TemporaryDirectory() as directory:
        measure_start(Path(directory), runs)
        with service(Path(directory) / "data") as (base, api):
            measure_streams(base, concepts, runs)
            measure_reads(base, runs)
            measure_memory(base, api, concepts)
    measure_script(concepts, runs)


def load_concepts() -> list[str]:
    if STREAM.exists():
        found: list[str] = json.loads(STREAM.read_text())
        return found
    print("The FoMo-in-Flux streams are not next to the checkout: using made-up class names of the 41 datasets.")
    from concept_orderings.catalogue import CATALOGUE

    names = [each.name for each in CATALOGUE if each.split == "adaptation"]
    return [f"{names[i % len(names)]}+++made-up class number {i}" for i in range(18_381)]


def measure_start(directory: Path, runs: int) -> None:
    show("API process, from exec to its first answer", [time_api_start(directory) for _ in range(runs)])
    show("baseline: python -c 'import torch'", [timed(import_torch) for _ in range(runs)])


def time_api_start(directory: Path) -> float:
    port = free_port()
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "--port", str(port)],
        cwd=ROOT,
        env={"CONCEPT_ORDERINGS_DATA_DIR": str(directory), "PATH": "/usr/bin:/bin"},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: get(f"http://127.0.0.1:{port}/health/live"))
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def import_torch() -> None:
    subprocess.run([sys.executable, "-c", "import torch"], check=True)


def measure_streams(base: str, concepts: list[str], runs: int) -> None:
    for kind in ("random", "time", "dataset"):
        seconds = [timed(lambda k=kind, s=seed: fetch_stream(base, concepts, k, s)) for seed in range(runs)]  # type: ignore[misc]
        show(f"{kind}: from POST to the last of 20 tasks", seconds)


def fetch_stream(base: str, concepts: list[str], kind: str, seed: int) -> int:
    body = {
        "name": f"bench-{kind}",
        "concepts": concepts,
        "ordering": {"kind": kind, "seed": seed},
        "tasks": {"count": 20},
    }
    version = post(f"{base}/v1/streams", body)
    return sum(len(get(base + task["url"])["concepts"]) for task in version["tasks"])


def measure_reads(base: str, runs: int) -> None:
    url = f"{base}/v1/streams/bench-random/versions/1/tasks/0"

    def fetch_from_512_ranks() -> None:
        threads = [threading.Thread(target=get, args=(url,)) for _ in range(512)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    show("one task, fetched by 512 ranks at once", [timed(fetch_from_512_ranks) for _ in range(runs)])


def measure_memory(base: str, api: psutil.Process, concepts: list[str]) -> None:
    """Sample the API's resident memory while it handles ten requests with all concepts."""
    before = api.memory_info().rss
    peak = before
    stop = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not stop.is_set():
            peak = max(peak, api.memory_info().rss)
            time.sleep(0.002)

    sampler = threading.Thread(target=sample)
    sampler.start()
    for seed in range(1000, 1010):
        fetch_stream(base, concepts, "random", seed)
    stop.set()
    sampler.join()
    print(f"API memory: {before / 2**20:.0f} MiB at rest, {peak / 2**20:.0f} MiB at most during 10 more requests")


def measure_script(concepts: list[str], runs: int) -> None:
    def script() -> None:
        order = list(concepts)
        random.Random(0).shuffle(order)
        with tempfile.TemporaryDirectory() as directory:
            for i in range(20):
                (Path(directory) / f"task_{i}.json").write_text(json.dumps(order[i::20]))

    show("baseline: a script that shuffles and writes 20 files", [timed(script) for _ in range(runs)])


@contextlib.contextmanager
def service(data: Path) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    command = [sys.executable, "-m", "concept_orderings.cli", "serve", "--port", str(port), "--data-dir", str(data)]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        base = f"http://127.0.0.1:{port}"
        wait_for(lambda: get(f"{base}/health/ready"))
        print(f"the whole service, from exec to ready: {time.perf_counter() - began:.2f}")
        children = psutil.Process(process.pid).children(recursive=True)
        yield base, next(each for each in children if "app" in each.cmdline())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def wait_for(ask: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            ask()
            return
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def post(url: str, body: object) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Prefer": "wait=60"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def get(url: str) -> Any:
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def show(what: str, seconds: list[float]) -> None:
    print(f"{what}: {min(seconds):.2f} / {median(seconds):.2f} / {max(seconds):.2f}")


if __name__ == "__main__":
    main()
