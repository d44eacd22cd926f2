"""Bundles of the service verified by the command, as they are and after they were tampered with."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from concept_orderings.cli import main
from concept_orderings.stored_zip import stored_zip
from support.deployment import Deployment

ORDERINGS: dict[str, dict[str, Any]] = {
    "similarity": {"kind": "similarity", "encoder": "fake"},
    "refined": {"kind": "similarity", "encoder": "fake", "refine": 1, "starts": 5, "reverse": True},
    "frequency": {"kind": "frequency", "ties": {"stream": "icarl/cifar100"}},
    "time": {"kind": "time", "within": {"kind": "typicality", "encoder": "fake"}},
}


@pytest.fixture(scope="module")
def bundles(service: Deployment) -> dict[str, bytes]:
    found = {}
    for name, ordering in ORDERINGS.items():
        classes = (
            [f"class {i}" for i in range(30)] if name != "frequency" else ["bear", "otter", "wolf", "apple", "rose"]
        )
        dataset = {"name": "cifar100", "classes": classes, "counts": {each: len(each) for each in classes}}
        body = {"name": f"verified-{name}", "datasets": [dataset], "ordering": ordering, "tasks": {"count": 3}}
        if name != "frequency":
            del dataset["counts"]
        version = service.publish(body)
        found[name] = service.http.get(f"{version['url']}/export/bundle").content
    return found


@pytest.mark.parametrize("name", ORDERINGS)
def test_a_bundle_of_the_service_is_verified(
    bundles: dict[str, bytes], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundles[name])

    assert main(["verify", str(path), "--all-starts"]) == 0, capsys.readouterr().out
    assert main(["verify", str(path)]) == 0
    with zipfile.ZipFile(io.BytesIO(bundles[name])) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    members["tasks/1.json"] = members["tasks/1.json"].replace(b'"position":', b'"position":1', 1)
    path.write_bytes(stored_zip(members))
    capsys.readouterr()
    assert main(["verify", str(path)]) == 1
    out = capsys.readouterr().out
    assert "[file_changed]" in out
    assert "[tasks_differ]" in out
