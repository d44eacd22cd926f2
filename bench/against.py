"""Find figures that are worse in this checkout than in another one, such as that of the last release.

    git worktree add ../before v0.1.0 && python bench/against.py ../before [--runs 10] [--only library,service]

Each figure is measured in both checkouts in turn, so that other load on the machine affects both. Prints min / median /
max of both in milliseconds, and the ratio of the minima. The exit status is 1 if a ratio is above 1.05. Both checkouts
use the Python that runs this script, with its libraries.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from service import fetch_stream, free_port, get, load_concepts, post, wait_for

HERE = Path(__file__).parents[1]
SLOWER = 1.05

# Runs in a process of its own with one of the checkouts on its path, and prints seconds by figure.
LIBRARY = """
import json, sys, time
from concept_orderings.canonical import canonical_json
from concept_orderings.library import arrange_request
from concept_orderings.request import parse_request

concepts = json.load(open(sys.argv[1]))
lists = {}
for each in concepts:
    dataset, _, name = each.partition("+++")
    lists.setdefault(dataset, []).append(name)
datasets = [{"name": name, "classes": classes, "counts": {each: len(each) for each in classes}, "scores": 0.5,
             "template": ["A {}.", "The {}."], "year": 2001} for name, classes in lists.items()]

def body(kind, **lists):
    return {"name": "x", **lists, "ordering": {"kind": kind}, "tasks": {"count": 20}}

def timed(name, work):
    # The least of three: a service does it again and again.
    for _ in range(3):
        began = time.perf_counter()
        result = work()
        found[name] = min(found.get(name, 1e9), time.perf_counter() - began)
    return result

found = {}
parse_request(body("random", concepts=concepts[:100]))
parsed = timed("check 18,381 concepts", lambda: parse_request(body("random", concepts=concepts)))
timed("canonical request", lambda: canonical_json(parsed.as_json()))
canonical = json.loads(parsed.canonical)
timed("check a canonical request", lambda: parse_request(canonical))
timed("check class lists with all evidence", lambda: parse_request(body("frequency", datasets=datasets)).digest)
for kind in ("random", "time", "performance", "dataset", "frequency"):
    request = parse_request(body(kind, datasets=datasets))
    stream = timed(f"arrange by {kind}", lambda: arrange_request(request))
    timed(f"documents of {kind}", lambda: stream.documents(1))
print(json.dumps(found))
"""


def main() -> int:
    """Measure the parts that the options name; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--only", default="library,start,service")
    options = parser.parse_args()
    checkouts = {"here": HERE, "there": options.other.resolve()}
    parts: dict[str, Callable[[dict[str, Path], int, Path], dict[str, list[Figures]]]] = {
        "library": measure_library,
        "start": measure_start,
        "service": measure_service,
    }
    slower = []
    with tempfile.TemporaryDirectory(prefix="co-") as directory:
        concepts = Path(directory) / "concepts.json"
        concepts.write_text(json.dumps(load_concepts()))
        for part in options.only.split(","):
            slower += report(parts[part](checkouts, options.runs, concepts))
    print(f"slower by more than {SLOWER - 1:.0%}: {', '.join(slower) or 'nothing'}")
    return 1 if slower else 0


Figures = dict[str, float]


def measure_library(checkouts: dict[str, Path], runs: int, concepts: Path) -> dict[str, list[Figures]]:
    """Time the library's steps on the benchmark's concepts."""

    def run(checkout: Path) -> Figures:
        command = [sys.executable, "-c", LIBRARY, str(concepts)]
        done = subprocess.run(command, env=environment(checkout), capture_output=True, text=True, check=True)
        figures: Figures = json.loads(done.stdout)
        return figures

    return by_turns({name: partial(run, each) for name, each in checkouts.items()}, runs)


def measure_start(checkouts: dict[str, Path], runs: int, concepts: Path) -> dict[str, list[Figures]]:
    """Time processes from exec to their end, or to the API's first answer."""
    small = concepts.with_name("small.json")
    small.write_text(json.dumps(["apple", "bear", "clock"]))

    def run(checkout: Path) -> Figures:
        order = [sys.executable, "-m", "concept_orderings.cli", "order", str(small), "--kind", "random"]
        return {
            "order a small file": timed(lambda: quietly(order, checkout)),
            "API": time_api(checkout, concepts.parent),
        }

    return by_turns({name: partial(run, each) for name, each in checkouts.items()}, runs)


