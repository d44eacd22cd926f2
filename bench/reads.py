"""Measure reads of finished versions: requests a second and the 99th percentile of the time that one takes.

    python bench/reads.py [--runs 3] [--seconds 4] [--connections 32]

Needs wrk, and for one of the baselines nginx (on Debian `apt install wrk nginx-light`). One process serves a task of
about 130 kB: the whole (200), to a client that has it (304), and compressed with gzip and zstd. Baselines in the same
run, by turns: a bare ASGI function under uvicorn that sends the same bytes, and nginx with one worker, `sendfile` and
`open_file_cache` on the same file. Client and server share the machine's cores.
"""

import argparse
import asyncio
import contextlib
import gzip
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

from service import free_port, load_concepts, wait_for

from app.encodings import zstd
from concept_orderings.library import arrange_stream
from concept_orderings.request import parse_request
from store.objects import open_objects
from store.settings import StoreSettings
from store.versions import Versions

ROOT = Path(__file__).parents[1]
PATH = "/v1/streams/reads/versions/1/tasks/0"

BARE = """
import sys
from pathlib import Path
import uvicorn

files = [Path(each).read_bytes() for each in sys.argv[2:]]
TAG = b'"tag"'
FIELDS = [(b"etag", TAG), (b"cache-control", b"public, max-age=31536000, immutable")]

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = dict(scope["headers"])
    if headers.get(b"if-none-match") == TAG:
        await send({"type": "http.response.start", "status": 304, "headers": FIELDS})
        return await send({"type": "http.response.body", "body": b""})
    body = files[{b"gzip": 1, b"zstd": 2}.get(headers.get(b"accept-encoding"), 0)]
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length, *FIELDS]})
    await send({"type": "http.response.body", "body": body})

uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, server_header=False, lifespan="off")
"""

NGINX = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    open_file_cache max=100 inactive=1h;
    open_file_cache_valid 1h;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {directory}/files;
    }}
}}
"""


class Rate(NamedTuple):
    """What wrk measured."""

    per_second: float
    p99_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: on Debian, apt install wrk")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        task = publish(directory)
        with servers(directory, task) as urls:
            measure(urls, options)


def publish(directory: Path) -> bytes:
    """Publish a version of 18,381 concepts in 20 tasks, and return its first task."""

    async def main() -> bytes:
        settings = StoreSettings(data_dir=directory / "data")
        versions = Versions(open_objects(settings.streams_location))
        body = {"name": "reads", "concepts": load_concepts(), "ordering": {"kind": "random"}, "tasks": {"count": 20}}
        record = await versions.publish(arrange_stream(parse_request(body), {}))
        return await versions.document(record.tasks[0].digest)

    return asyncio.run(main())


@contextlib.contextmanager
def servers(directory: Path, task: bytes) -> Iterator[dict[str, str]]:
    """Start the servers, and yield the URL of the task by server."""
    files = directory / "files"
    files.mkdir()
    directory.chmod(0o755)  # nginx reads as a user of its own
    for name, data in (("task.json", task), ("task.gz", gzip.compress(task, 6)), ("task.zst", zstd.compress(task))):
        (files / name).write_bytes(data)
    with contextlib.ExitStack() as stack:
        ours, bare, port = free_port(), free_port(), free_port()
        environment = {"CONCEPT_ORDERINGS_DATA_DIR": str(directory / "data"), "PATH": "/usr/bin:/bin"}
        stack.enter_context(running([sys.executable, "-m", "app", "--port", str(ours)], environment))
        paths = [str(files / name) for name in ("task.json", "task.gz", "task.zst")]
        stack.enter_context(running([sys.executable, "-c", BARE, str(bare), *paths], {"PATH": "/usr/bin:/bin"}))
        urls = {"ours": f"http://127.0.0.1:{ours}{PATH}", "bare ASGI": f"http://127.0.0.1:{bare}/"}
        if shutil.which("nginx", path="/usr/sbin:/usr/bin") is not None:
            (directory / "nginx.conf").write_text(NGINX.format(directory=directory, port=port))
            command = ["nginx", "-c", str(directory / "nginx.conf"), "-p", str(directory)]
            stack.enter_context(running(command, {"PATH": "/usr/sbin:/usr/bin"}))
            urls["nginx"] = f"http://127.0.0.1:{port}/task.json"
        for url in urls.values():
            wait_for(lambda url=url: fetch(url))  # type: ignore[misc]
        yield urls


@contextlib.contextmanager
def running(command: list[str], environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def fetch(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, Mapping[str, str]]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers or {}))) as answer:
        answer.read()
        return answer.status, answer.headers


def measure(urls: Mapping[str, str], options: argparse.Namespace) -> None:
    tags = {name: fetch(url)[1]["ETag"] for name, url in urls.items()}
    print(f"{options.connections} connections, {options.runs} runs of {options.seconds} s; min / median / max")
    for what in ("200", "304", "gzip", "zstd"):
        found: dict[str, list[Rate]] = {name: [] for name in urls if name != "nginx" or what in ("200", "304")}
        for _ in range(options.runs):
            for name, rates in found.items():
                header = f"If-None-Match: {tags[name]}" if what == "304" else f"Accept-Encoding: {what}"
                rates.append(load(urls[name], header if what != "200" else "Accept: */*", options))
        for name, rates in found.items():
            show(what, name, rates)
        for name in list(found)[1:]:
            ratio = median(each.per_second for each in found["ours"]) / median(each.per_second for each in found[name])
            print(f"{what}: ours at {ratio:.2f} of {name}")


def load(url: str, header: str, options: argparse.Namespace) -> Rate:
    command = ["wrk", "-t2", f"-c{options.connections}", f"-d{options.seconds}", "--latency", "-H", header, url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate, p99 = re.search(r"Requests/sec:\s+([\d.]+)", text), re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
    assert rate is not None, text
    assert p99 is not None, text
    assert "Non-2xx" not in text, text
    return Rate(float(rate[1]), float(p99[1]) * {"us": 1e-3, "ms": 1, "s": 1e3}[p99[2]])


def show(what: str, name: str, rates: list[Rate]) -> None:
    per_second = [each.per_second / 1e3 for each in rates]
    p99 = [each.p99_ms for each in rates]
    print(f"{what}, {name}: {spread(per_second)} k requests/s, p99 {spread(p99)} ms", flush=True)


def spread(values: list[float]) -> str:
    return f"{min(values):.2f} / {median(values):.2f} / {max(values):.2f}"


if __name__ == "__main__":
    main()
