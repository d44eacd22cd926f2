"""Measure how the ranks of one host fetch their first task: 512 processes, forked after the import.

    python bench/client.py [--runs 5] [--ranks 512]

Starts the whole service on a temporary data directory, with a counter of requests before it. Each rank reads the
manifest and the first of 20 tasks of 18,381 concepts and checks both. Baseline in the same run: the same processes
fetch the two documents with urllib, without a check and without a cache.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from service import get, load_concepts, post, service, show, timed

from concept_orderings.client import Client


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--ranks", type=int, default=512)
    options = parser.parse_args()
    concepts = load_concepts()
    print(
        f"{len(concepts)} concepts in 20 tasks, {options.ranks} ranks, {options.runs} runs; seconds: min / median / max"
    )
    with tempfile.TemporaryDirectory() as directory, service(Path(directory) / "data") as (base, _):
        body = {"name": "bench", "concepts": concepts, "ordering": {"kind": "random"}, "tasks": {"count": 20}}
        digest = post(f"{base}/v1/streams", body)["digest"]
        counter = Counter(base)
        measure(Path(directory), counter, digest, options.runs, options.ranks)


def measure(directory: Path, counter: "Counter", digest: str, runs: int, ranks: int) -> None:
    """Print seconds and requests of each way."""
    number = 0

    def cache() -> Path:
        return directory / f"cache-{number}"

    def pinned() -> None:
        stream = Client(counter.url, cache=cache()).stream("bench", 1, digest)
        assert len(stream.tasks[0].concepts) == 920

    def by_number() -> None:
        stream = Client(counter.url, cache=cache()).stream("bench", 1)
        assert len(stream.tasks[0].concepts) == 920

    def by_urllib() -> None:
        version = f"{counter.url}/v1/streams/bench/versions/1"
        get(version)
        assert len(get(f"{version}/tasks/0")["concepts"]) == 920

    for what, work, is_cold in (
        ("baseline: urllib", by_urllib, False),
        ("pinned by digest, cold cache", pinned, True),
        ("pinned by digest, warm cache", pinned, False),
        ("by number alone, cold cache", by_number, True),
        ("by number alone, warm cache", by_number, False),
    ):
        seconds, requests = [], []
        for _ in range(runs):
            number += is_cold
            before = counter.requests
            seconds.append(timed(lambda work=work: in_processes(work, ranks)))  # type: ignore[misc]
            requests.append(counter.requests - before)
        show(f"{what} ({min(requests)} to {max(requests)} requests)", seconds)


def in_processes(work: Callable[[], None], ranks: int) -> None:
    """Run a function in forked processes that begin at once, and wait for them."""
    begin, start = os.pipe()
    children = []
    for _ in range(ranks):
        child = os.fork()
        if child == 0:
            os.close(start)
            os.read(begin, 1)
            try:
                work()
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
                os._exit(1)
            os._exit(0)
        children.append(child)
    os.close(start)
    os.close(begin)
    failed = sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children)
    assert failed == 0, f"{failed} ranks failed"


class Counter:
    """A process that passes requests on to the service and counts them.

    Attributes
    ----------
    url : str
    requests : int
        How many it has passed on.
    """

    def __init__(self, base: str) -> None:
        listener, speaker = os.pipe()
        if os.fork() == 0:
            _serve(base, speaker)
        with os.fdopen(listener) as lines:
            self.url = f"http://127.0.0.1:{int(lines.readline())}"

    @property
    def requests(self) -> int:
        """Ask how many requests were passed on."""
        found: int = get(f"{self.url}/requests")
        return found


def _serve(base: str, speaker: int) -> None:
    seen, guard = 0, threading.Lock()

    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            nonlocal seen
            if self.path == "/requests":
                self._send(200, {}, json.dumps(seen).encode())
                return
            with guard:
                seen += 1
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            request = urllib.request.Request(base + self.path, headers=headers)
            try:
                with urllib.request.urlopen(request) as answer:
                    self._send(answer.status, dict(answer.headers), answer.read())
            except urllib.error.HTTPError as error:
                self._send(error.code, dict(error.headers), error.read())

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in ("date", "content-length", "connection", "server"):
                    self.send_header(name, value)
            if status != 304:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 1024

    http = Server(("127.0.0.1", 0), Passing)
    os.write(speaker, f"{http.server_address[1]}\n".encode())
    os.close(speaker)
    # It ends with its parent.
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    http.serve_forever()


def _end_with(parent: int) -> None:
    import time

    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


if __name__ == "__main__":
    main()
