"""Ask a running service for a stream and print its tasks; needs nothing but Python.

Usage: python examples/first_stream.py [http://127.0.0.1:8000]
"""

import argparse
import json
import sys
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
            print(f"The job is {version['state']}; see {base}{version['url']}", file=sys.stderr)
            return 1
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


def call(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """GET a URL, or POST a body and wait up to a minute for the version."""
    headers = {"Content-Type": "application/json", "Prefer": "wait=60"} if body else {}
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=90) as answer:
        content: dict[str, Any] = json.load(answer)
        return content


if __name__ == "__main__":
    sys.exit(main())
