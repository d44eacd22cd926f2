"""Test the commands that read from a service: `fetch`, `verify`, `streams`, `jobs`, `export --url`, `compare --url`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from concept_orderings.cli import main
from concept_orderings.client.steps import Reply
from support.lying_server import LyingServer
from support.scripted_service import Documents, ScriptedService, stated

pytest.importorskip("httpx", reason="the client needs httpx")

ID = "0f" * 16


@pytest.fixture
def service() -> ScriptedService:
    return ScriptedService()


@pytest.fixture
def first(service: ScriptedService) -> Documents:
    return service.publish("job-1", concepts=5)


@pytest.fixture
def server(
    service: ScriptedService, first: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LyingServer]:
    service.publish("job-1", 2, concepts=5, seed=1)
    monkeypatch.setenv("CONCEPT_ORDERINGS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CONCEPT_ORDERINGS_URL", raising=False)
    with LyingServer(service) as server:
        yield server


def as_json(value: Any) -> Reply:
    return Reply(200, {"content-type": "application/json"}, json.dumps(value).encode())


def listed(number: int, digest: str) -> dict[str, Any]:
    return {
        "version": number,
        "digest": digest,
        "order_digest": "0f" * 32,
        "ordering": "random",
        "concepts": 5,
        "created_at": "2026-01-31T12:00:00+00:00",
    }


def test_fetch_writes_what_export_and_compare_read(
    server: LyingServer, first: Documents, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        folder = str(tmp_path / f"v{number}")
        assert main(["fetch", f"job-1@{number}", "--url", server.url, "--output", folder, "--evidence"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"job-1 version 1 digest {first.digest}"
    assert (tmp_path / "v1" / "manifest.json").read_bytes() == first.manifest
    assert [(tmp_path / "v1" / "tasks" / f"{i}.json").read_bytes() for i in range(2)] == list(first.tasks)

    assert main(["export", str(tmp_path / "v1"), "--format", "tasks"]) == 0
    assert main(["compare", str(tmp_path / "v1"), "job-1@2", "--url", server.url]) == 0
    assert "5 shared concepts" in capsys.readouterr().out
    assert main(["fetch", "job-1", "--url", server.url, "--output", str(tmp_path / "v1")]) == 1
    assert "is not empty" in capsys.readouterr().err


def test_fetch_pins(server: LyingServer, first: Documents, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "job-1@1", "--url", server.url, "--digest", first.digest[:12]]) == 0
    assert main(["fetch", "job-1@2", "--url", server.url, "--digest", first.digest]) == 1
    assert f"The digest {first.digest} is that of version 1" in capsys.readouterr().err


def test_verify_names_what_is_wrong(
    server: LyingServer, service: ScriptedService, first: Documents, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "job-1@1", "--url", server.url]) == 0
    assert capsys.readouterr().out == f"verified: job-1 version 1, digest {first.digest}\n"
    service.answers["/v1/streams/job-1/versions/2/tasks/1"] = [stated(first.tasks[1])]

    assert main(["verify", "job-1@2", "--url", server.url]) == 1
    error = capsys.readouterr().err
    assert "Task 1 of version 2 of the stream job-1" in error
    assert "[wrong_digest]" in error


def test_export_of_a_service_has_the_day(
    server: LyingServer, service: ScriptedService, first: Documents, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers["/v1/streams/job-1?limit=1000"] = [
        as_json({"versions": [listed(1, first.digest)], "next_cursor": None})
    ] * 2
    assert main(["export", "job-1@1", "--url", server.url, "--format", "bibtex"]) == 0
    assert "year = {2026}" in capsys.readouterr().out
    assert main(["export", "job-1@1", "--url", server.url, "--format", "bibtex", "--published-on", "2031-01-01"]) == 0
    assert "year = {2031}" in capsys.readouterr().out


def test_lists(server: LyingServer, service: ScriptedService, capsys: pytest.CaptureFixture[str]) -> None:
    summary = {"name": "job-1", "latest_version": 2, "tasks": 2, **listed(2, "")}
    service.answers["/v1/streams?limit=1000"] = [as_json({"streams": [summary], "next_cursor": None})]
    service.answers["/v1/streams/job-1?limit=1000"] = [as_json({"versions": [listed(1, "ab")], "next_cursor": None})]
    progress = {"phase": "counting", "done": 1, "total": 3}
    job = {"id": ID, "name": "job-3", "progress": progress, "state": "running", "stream": None, "error": None}
    done = {**job, "state": "failed", "error": "source_unavailable"}
    waits = {**job, "state": "queued", "queue": {"ahead": 2}, "progress": {"phase": None, "done": 0, "total": 0}}
    service.answers["/v1/jobs?limit=100"] = [as_json({"jobs": [job, done, waits]})]
    cancelled = {**job, "state": "cancelled", "progress": {"phase": None, "done": 0, "total": 0}}
    service.answers[f"/v1/jobs/{ID}"] = [as_json(cancelled), as_json(job)]
    for command in (["streams"], ["streams", "job-1"], ["jobs"], ["jobs", "--cancel", ID], ["jobs", ID]):
        assert main([*command, "--url", server.url]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "job-1@2\trandom\t5\t2026-01-31T12:00:00+00:00",
        "job-1@1\trandom\t5\t2026-01-31T12:00:00+00:00\tab",
        f"{ID}\trunning\tjob-3\tcounting: 1 of 3",
        f"{ID}\tfailed\tjob-3\tsource_unavailable",
        f"{ID}\tqueued\tjob-3\t2 ahead",
        f"{ID}\tcancelled\tjob-3",
        f"{ID}\trunning\tjob-3\tcounting: 1 of 3",
    ]
    assert [each.method for each in server.seen if each.path == f"/v1/jobs/{ID}"] == ["DELETE", "GET"]


@pytest.mark.parametrize(("state", "status"), [("succeeded", 0), ("failed", 1), ("cancelled", 1)])
def test_a_job_is_followed(
    server: LyingServer, service: ScriptedService, capsys: pytest.CaptureFixture[str], state: str, status: int
) -> None:
    progress = {"phase": "counting", "done": 1, "total": 3}
    running = {"id": ID, "name": "job-3", "progress": progress, "state": "running", "stream": None, "error": None}
    error = "source_unavailable" if state == "failed" else None
    ended = {**running, "state": state, "error": error, "progress": {"phase": None, "done": 0, "total": 0}}
    service.answers[f"/v1/jobs/{ID}"] = [as_json(running)]
    data = f"id: 1-0\nevent: job\ndata: {json.dumps(ended)}\n\n".encode()
    service.answers[f"/v1/jobs/{ID}/events"] = [Reply(200, {"content-type": "text/event-stream"}, data)]

    assert main(["jobs", "--follow", ID, "--url", server.url]) == status
    written = capsys.readouterr()
    assert written.out.split() == [ID, state, "job-3", *([error] if error else [])]
    assert written.err == f"counting\n{state}\n"


@pytest.mark.parametrize(
    ("command", "status", "text"),
    [
        ("fetch job-1", 2, "Name the service: --url URL, or the variable CONCEPT_ORDERINGS_URL."),
        ("streams", 2, "Name the service"),
        ("export a b --url http://a --format fomo", 2, "name one version"),
        ("export a@b --url http://a --format fomo", 2, "no number of a version after the @"),
        ("compare a@b icarl/cifar100", 1, "There is no file a@b"),
        ("compare a@1 icarl/cifar100", 2, "Name the service"),
        ("fetch Job --url http://127.0.0.1:1", 1, "is not the name of a stream"),
        ("fetch job --url 127.0.0.1", 1, "is not the address of a service"),
        ("jobs 7 --url http://127.0.0.1:1", 1, "is not the id of a job"),
        ("jobs --limit 0 --url http://127.0.0.1:1", 2, "--limit"),
    ],
)
def test_what_cannot_be_done_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, status: int, text: str
) -> None:
    monkeypatch.delenv("CONCEPT_ORDERINGS_URL", raising=False)
    try:
        found = main(command.split())
    except SystemExit as left:
        found = int(str(left.code))

    assert found == status
    assert text in capsys.readouterr().err
