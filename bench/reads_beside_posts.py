"""Measure reads of a task while 40 clients post duplicates of a request of 8,000 concepts.

    python bench/reads_beside_posts.py [--runs 3] [--seconds 4] [--posting 40]

Needs wrk (on Debian `apt install wrk`). One API process; one client reads a task of about 130 kB, one request after the
other, and the others post as fast as they are answered. Baseline in the same run, by turns: the same reads beside busy
loops that take as much of the processor as the posts took, in the API and in their clients together.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil
from service import load_concepts, post, service

CONCEPTS = 8_000
POST = """
local file = io.open("{file}", "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
"""
BUSY = """
import sys, time
share = float(sys.argv[1])
while True:
    end = time.perf_counter() + 0.01 * share
    while time.perf_counter() < end:
        pass
    time.sleep(0.01 * (1 - share))
"""


class Reads(NamedTuple):
    """What the reading client saw, in ms, and how many reads a second."""

    p50: float
    p99: float
    per_second: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--posting", type=int, default=40)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: on Debian, apt install wrk")
    body = {"name": "b", "concepts": load_concepts()[:CONCEPTS], "ordering": {"kind": "random"}, "tasks": {"count": 8}}
    with tempfile.TemporaryDirectory() as name, service(Path(name) / "data") as (base, api):
        script = Path(name) / "post.lua"
        (Path(name) / "body").write_text(json.dumps(body))
        script.write_text(POST.format(file=Path(name) / "body"))
        task = base + post(f"{base}/v1/streams", body)["tasks"][0]["url"]
        urllib.request.urlopen(task).read()
        found: dict[str, list[Reads]] = {"alone": [], "beside posts": [], "baseline: beside busy loops": []}
        for _ in range(options.runs):
            found["alone"].append(read(task, options.seconds))
            with posting(f"{base}/v1/streams", script, options) as clients:
                time.sleep(1)
                before = processor_seconds(api) + processor_seconds(clients)
                found["beside posts"].append(read(task, options.seconds))
                load = (processor_seconds(api) + processor_seconds(clients) - before) / options.seconds
            alone = found["alone"][-1]
            with busy(load):
                found["baseline: beside busy loops"].append(read(task, options.seconds))
            print(f"posts took {load:.2f} of a core; reads alone {alone.per_second:.0f}/s", flush=True)
    print(f"{options.runs} runs of {options.seconds} s; ms: min / median / max")
    for what, reads in found.items():
        p50, p99, rates = zip(*reads, strict=True)
        print(f"{what}: p50 {spread(p50)}, p99 {spread(p99)}; {median(rates):.0f} reads/s")
    p99_beside, p99_busy = (median(each.p99 for each in found[what]) for what in list(found)[1:])
    print(f"p99 beside posts: {p99_beside / p99_busy:.1f} times that beside busy loops")


def read(url: str, seconds: int) -> Reads:
    command = ["wrk", "-t1", "-c1", f"-d{seconds}", "--latency", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in text, text
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert rate is not None, text
    return Reads(milliseconds(text, 50), milliseconds(text, 99), float(rate[1]))


def milliseconds(text: str, percentile: int) -> float:
    found = re.search(rf"{percentile}%\s+([\d.]+)(us|ms|s)", text)
    assert found is not None, text
    return float(found[1]) * {"us": 1e-3, "ms": 1, "s": 1e3}[found[2]]


@contextlib.contextmanager
def posting(url: str, script: Path, options: argparse.Namespace) -> Iterator[psutil.Process]:
    command = ["wrk", "-t1", f"-c{options.posting}", "-d600", "--timeout", "60", "-s", str(script), url]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def busy(load: float) -> Iterator[None]:
    """Take the processor with loops, each at most a core's whole time."""
    cores = os.cpu_count() or 1
    command = [sys.executable, "-c", BUSY, str(min(1, load / cores))]
    loops = [subprocess.Popen(command) for _ in range(cores)]
    try:
        yield
    finally:
        for each in loops:
            each.kill()
            each.wait()


def processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def spread(values: tuple[float, ...]) -> str:
    return f"{min(values):.1f} / {median(values):.1f} / {max(values):.1f}"


if __name__ == "__main__":
    main()
