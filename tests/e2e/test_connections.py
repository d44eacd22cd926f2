"""Thousands of connections with half a request do not keep the service from others."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.deployment import Deployment
from support.half_open import HalfOpen, Reader
from support.processes import ROOT, Api
from support.requests import random_request

FEW_DESCRIPTORS = ROOT / "tests" / "support" / "few_descriptors.py"
DEADLINE_SECONDS = 1


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A service with deadlines of a second, whose API may have 64 files open until it raises the limit to 512."""
    with Deployment(
        tmp_path_factory.mktemp("limited"),
        script=FEW_DESCRIPTORS,
        CONCEPT_ORDERINGS_HEADER_SECONDS=str(DEADLINE_SECONDS),
        CONCEPT_ORDERINGS_BODY_SECONDS=str(DEADLINE_SECONDS),
        DESCRIPTORS="64:512",
    ) as deployment:
        yield deployment


def test_half_open_connections_are_closed_in_time_while_others_are_served(limited: Deployment) -> None:
    with Reader(limited.api.port) as others, HalfOpen(limited.api.port, 150) as half_open:
        half_open.until_closed(DEADLINE_SECONDS + 10)
    assert set(others.statuses) == {200}
    assert others.p99 < 1.0
    assert len(limited.api.process.text()) < 10_000
    assert limited.process_is_well()


def test_waiting_for_a_version_and_following_a_job_outlast_the_deadlines(limited: Deployment) -> None:
    followed = limited.post(random_request("followed")).json()["url"]
    with limited.http.stream("GET", f"{followed}/events") as events:
        lines = events.iter_lines()
        assert next(lines).startswith("id:")
        waited = limited.post(random_request("outlasts"), wait=2 * DEADLINE_SECONDS)
        assert waited.status_code == 202, "there is no worker, and the wait was not cut"
        limited.http.delete(followed)
        assert any('"cancelled"' in line for line in lines)


@pytest.mark.faults
@pytest.mark.parametrize("most_files", [None, 1024])
def test_5000_half_open_connections_at_a_soft_limit_of_1024_files(tmp_path: Path, most_files: int | None) -> None:
    """With a hard limit of 1,024 too, there are more connections than the process can have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 12_000:
        pytest.skip(f"this system lets a process open {hard} files, and this load needs 12,000")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    settings = {
        "CONCEPT_ORDERINGS_DATA_DIR": str(tmp_path / "data"),
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "DESCRIPTORS": f"1024:{most_files or hard}",
    }
    api = Api(settings, tmp_path, program=(str(FEW_DESCRIPTORS), "app"))
    try:
        with Reader(api.port) as others, HalfOpen(api.port, 5000) as half_open:
            seconds, after_opening = half_open.until_closed(60)
        log = len(api.process.text())
        refused = len(others.statuses) - others.statuses.count(200)
        print(
            f"all closed {after_opening:.1f} s after the last was opened, {seconds:.1f} s after the first; "
            f"{len(others.seconds)} reads, {refused} refused, p99 {others.p99:.3f} s; log {log} bytes"
        )
        assert after_opening < 30
        assert others.p99 < 1.0
        assert log < 1_000_000
        assert set(others.statuses) <= {200, 503, 0}
        assert refused <= (0 if most_files is None else len(others.statuses) // 10)
    finally:
        api.close()
