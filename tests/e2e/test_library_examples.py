"""The examples for other libraries: their tasks have the classes of the stream's tasks."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.deployment import Deployment
from support.exporting_libraries import run_example
from support.requests import random_request


@pytest.mark.parametrize("library", ["avalanche", "continuum"])
def test_the_tasks_of_a_library_are_those_of_the_stream(service: Deployment, library: str) -> None:
    version = service.publish(random_request("library-example", seed=1, concepts=10, tasks=4))
    expected = [
        f"task {i}: {', '.join(sorted(each['class'] for each in task['concepts']))}"
        for i, task in enumerate(service.http.get(each["url"]).json() for each in version["tasks"])
    ]

    assert run_example((library,), f"on_{library}.py", str(service.http.base_url), "library-example") == expected


def test_the_files_of_the_benchmark_are_the_service_s_exports(service: Deployment, tmp_path: Path) -> None:
    body: dict[str, Any] = {
        "name": "fomo-example",
        "datasets": [{"name": "cifar100", "classes": ["bear", "otter", "seal", "whale", "wolf"]}],
        "ordering": {"kind": "random"},
        "tasks": {"count": 2},
    }
    version = service.publish(body)
    run_example((), "on_fomo.py", str(service.http.base_url), "fomo-example", str(tmp_path))

    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert written == {
        f"fomo-example-v1-{name}.{suffix}": service.http.get(f"{version['url']}/export/{name}").content
        for name, suffix in (("fomo", "json"), ("fomo-config", "yaml"))
    }
    assert len(json.loads(written["fomo-example-v1-fomo.json"])) == 5
