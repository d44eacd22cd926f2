"""A request in a file gives the same version by `concept-orderings order` as by a POST to the running service."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.examples import REQUESTS
from concept_orderings.evidence.counts import IN_REQUEST
from support.deployment import TEST_PATH, Deployment

# The worker of these tests has no index, and the manifest says when counts from a source were counted.
EXAMPLES = {
    name: each["value"]
    for name, each in REQUESTS.items()
    if each["value"]["ordering"].get("source", IN_REQUEST) == IN_REQUEST
}
ENCODED = ("similarity", "typicality")


def body_of(kind: str) -> dict[str, Any]:
    """Return the example of a kind with an encoder that needs no weights, under a name of its own."""
    body: dict[str, Any] = EXAMPLES[kind]
    encoder = {"encoder": "fake"} if body["ordering"]["kind"] in ENCODED else {}
    return {**body, "name": f"ordered-{kind}", "ordering": {**body["ordering"], **encoder}}


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 6


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_request_gives_the_version_of_the_service(service: Deployment, tmp_path: Path, kind: str) -> None:
    body = body_of(kind)
    published = service.publish(body)
    (tmp_path / "request.json").write_text(json.dumps(body))
    run = subprocess.run(
        [sys.executable, "-m", "concept_orderings.cli", "order", "request.json", "--manifest", "manifest.json"],
        cwd=tmp_path,
        env={**service.environment, "PYTHONPATH": TEST_PATH},
        capture_output=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    manifest = service.http.get(published["url"]).content
    tasks = service.http.get(f"{published['url']}/export/tasks").content
    assert published["version"] == 1
    assert (tmp_path / "manifest.json").read_bytes() == manifest
    assert run.stdout == tasks
