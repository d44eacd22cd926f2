"""Measure comparing and verifying versions of 18,381 concepts in 20 tasks, through the service and by the commands.

    python bench/compare_and_verify.py [--runs 5]

Starts the whole service on a temporary data directory, and makes a version for each run, because a comparison is kept
in memory. Vectors are made up: 384 numbers, in clusters as captions have them. The commands are measured as processes
of their own, with the start of Python. Baselines are in the same run: for `compare`, a script that reads two lists
and computes Kendall's tau by merging; for `verify`, a process that imports NumPy and reads the same bundle.
"""

import argparse
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from service import load_concepts, post, service, show, timed

from concept_orderings.exporters.bundle import Bundle
from concept_orderings.library import arrange_request
from concept_orderings.request import parse_request

TASKS = 20

TAU = """
import json, sys
a, b = (json.load(open(path)) for path in sys.argv[1:])
place = {each: i for i, each in enumerate(b)}
def inversions(values):
    if len(values) < 2:
        return values, 0
    half = len(values) // 2
    (left, l), (right, r) = inversions(values[:half]), inversions(values[half:])
    merged, found, i = [], l + r, 0
    for each in right:
        while i < len(left) and left[i] < each:
            merged.append(left[i]); i += 1
        found += len(left) - i
        merged.append(each)
    return merged + left[i:], found
n = len(a)
print(1 - 4 * inversions([place[each] for each in a])[1] / (n * (n - 1)))
"""

READ = "import sys, zipfile, numpy; z = zipfile.ZipFile(sys.argv[1]); [z.read(each) for each in z.namelist()]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    concepts = load_concepts()
    print(f"{len(concepts)} concepts in {TASKS} tasks, {runs} runs; seconds: min / median / max")
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        measure_service(concepts, folder, runs)
        measure_commands(concepts, folder, runs)


def measure_service(concepts: list[str], folder: Path, runs: int) -> None:
    with service(folder / "data") as (base, _):
        for seed in range(runs + 1):
            body = {"concepts": concepts, "ordering": {"kind": "time", "seed": seed}, "tasks": {"count": TASKS}}
            post(f"{base}/v1/streams", {"name": "bench-compare", **body})
        urls = [f"{base}/v1/compare?a=bench-compare@{i + 1}&b=bench-compare@{i + 2}" for i in range(runs)]
        show("GET /v1/compare, the first time", [timed(lambda url=url: fetch(url)) for url in urls])  # type: ignore[misc]
        show("GET /v1/compare, later", [timed(lambda url=url: fetch(url)) for url in urls])  # type: ignore[misc]


def measure_commands(concepts: list[str], folder: Path, runs: int) -> None:
    kinds: dict[str, dict[str, object]] = {
        "random": {"kind": "random"},
        "time": {"kind": "time"},
        "typicality": {"kind": "typicality"},
        "similarity": {"kind": "similarity", "starts": 1},
    }
    for name, ordering in kinds.items():
        (folder / f"{name}.zip").write_bytes(bundle(concepts, ordering))
    a, b = folder / "random.zip", folder / "time.zip"
    show("compare of two bundles", [timed(lambda: command("compare", a, b)) for _ in range(runs)])
    for path in (a, b):
        unpacked = subprocess.run(["unzip", "-p", path, "order.json"], check=True, capture_output=True).stdout
        path.with_suffix(".json").write_bytes(unpacked)
    lists = [a.with_suffix(".json"), b.with_suffix(".json")]
    show("baseline: a script that merges two lists", [timed(lambda: python("-c", TAU, *lists)) for _ in range(runs)])
    for name in kinds:
        path = folder / f"{name}.zip"
        show(f"verify of {name}", [timed(lambda path=path: command("verify", path)) for _ in range(runs)])  # type: ignore[misc]
    path = folder / "similarity.zip"
    show("baseline: NumPy and the same bundle read", [timed(lambda: python("-c", READ, path)) for _ in range(runs)])
    show("verify of similarity, --all-starts (of 1)", [timed(lambda: command("verify", path, "--all-starts"))])


def bundle(concepts: list[str], ordering: dict[str, object]) -> bytes:
    body = {"name": "bench-verify", "concepts": concepts, "ordering": ordering, "tasks": {"count": TASKS}}
    request = parse_request(body, passed=frozenset())
    rng = np.random.default_rng(0)
    # As of captions, the first 64 axes hold about 0.8 of the squared length.
    spectrum = np.arange(1, 385) ** -0.57
    centres = rng.normal(size=(len(concepts) // 20, 384)) * spectrum
    rows = (
        centres[rng.integers(0, len(centres), len(concepts))] + 0.6 * rng.normal(size=(len(concepts), 384)) * spectrum
    )
    embeddings = rows if request.outside else None
    return Bundle().render(arrange_request(request, embeddings=embeddings).published(1))


def command(*arguments: object) -> None:
    python("-m", "concept_orderings.cli", *arguments)


def python(*arguments: object) -> None:
    subprocess.run([sys.executable, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        data: bytes = answer.read()
        return data


if __name__ == "__main__":
    main()
