"""Shards that are empty, damaged or missing: named by the command that indexes them, and where its index is used."""

import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.deployment import Deployment
from support.processes import ROOT
from support.waiting import until


def index(service: Deployment, name: str, shards: Sequence[Path]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "concept_orderings.cli", "index", *map(str, shards), "--name", name]
    environment = {**service.environment, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, "--data-dir", str(service.data)],
        env=environment,
        cwd=service.directory,
        capture_output=True,
        text=True,
        check=False,
    )


def shard(directory: Path, name: str, *texts: str) -> Path:
    path = directory / name
    path.write_bytes(gzip.compress("".join(json.dumps({"text": text}) + "\n" for text in texts).encode()))
    return path


def lines(result: "subprocess.CompletedProcess[str]") -> list[str]:
    """Return what the command wrote to standard error, without its progress bar."""
    return [each for each in result.stderr.splitlines() if each.startswith("concept-orderings: ")]


def test_a_failed_download_is_refused_by_name(service: Deployment, tmp_path: Path) -> None:
    good, failed, page = (tmp_path / f"c4-train.{number:05d}-of-01024.json.gz" for number in range(3))
    shard(tmp_path, good.name, "a dog")
    failed.touch()
    page.write_text("<!DOCTYPE html><html>503</html>")
    result = index(service, "failed", [good, failed, page])

    assert result.returncode != 0
    assert f"{failed}: the file is empty (0 bytes)" in result.stderr
    assert f"{page}, after line 0: the file is not gzip: it begins with '<!DOCTYPE html>" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_any_document_there_is_no_index_and_no_source(service: Deployment, tmp_path: Path) -> None:
    result = index(service, "empty", [shard(tmp_path, "nothing.json.gz")])

    assert result.returncode != 0
    assert "There is no document in" in result.stderr
    assert not (service.data / "indexes" / "empty" / "index.json").exists()


def test_warnings_are_printed_and_stand_with_the_source_and_in_the_manifest(
    service: Deployment, tmp_path: Path
) -> None:
    names = [f"c4-train.{number:05d}-of-00004.json.gz" for number in range(4)]
    paths = [shard(tmp_path, names[0], "a dog", "a cat"), shard(tmp_path, names[1]), shard(tmp_path, names[3], "a cow")]
    warnings = [
        f"1 of 3 shards has no documents: '{names[1]}'.",
        "3 of 4 shards named 'c4-train.*-of-00004.json.gz' are in the index; not in it: 00002.",
    ]
    result = index(service, "part", paths)
    assert (result.returncode, lines(result)) == (0, [f"concept-orderings: {each}" for each in warnings])

    def source() -> dict[str, Any] | None:
        sources = service.http.get("/v1/sources").json()["sources"]
        return next((each for each in sources if each["name"] == "part"), None)

    found = until(source, "the worker has reported the index")
    assert found is not None
    assert found["warnings"] == warnings

    version = service.publish(
        {
            "name": "from-a-part",
            "datasets": [{"name": "A", "classes": ["dog", "cat"]}],
            "ordering": {"kind": "frequency", "source": "part"},
            "tasks": {"count": 1},
        }
    )
    assert service.http.get(version["url"]).json()["evidence"]["counts"]["warnings"][:2] == warnings
    look = service.http.post("/v1/sources/part/counts", json={"names": ["dog"]}, headers={"Prefer": "wait=60"})
    assert look.json()["source"]["warnings"] == warnings

    again = index(service, "part", [*paths, shard(tmp_path, names[2], "a hen")])
    assert lines(again) == [f"concept-orderings: 1 of 4 shards has no documents: '{names[1]}'."]
