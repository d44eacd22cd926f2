"""Ask a running service for a stream and print its tasks; needs nothing but Python.

Usage: python examples/first_stream.py [http://127.0.0.1:8000]
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from typing import Any

REQUEST = {
    "name": "first-steps",
    "datasets": [
        {"name": "cifar100", "classes": ["bear", "beaver", "dolphin", "otter"]},
        {"name": "flowers102", "classes": ["daffodil", "sunflower", "water lily"]},
        {"name": "my-gadgets", "classes": ["e-reader", "smart ring", "game console"], "year": 2024},
    ],
    "ordering": {"kind": "time"},
    "tasks": {"by": "year"},
}


def main() -> int:
    """Post the request, wait for the version, fetch each task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", nargs="?", default="http://127.0.0.1:8000", metavar="URL", help="where the service is")
    base = parser.parse_args().base.rstrip("/")
    try:
        version = call(f"{base}/v1/streams", REQUEST)
        if "state" in version:
            job = follow(base, version)
            if job["state"] != "succeeded":
                why = job["error"] or {"detail": "It was cancelled; run this again."}
                print(f"The job is {job['state']}: {why['detail']}", file=sys.stderr)
                return 1
            version = call(f"{base}/v1/streams", REQUEST)  # the same request: it has a version now
        print(f"{version['name']} version {version['version']}, sha256 {version['digest']}")
        for link in version["tasks"]:
            task = call(base + link["url"])
            print(f"task {task['task']}: {', '.join(each['concept'] for each in task['concepts'])}")
    except urllib.error.HTTPError as error:
        print(f"{error.url} answered {error.code}: {error.read().decode()}", file=sys.stderr)
        return 1
    except urllib.error.URLError as error:
        print(f"No service at {base} ({error.reason}); start it with: make run", file=sys.stderr)
        return 1
    return 0


def follow(base: str, job: dict[str, Any]) -> dict[str, Any]:
    """Ask for the job once a second, and say what it is at, until it is finished."""
    said = ""
    while job["state"] in ("queued", "running"):
        if (text := what_it_is_at(job)) != said:
            print(text, file=sys.stderr, flush=True)
            said = text
        time.sleep(1)
        job = call(base + job["url"])
    return job


def what_it_is_at(job: dict[str, Any]) -> str:
    """Return what a job waits for or does."""
    phase, done, total = (job["progress"][name] for name in ("phase", "done", "total"))
    if job["state"] == "running":
        return (phase or "running") + (f": {done} of {total}" if total else "")
    queue = job["queue"] or {"ahead": 0, "workers": 1}  # it has just left the queue
    if not queue["workers"]:
        return "queued, but no worker is up; start one"
    return f"queued: {queue['ahead']} jobs ahead, {queue['workers']} at a time"


def call(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """GET a URL, or POST a body and wait up to a second for the version."""
    headers = {"Content-Type": "application/json", "Prefer": "wait=1"} if body else {}
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=90) as answer:
        content: dict[str, Any] = json.load(answer)
        return content


if __name__ == "__main__":
    sys.exit(main())
