"""Measure the processor time that a request of 18,381 concepts takes in the API: the first time, and posted again.

    python bench/posts.py [--runs 5] [--posts 40]

Starts the whole service on a temporary data directory. Baseline in the same run, by turns: a bare ASGI function under
uvicorn that receives the same body, hashes it with SHA-256 and sends an answer of the same size.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import psutil
from service import ROOT, free_port, load_concepts, post, service, wait_for

BARE = """
import hashlib
import sys
import uvicorn

ANSWER = b" " * int(sys.argv[2])

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    hashlib.sha256(body).digest()
    length = (b"content-length", str(len(ANSWER)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": ANSWER})

uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, server_header=False, lifespan="off")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--posts", type=int, default=40)
    options = parser.parse_args()
    body = {"name": "posts", "concepts": load_concepts(), "ordering": {"kind": "random"}, "tasks": {"count": 20}}
    data = json.dumps(body).encode()
    with tempfile.TemporaryDirectory() as name, service(Path(name) / "data") as (base, api):
        url = f"{base}/v1/streams"
        answer = json.dumps(post(url, body)).encode()
        print(
            f"{len(data)} bytes; ms of processor time of a POST, {options.runs} runs of {options.posts}; min/median/max"
        )
        with bare(len(answer)) as (bare_url, process):
            # White space after the body makes it another body for the same request.
            others = iter([data + b" " * number for number in range(1, options.runs * options.posts + 1)])
            found: dict[str, list[float]] = {"another body": [], "the same body": [], "baseline: received, hashed": []}
            for _ in range(options.runs):
                bodies = [next(others) for _ in range(options.posts)]
                found["another body"].append(milliseconds(url, bodies, api))
                found["the same body"].append(milliseconds(url, [data] * options.posts, api))
                same = milliseconds(bare_url, [data] * options.posts, process)
                found["baseline: received, hashed"].append(same)
        for what, each in found.items():
            print(f"{what}: {min(each):.2f} / {median(each):.2f} / {max(each):.2f}")


@contextlib.contextmanager
def bare(answer_bytes: int) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port), str(answer_bytes)], cwd=ROOT)
    try:
        wait_for(lambda: send(f"http://127.0.0.1:{port}/", b""))
        yield f"http://127.0.0.1:{port}/", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def milliseconds(url: str, bodies: Sequence[bytes], server: psutil.Process) -> float:
    """Post each body, and return the processor time of the server for one."""
    send(url, bodies[0])
    before = processor_seconds(server)
    for each in bodies:
        send(url, each)
    return (processor_seconds(server) - before) / len(bodies) * 1000


def processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def send(url: str, body: bytes) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, body)) as answer:
        answer.read()


if __name__ == "__main__":
    main()