def measure_service(checkouts: dict[str, Path], runs: int, concepts: Path) -> dict[str, list[Figures]]:
    """Time requests to two services, one of each checkout, that run at the same time."""
    names = json.loads(concepts.read_text())
    with contextlib.ExitStack() as stack:
        bases = {name: stack.enter_context(service(each, concepts.parent / name)) for name, each in checkouts.items()}
        for base in bases.values():
            upload_counts(base, names)
            fetch_stream(base, names, "random", -1)  # the first request of a service opens connections and loads Docket
        seeds = iter(range(1_000_000))
        turns = {name: partial(requests, base, names, seeds) for name, base in bases.items()}
        return by_turns(turns, runs)


def requests(base: str, concepts: list[str], seeds: Iterator[int]) -> Figures:
    """Time typical requests of clients, with a new seed, so that nothing is answered from stored versions."""
    seed = next(seeds)
    found = {
        f"{kind}, to the last task": timed(partial(fetch_stream, base, concepts, kind, seed))
        for kind in ("random", "time", "dataset")
    }
    counted = {
        "name": "bench-frequency",
        "concepts": concepts,
        "ordering": {"kind": "frequency", "source": "bench", "seed": seed},
        "tasks": {"count": 20},
    }
    found["frequency, from a counts file"] = timed(partial(post, f"{base}/v1/streams", counted))
    names = [f"name {seed} {i}" for i in range(1000)]
    found["look at 1,000 counts"] = timed(lambda: post(f"{base}/v1/sources/bench/counts", {"names": ["apple", *names]}))
    task = f"{base}/v1/streams/bench-random/versions/1/tasks/0"
    found["fetch a task 200 times"] = timed(lambda: [get(task) for _ in range(200)])
    return found


def upload_counts(base: str, concepts: list[str]) -> None:
    """Upload a counts file that has every name."""
    import urllib.request

    names = sorted({each.partition("+++")[2] for each in concepts} | {"apple"})
    folded = {" ".join(each.replace("_", " ").replace("/", " ").split()): len(each) for each in names}
    lines = [json.dumps({"name": name, "count": count}) for name, count in folded.items()]
    # Further names for looks at counts; each look uses other ones.
    lines += [json.dumps({"name": f"name {seed} {i}", "count": i}) for seed in range(200) for i in range(1000)]
    request = urllib.request.Request(
        f"{base}/v1/sources/bench?unit=documents&corpus=bench",
        "\n".join(lines).encode(),
        {"Content-Type": "application/x-ndjson"},
        method="PUT",
    )
    with urllib.request.urlopen(request):
        pass


@contextlib.contextmanager
def service(checkout: Path, data: Path) -> Iterator[str]:
    """Run the whole service of a checkout; yield its URL."""
    port = free_port()
    command = [sys.executable, "-m", "concept_orderings.cli", "serve", "--port", str(port), "--data-dir", str(data)]
    process = subprocess.Popen(command, cwd=checkout, env=environment(checkout), stdout=subprocess.DEVNULL)
    try:
        base = f"http://127.0.0.1:{port}"
        wait_for(lambda: get(f"{base}/health/ready"))
        yield base
    finally:
        process.terminate()
        process.wait()


def time_api(checkout: Path, directory: Path) -> float:
    """Time the API from exec to its first answer."""
    port = free_port()
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "--port", str(port)],
        cwd=checkout,
        env={**environment(checkout), "CONCEPT_ORDERINGS_DATA_DIR": str(directory / "api")},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: get(f"http://127.0.0.1:{port}/health/live"))
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def by_turns(work: Mapping[str, Callable[[], Figures]], runs: int) -> dict[str, list[Figures]]:
    """Measure each side in turn; the side that begins changes from run to run."""
    found: dict[str, list[Figures]] = {name: [] for name in work}
    for i in range(runs):
        for name in list(work) if i % 2 else list(work)[::-1]:
            found[name].append(work[name]())
    return found


def report(found: dict[str, list[Figures]]) -> list[str]:
    """Print the figures; return the names of those that are slower here."""
    slower = []
    for name in found["here"][0]:
        here, there = ([1000 * each[name] for each in found[side]] for side in ("here", "there"))
        ratio = min(here) / min(there)
        shown = " | ".join(f"{min(each):.1f} / {median(each):.1f} / {max(each):.1f}" for each in (here, there))
        print(f"{name}: {shown} | {ratio:.2f}")
        if ratio > SLOWER:
            slower.append(name)
    return slower


def environment(checkout: Path) -> dict[str, str]:
    """Return the environment in which Python finds a checkout's packages first."""
    return {**os.environ, "PYTHONPATH": str(checkout)}


def quietly(command: list[str], checkout: Path) -> Any:
    """Run a command of a checkout."""
    return subprocess.run(command, cwd=checkout, env=environment(checkout), stdout=subprocess.DEVNULL, check=True)


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds some work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
