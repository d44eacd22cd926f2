"""The store is checked, backed up while it is written, and restored; Redis is lost alone."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from store import object_keys
from support.deployment import TEST_PATH, Deployment
from support.processes import ROOT
from support.requests import random_request
from support.waiting import until


def fsck(data: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command on a data directory."""
    command = [sys.executable, "-m", "concept_orderings.cli", "fsck", "--data-dir", str(data), *options]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CONCEPT_ORDERINGS_")}
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**environment, "PYTHONPATH": TEST_PATH},
        capture_output=True,
        text=True,
        check=False,
    )


def published(service: Deployment, name: str, number: int) -> list[dict[str, Any]]:
    return [service.publish(random_request(name, seed=seed, concepts=6)) for seed in range(number)]


def test_fsck_names_what_is_damaged_beside_a_running_service(service: Deployment) -> None:
    versions = published(service, "checked", 3)
    whole = fsck(service.data)
    assert (whole.returncode, whole.stdout) == (0, ""), whole.stdout + whole.stderr
    assert "all are whole" in whole.stderr

    root = service.data / "streams"
    task = root / object_keys.document(versions[0]["tasks"][0]["digest"])
    data = task.read_bytes()
    task.write_bytes(data[:-3] + bytes([data[-3] ^ 4]) + data[-2:])
    (root / object_keys.version_record("checked", 2)).unlink()
    odd = root / object_keys.document("ab" * 32)
    odd.parent.mkdir(exist_ok=True)
    odd.write_bytes(b"")
    pointers = sorted((root / object_keys.request_pointers("checked")).iterdir())
    pointers[0].rename(root / "notes.txt")
    found = fsck(service.data)
    assert found.returncode == 1
    lines = found.stdout.splitlines()
    assert any(
        line.startswith(f"damaged {object_keys.document(versions[0]['tasks'][0]['digest'])}: ") for line in lines
    )
    assert any(line.startswith(f"missing {object_keys.version_record('checked', 2)}: ") for line in lines)
    assert any(line.startswith(f"damaged {object_keys.document('ab' * 32)}: ") for line in lines)
    assert any(line.startswith("unreferred notes.txt: ") for line in lines)
    assert len(lines) in (4, 5), "a pointer is missing too, unless it was that of the lost version"
    assert service.publish(random_request("checked", seed=9))["version"] == 4

    # Put things back, so that the other tests of the module find a whole store.
    task.write_bytes(data)
    odd.unlink()
    (root / "notes.txt").rename(pointers[0])
    shutil.rmtree(root / object_keys.stream("checked"))


CONTENTS = {"documents", "evidence", "counts", "scores", "labels"}


def back_up(store: Path, to: Path) -> None:
    """Copy a store while it is written, in the order of docs/data.md: what refers to others comes first."""
    folders = {each.name for each in store.iterdir()} - {".tmp"}
    for folder in (*(folders - CONTENTS), *(folders & CONTENTS)):
        shutil.copytree(store / folder, to / folder)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    folder = tmp_path / "restored"
    (folder / "data").mkdir(parents=True)
    return folder


def test_a_backup_that_is_taken_while_versions_are_published_is_whole(service: Deployment, other: Path) -> None:
    published(service, "early", 2)
    stop = threading.Event()
    posted: list[dict[str, Any]] = []

    def publish() -> None:
        while not stop.is_set():
            posted.append(service.publish(random_request("live", seed=len(posted))))

    writer = threading.Thread(target=publish)
    writer.start()
    until(lambda: len(posted) > 3, "versions are published")
    back_up(service.data / "streams", other / "data" / "streams")
    copied = len(posted)
    until(lambda: len(posted) > copied + 3, "more versions are published")
    stop.set()
    writer.join()
    manifests = {each["url"]: service.http.get(each["url"]).content for each in posted}

    checked = fsck(other / "data", "--repair", "--skip-numbers", "1000", "--wait", "0")
    wrong = [line for line in checked.stdout.splitlines() if line.startswith(("damaged ", "missing "))]
    assert wrong == [], checked.stdout
    assert "live: the next version is 10" in checked.stdout

    # Redis is new and empty: streams are there, jobs are not.
    with Deployment(other) as restored:
        restored.ready()
        there = [each["url"] for each in restored.http.get("/v1/streams/live?limit=1000").json()["versions"]]
        assert 3 <= len(there) < len(posted)
        for url in there:
            assert restored.http.get(url).content == manifests[url]
        # The numbers that the backup lacks may be in the caches of clients.
        number = restored.publish(random_request("live", seed=10_000))["version"]
        assert number == len(there) + 1001
        assert restored.http.get("/v1/streams/live/versions/latest").headers["Location"].endswith(f"/{number}")
        assert restored.post(random_request("early", seed=1, concepts=6)).json()["version"] == 2
