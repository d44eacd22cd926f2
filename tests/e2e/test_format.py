"""No program starts on data of a later release: exit status 1, and one line that names the release to use."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from store.format import CURRENT, FILE, Format
from support.deployment import Deployment
from support.keys import KEYS
from support.processes import OWN_SETTINGS, ROOT, Valkey
from support.requests import random_request

LATER = Format(3, "0.9.0").to_bytes()
PROGRAMS = {
    "the API": ["-m", "app", "--port", "0"],
    "the worker": ["-m", "worker"],
    "the worker by its command": ["-m", "concept_orderings.cli", "worker"],
}
SERVE = ["-m", "concept_orderings.cli", "serve", "--port", "0"]


def start(arguments: Sequence[str], **settings: str) -> "subprocess.CompletedProcess[str]":
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(OWN_SETTINGS)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**inherited, "PYTHONPATH": str(ROOT), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_refused(run: "subprocess.CompletedProcess[str]", *, what: str) -> None:
    assert run.returncode == 1, run.stderr
    [line] = run.stderr.splitlines()
    assert what in line
    assert "format 3" in line
    assert "0.9.0" in line
    assert line.endswith("[unknown_data_format]")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_later_data_directory_is_refused(valkey: Valkey, tmp_path: Path, program: str) -> None:
    (tmp_path / FILE).write_bytes(LATER)
    run = start(PROGRAMS[program], REDIS_URL=valkey.url, CONCEPT_ORDERINGS_DATA_DIR=str(tmp_path))
    assert_refused(run, what=f"The data directory {tmp_path}")
    assert valkey.keys() == set()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_later_redis_is_refused(valkey: Valkey, tmp_path: Path, program: str) -> None:
    with valkey.client() as client:
        client.set(KEYS.format, LATER)
    run = start(PROGRAMS[program], REDIS_URL=valkey.url, CONCEPT_ORDERINGS_DATA_DIR=str(tmp_path))
    assert_refused(run, what="The data in Redis under concept-orderings")
    assert valkey.keys() == {KEYS.format.encode()}


def test_index_refuses_a_later_data_directory(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(LATER)
    run = start(["-m", "concept_orderings.cli", "index", "shard.json.gz", "--data-dir", str(tmp_path)])
    assert_refused(run, what=f"The data directory {tmp_path}")


def test_serve_refuses_a_later_data_directory_before_it_starts_anything(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(LATER)
    run = start([*SERVE, "--data-dir", str(tmp_path)])
    assert_refused(run, what=f"The data directory {tmp_path}")
    assert run.stdout == ""
    assert [each.name for each in tmp_path.iterdir()] == [FILE]


def test_serve_refuses_a_later_redis(valkey: Valkey, tmp_path: Path) -> None:
    with valkey.client() as client:
        client.set(KEYS.format, LATER)
    run = start([*SERVE, "--data-dir", str(tmp_path)], REDIS_URL=valkey.url)
    assert run.returncode == 1
    assert "the first release that reads it is 0.9.0. [unknown_data_format]" in run.stderr


def test_a_service_writes_both_formats(controlled: Deployment) -> None:
    controlled.ready()
    assert (controlled.data / FILE).read_bytes() == CURRENT.to_bytes()
    assert controlled.publish(random_request("format"))["version"] == 1


def test_an_api_that_started_before_a_later_redis_serves_versions_alone(controlled: Deployment) -> None:
    controlled.start_worker()
    version = controlled.publish(random_request("before", seed=1))
    controlled.workers.pop().kill()
    controlled.valkey.kill()
    controlled.api.process.kill()
    controlled.api.start()
    controlled.valkey.start()
    with controlled.valkey.client() as client:
        client.set(KEYS.format, LATER)
    answer = controlled.post(random_request("before", seed=2))
    assert (answer.status_code, answer.json()["code"]) == (503, "redis_unavailable")
    assert "0.9.0" in controlled.api.process.text()
    assert controlled.http.get(version["url"]).status_code == 200
