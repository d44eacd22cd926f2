"""Measure small jobs: how many a second one worker does, how long one takes alone, and what an idle worker costs.

    python bench/small_jobs.py [--runs 3] [--jobs 300] [--connections 8]

Each job is a distinct request of two concepts in random order. A run posts all of them over some connections, and ends
when every version exists. Baselines in the same run: the time that a job takes alone, posted with `Prefer: wait`, and
the time that the disk takes for the files of one job, each written and synced.
"""

import argparse
import itertools
import json
import os
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from service import service, show

SEEDS = itertools.count()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, service(Path(directory) / "data") as (base, api):
        host = urlsplit(base).netloc
        Client(host).wait_for(20)
        alone = []
        for _ in range(options.runs):
            client = Client(host)
            alone += [client.timed_wait() for _ in range(50)]
        show("one job alone, from POST to the version, milliseconds", [1000 * each for each in alone])
        show("baseline: ten files written and synced, milliseconds", [1000 * synced(directory) for _ in range(50)])
        before = processor_seconds(api)
        rates = [rate(host, options.jobs, options.connections) for _ in range(options.runs)]
        show(f"jobs a second, {options.jobs} on {options.connections} connections", rates)
        for name, seconds in processor_seconds(api).items():
            each = 1000 * (seconds - before[name]) / (options.runs * options.jobs)
            print(f"processor time of {name}, milliseconds a job: {each:.2f}")
        show("share of a core of an idle worker with its Valkey, in percent", [idle(api, 10) for _ in range(3)])


class Client:
    """One connection."""

    def __init__(self, host: str) -> None:
        self._connection = HTTPConnection(host)

    def post(self, wait: bool) -> str:
        """Post a new request; return the URL of its job or version."""
        body = {
            "name": "small",
            "concepts": ["CIFAR100+++bear", "CIFAR100+++otter"],
            "ordering": {"kind": "random", "seed": next(SEEDS)},
            "tasks": {"count": 1},
        }
        headers = {"Prefer": "wait=60"} if wait else {}
        self._connection.request("POST", "/v1/streams", json.dumps(body), headers)
        answer = self._connection.getresponse()
        answer.read()
        assert answer.status == (201 if wait else 202), answer.status
        return answer.headers["Location"]

    def timed_wait(self) -> float:
        """Return the seconds of a job from POST to its version."""
        began = time.perf_counter()
        self.post(wait=True)
        return time.perf_counter() - began

    def wait_for(self, jobs: int) -> None:
        """Do some jobs one after the other."""
        for _ in range(jobs):
            self.post(wait=True)

    def state(self, url: str) -> str:
        """Return the state of a job."""
        self._connection.request("GET", url)
        state: str = json.load(self._connection.getresponse())["state"]
        return state


def rate(host: str, jobs: int, connections: int) -> float:
    """Return the jobs a second, from the first POST until all versions exist."""
    urls: list[str] = []
    shares = [jobs // connections + (i < jobs % connections) for i in range(connections)]

    def work(share: int) -> None:
        client = Client(host)
        urls.extend(client.post(wait=False) for _ in range(share))

    began = time.perf_counter()
    threads = [threading.Thread(target=work, args=(share,)) for share in shares]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    client = Client(host)
    for url in urls:
        while (state := client.state(url)) != "succeeded":
            assert state in ("queued", "running"), state
            time.sleep(0.005)
    return jobs / (time.perf_counter() - began)


def synced(directory: str) -> float:
    """Return the seconds that the disk takes for ten small files, which is what a job writes and syncs."""
    began = time.perf_counter()
    for number in range(10):
        with (Path(directory) / f"synced-{number}").open("wb") as file:
            file.write(b" " * 500)
            file.flush()
            os.fsync(file.fileno())
    return time.perf_counter() - began


def processor_seconds(api: psutil.Process) -> dict[str, float]:
    """Return the processor time of the programs of the service so far, by name."""
    programs = {"the API": api}
    for each in psutil.Process(api.ppid()).children(recursive=True):
        command = each.cmdline()
        if "worker" in command:
            programs["the worker"] = each
        elif any("valkey-server" in part for part in command):
            programs["Valkey"] = each
    return {name: sum(each.cpu_times()[:2]) for name, each in programs.items()}


def idle(api: psutil.Process, seconds: float) -> float:
    """Return the percent of a core that the worker and Valkey take while there is nothing to do."""
    others = [each for each in psutil.Process(api.ppid()).children(recursive=True) if each.pid != api.pid]
    time.sleep(2)
    before = sum(sum(each.cpu_times()[:2]) for each in others)
    time.sleep(seconds)
    return 100 * (sum(sum(each.cpu_times()[:2]) for each in others) - before) / seconds


if __name__ == "__main__":
    main()
