"""Two services that differ in all that must not matter publish the same bytes by similarity and by typicality."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support.deployment import Deployment
from support.waiting import until

pytestmark = pytest.mark.slow

CLASSES = [
    f"{colour} {animal}" for colour in ("red", "grey", "sea", "Arctic") for animal in ("fox", "owl", "otter", "kea")
]
TEMPLATES = ["A photo of a {}.", "A drawing of a {}, a type of animal.", "{}"]

ONE = {"CONCEPT_ORDERINGS_THREADS": "1", "CONCEPT_ORDERINGS_BATCH_SIZE": "7"}
OTHER = {
    "CONCEPT_ORDERINGS_THREADS": "2",
    "CONCEPT_ORDERINGS_BATCH_SIZE": "256",
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
}


def request(name: str, kind: str, classes: list[str], *templates: str) -> dict[str, Any]:
    datasets = [
        {"name": "mine", "classes": classes, "template": list(templates)},
        {"name": "dtd", "classes": ["dotted"]},
    ]
    ordering = {"kind": kind, "encoder": "minilm"}
    return {"name": name, "datasets": datasets, "ordering": ordering, "tasks": {"count": 3}}


WANTED = [
    request("one-template", "similarity", CLASSES, TEMPLATES[0]),
    request("several", "similarity", CLASSES, *TEMPLATES),
    request("typical", "typicality", CLASSES, TEMPLATES[0]),
]
BEFORE = [
    request("piece", "typicality", CLASSES[9:3:-1], *TEMPLATES[:2]),
    request("another-piece", "similarity", CLASSES[2::5], *TEMPLATES[1:]),
]


def published(deployment: Deployment, body: dict[str, Any]) -> dict[str, Any]:
    """Post a request until its version is there: loading the encoder may take more than the longest wait."""
    answer = until(
        lambda: found if (found := deployment.post(body, wait=60)).status_code != 202 else None,
        "a version",
        deadline=600,
    )
    assert answer is not None
    assert answer.status_code in (200, 201), answer.text
    version: dict[str, Any] = answer.json()
    return version


def digests(directory: Path, settings: Mapping[str, Any], bodies: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """Publish requests one after the other with a new service, and return the two digests of each by its stream."""
    directory.mkdir()
    with Deployment(directory, **settings) as deployment:
        deployment.ready()
        versions = [published(deployment, body) for body in bodies]
    return {each["name"]: (each["digest"], each["order_digest"]) for each in versions}


def test_two_services_that_differ_in_all_but_the_request_publish_the_same_bytes(tmp_path: Path) -> None:
    one = digests(tmp_path / "one", ONE, WANTED)
    other = digests(tmp_path / "other", OTHER, [*BEFORE, *WANTED[::-1]])
    assert {name: other[name] for name in one} == one
