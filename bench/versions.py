"""Measure a stream of 10,000 versions: publishing the next one, and finding the newest.

    python bench/versions.py [--versions 10000] [--runs 40]

Each version has 4 concepts in 2 tasks. The first is published, and all others are made of copies of its record, each
for a request of its own. Baselines in the same run, by turns: empty streams in the same directory. Times are of the
store (the steps of a job that write), and of the whole service: from POST to the version, and the answer to `latest`
and to a page of 100 versions. At the end, the check of all files (`fsck`) is held against reading them.
"""

import argparse
import asyncio
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median

from service import post, service

from concept_orderings.canonical import canonical_json
from concept_orderings.library import arrange_stream
from concept_orderings.request import parse_request
from concept_orderings.stream import ArrangedStream
from store import object_keys
from store.fsck import Check
from store.newest import Newest, NewestHints
from store.objects import LocalObjects
from store.versions import Versions

MANY = "many"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=40)
    options = parser.parse_args()
    print(f"{options.versions} versions, {options.runs} runs; milliseconds: min / median / max")
    seeds = count()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "data" / "streams"
        began = time.perf_counter()
        asyncio.run(fill(root, options.versions, seeds))
        print(f"{options.versions} versions made in {time.perf_counter() - began:.0f} s")
        asyncio.run(measure_store(root, options.runs, seeds))
        with service(Path(directory) / "data") as (base, _):
            measure_service(base, options.runs, seeds)
        measure_check(root)


def request(name: str, seed: int) -> dict[str, object]:
    concepts = [f"OWN+++class {number}" for number in range(4)]
    return {
        "name": name,
        "concepts": concepts,
        "ordering": {"kind": "random", "seed": seed},
        "tasks": {"count": 2},
    }


def arranged(name: str, seed: int) -> ArrangedStream:
    return arrange_stream(parse_request(request(name, seed)), {})


async def fill(root: Path, versions: int, seeds: Iterator[int]) -> None:
    objects = LocalObjects(root)
    first = await Versions(objects).publish(arranged(MANY, next(seeds)))
    for version in range(2, versions + 1):
        record = replace(first, version=version, request_digest=f"{version:064x}")
        (root / object_keys.version_record(MANY, version)).write_bytes(record.to_bytes())
        pointer = root / object_keys.request_pointer(MANY, record.request_digest)
        pointer.write_bytes(canonical_json({"version": version}))
    await NewestHints(objects).write(MANY, Newest(versions, versions))


async def measure_store(root: Path, runs: int, seeds: Iterator[int]) -> None:
    full, empty = list[float](), list[float]()
    for _ in range(runs):
        for name, seconds in ((MANY, full), (f"empty-{next(seeds)}", empty)):
            stream = arranged(name, next(seeds))
            store = Versions(LocalObjects(root))
            began = time.perf_counter()
            await store.publish(stream)
            seconds.append(time.perf_counter() - began)
    compare("publish, in the store", full, empty)


def measure_service(base: str, runs: int, seeds: Iterator[int]) -> None:
    full, empty = list[float](), list[float]()
    for _ in range(runs):
        for name, seconds in ((MANY, full), (f"posted-{next(seeds)}", empty)):
            began = time.perf_counter()
            post(f"{base}/v1/streams", request(name, next(seeds)))
            seconds.append(time.perf_counter() - began)
    compare("from POST to the version", full, empty)
    small = f"posted-{next(seeds)}"
    for _ in range(100):
        post(f"{base}/v1/streams", request(small, next(seeds)))
    for what, path in (("latest", "/versions/latest"), ("a page of 100", "?limit=100")):
        full, empty = list[float](), list[float]()
        for _ in range(runs):
            for name, seconds in ((MANY, full), (small, empty)):
                began = time.perf_counter()
                urllib.request.urlopen(f"{base}/v1/streams/{name}{path}").read()
                seconds.append(time.perf_counter() - began)
        compare(f"{what}, beside a stream of 100", full, empty)


def measure_check(root: Path) -> None:
    began = time.perf_counter()
    files = [each for each in root.rglob("*") if each.is_file()]
    size = sum(len(each.read_bytes()) for each in files)
    baseline = time.perf_counter() - began
    began = time.perf_counter()
    check = Check(LocalObjects(root), settle_seconds=0.0)
    asyncio.run(check.run())
    seconds = time.perf_counter() - began
    print(f"fsck of {check.objects_read} objects, {size / 1e6:.0f} MB: {seconds:.1f} s; reading them: {baseline:.1f} s")


def compare(what: str, full: list[float], empty: list[float]) -> None:
    print(f"{what}: {spread(full)}; baseline: {spread(empty)}; ratio of medians {median(full) / median(empty):.2f}")


def spread(seconds: list[float]) -> str:
    return " / ".join(f"{1000 * each:.1f}" for each in (min(seconds), median(seconds), max(seconds)))


if __name__ == "__main__":
    main()
