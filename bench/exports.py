"""Measure the exports of a version of 18,381 concepts in each format: seconds and bytes, the first and later times.

    python bench/exports.py [--runs 5]

Starts the whole service on a temporary data directory, and makes a version for each run, because the first rendering of
a version is kept. The first time renders and stores, later ones read what is kept. The baseline is in the same run: a
script that writes rows with Python's `json`. A format that cannot express the version says why.
"""

import argparse
import json
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from service import load_concepts, post, service, show, timed

TASKS = 33
"""A number that divides 18,381, so that formats with equal tasks can express the version."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    concepts = load_concepts()
    print(f"{len(concepts)} concepts in {TASKS} tasks, {runs} runs; seconds: min / median / max")
    with tempfile.TemporaryDirectory() as directory, service(Path(directory) / "data") as (base, _):
        versions = [published(base, concepts, seed) for seed in range(runs)]
        for name in versions[0]["exports"]:
            measure(base, name, versions)
    baseline(concepts, runs)


def published(base: str, concepts: list[str], seed: int) -> dict[str, Any]:
    version: dict[str, Any] = post(
        f"{base}/v1/streams",
        {
            "name": "bench-exports",
            "concepts": concepts,
            "ordering": {"kind": "time", "seed": seed},
            "tasks": {"count": TASKS},
        },
    )
    return version


def measure(base: str, name: str, versions: list[dict[str, Any]]) -> None:
    urls = [f"{base}{version['exports'][name]}" for version in versions]
    try:
        size = len(fetch(urls[0]))
    except urllib.error.HTTPError as error:
        print(f"{name}: {json.load(error)['detail']}")
        return
    # The first version is rendered above, and loads what the format needs, such as pyarrow.
    first = [timed(lambda url=url: fetch(url)) for url in urls[1:]]  # type: ignore[misc]
    later = [timed(lambda url=url: fetch(url)) for url in urls]  # type: ignore[misc]
    if first:
        show(f"{name} ({size:,} bytes), the first time", first)
    show(f"{name} ({size:,} bytes), later", later)


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        data: bytes = answer.read()
        return data


def baseline(concepts: list[str], runs: int) -> None:
    def script() -> None:
        rows = [{"position": i, "concept": concept, "label": i, "task": i // 557} for i, concept in enumerate(concepts)]
        "".join(f"{json.dumps(row)}\n" for row in rows)

    show(
        "baseline: a script that writes position, concept, label and task as JSON lines",
        [timed(script) for _ in range(runs)],
    )


if __name__ == "__main__":
    main()
