"""The command that checks a store: its lines, its exit status, and directories that are not there."""

import argparse
import asyncio
from pathlib import Path

import pytest

from concept_orderings.errors import StoreError
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.library import arrange_stream
from concept_orderings.request import parse_request
from store import object_keys
from store.objects import LocalObjects
from store.versions import Versions
from support.requests import random_request
from worker import fsck_command


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory with a stream of one version."""
    monkeypatch.delenv("CONCEPT_ORDERINGS_STREAMS_URL", raising=False)
    request = parse_request(random_request("s"))
    versions = Versions(LocalObjects(tmp_path / "streams"))
    asyncio.run(versions.publish(arrange_stream(request, evidence_at_hand(request))))
    return tmp_path


def run(data: Path, *options: str) -> int:
    parser = argparse.ArgumentParser()
    fsck_command.add_arguments(parser)
    return fsck_command.run(parser.parse_args(["--data-dir", str(data), *options]))


def test_a_whole_store_exits_with_0(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"objects in {data / 'streams'} read; all are whole" in shown.err


def test_each_finding_is_a_line_and_the_status_1(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "streams" / object_keys.version_record("s", 1)).write_bytes(b"x")
    assert run(data) == 1
    shown = capsys.readouterr().out
    assert shown.startswith(
        "damaged streams/s/versions/00000001.json: the record of a version, s version 1. Restore it"
    )


def test_repaired_findings_are_named_and_do_not_count(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "streams" / object_keys.newest("s")).write_bytes(b"x")
    assert run(data) == 1
    assert run(data, "--repair") == 0
    assert "repaired damaged streams/s/newest.json: the hint to the newest version of s." in capsys.readouterr().out
    assert run(data) == 0


def test_numbers_are_left_out(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--skip-numbers", "10") == 0
    assert capsys.readouterr().out == "s: the next version is 12\n"
    assert run(data) == 0


def test_a_directory_without_a_store_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONCEPT_ORDERINGS_STREAMS_URL", raising=False)
    with pytest.raises(StoreError) as refusal:
        run(tmp_path)
    assert refusal.value.code == "store_unavailable"


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "x", "4000"])
def test_seconds_to_wait_are_refused_out_of_range(data: Path, seconds: str) -> None:
    with pytest.raises(SystemExit):
        run(data, f"--wait={seconds}")


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "1000001"])
def test_numbers_to_leave_out_are_refused_out_of_range(data: Path, number: str) -> None:
    with pytest.raises(SystemExit):
        run(data, f"--skip-numbers={number}")
