"""Test what `concept-orderings doctor` says of a service that is down, up, full or wrong, and how it exits."""

import argparse
import asyncio
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from concept_orderings.version import __version__
from store.counts_files import CountsFiles, CountsMeaning
from store.format import claim_data_dir
from store.objects import LocalObjects
from support.processes import OWN_SETTINGS, Valkey
from worker import doctor_command
from worker.evidence.local_index import build_index
from worker.running import announced

Examine = Callable[..., dict[str, dict[str, str]]]


@pytest.fixture
def examine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Examine:
    """Run the command on a data directory with settings; return the findings by what they are about."""
    for name in ("REDIS_URL", "CONCEPT_ORDERINGS_SOURCES", "CONCEPT_ORDERINGS_CHECKPOINTS", "CONCEPT_ORDERINGS_URL"):
        assert name.startswith(OWN_SETTINGS)
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONCEPT_ORDERINGS_DATA_DIR", "")  # the command sets it
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    def run(url: str = "", **settings: str) -> dict[str, dict[str, str]]:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        options = argparse.Namespace(data_dir=tmp_path / "data", url=url, json=True)
        status = doctor_command.run(options)
        answer = json.loads(capsys.readouterr().out)
        findings: list[dict[str, str]] = answer["findings"]
        assert answer["ok"] == (status == 0) == all(each["state"] != "wrong" for each in findings)
        assert all(each["advice"] for each in findings if each["state"] == "wrong")
        return {each["about"]: each for each in findings}

    return run


def states(found: dict[str, dict[str, str]], state: str) -> set[str]:
    return {about for about, each in found.items() if each["state"] == state}


def test_a_service_that_is_down_and_new_is_not_wrong(examine: Examine, tmp_path: Path) -> None:
    found = examine()
    assert states(found, "wrong") == set()
    assert "No Valkey runs on" in found["Redis"]["found"]
    assert not (tmp_path / "data").exists(), "nothing is written"


def test_a_service_that_is_up_is_well(examine: Examine, tmp_path: Path) -> None:
    valkey = Valkey(durable=True)
    try:
        claim_data_dir(tmp_path / "data")
        (tmp_path / "data" / "streams").mkdir()
        with announced(tmp_path / "data"):
            found = examine(REDIS_URL=valkey.url)
    finally:
        valkey.close()
    assert states(found, "wrong") == set()
    for about in (
        "settings",
        "format",
        "store",
        "Redis",
        "persistence",
        "memory of Redis",
        "queue",
        "embeddings",
        "sources",
    ):
        assert found[about]["state"] == "ok", found[about]
    assert any(about.startswith("worker ") and __version__ in each["found"] for about, each in found.items())
    assert found["workers"]["state"] == "note"


def test_a_redis_that_is_away_forgetful_or_full_is_wrong(examine: Examine, valkey: Valkey) -> None:
    assert states(examine(REDIS_URL="redis://:secret@127.0.0.1:1/0"), "wrong") == {"Redis"}
    with valkey.client() as client:
        memory: Any = client.info("memory")
        client.config_set("maxmemory", int(memory["used_memory"] / 0.95))
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            found = examine(REDIS_URL=valkey.url)
        finally:
            client.config_set("maxmemory", 0)
            client.config_set("maxmemory-policy", "noeviction")
    assert states(found, "wrong") == {"persistence", "eviction", "memory of Redis"}


def test_no_password_is_shown(examine: Examine) -> None:
    assert "secret" not in json.dumps(examine(REDIS_URL="redis://:secret@127.0.0.1:1/0"))


def test_a_disk_without_room_and_a_store_that_takes_no_writes_are_wrong(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    found = examine(CONCEPT_ORDERINGS_STREAMS_URL=str(tmp_path / "file"), CONCEPT_ORDERINGS_MIN_FREE_MB=str(10**9))
    assert states(found, "wrong") == {"room of the data directory", "room of the store", "store"}


def test_data_of_a_later_release_and_wrong_settings_are_wrong(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "format").write_text('{"format": 99, "read_by": "9.0.0"}')
    found = examine(CONCEPT_ORDERINGS_SOURCES=str(tmp_path / "none.toml"), CONCEPT_ORDERINGS_MEMORY_MB=str(10**9))
    assert states(found, "wrong") == {"settings", "format", "sources", "memory"}
    assert "9.0.0" in found["format"]["found"]
    assert set(examine(CONCEPT_ORDERINGS_THREADS="many")) == {"settings"}


def test_indexes_uploads_and_weights_are_examined(examine: Examine, tmp_path: Path) -> None:
    shard = Path(__file__).parents[3] / "examples" / "documents.json.gz"
    for name in ("good", "broken", "twice"):
        build_index([shard], tmp_path / "data" / "indexes" / name)
    (tmp_path / "data" / "indexes" / "broken" / "index.json").write_text("{")
    (tmp_path / "sources.toml").write_text('[twice]\nkind = "infini-gram"\n')
    (tmp_path / "weights").mkdir()
    files = CountsFiles(LocalObjects(tmp_path / "data" / "streams"))
    asyncio.run(files.create("good", CountsMeaning(unit="documents", corpus="C4"), {"a": 1}))
    found = examine(
        CONCEPT_ORDERINGS_SOURCES=str(tmp_path / "sources.toml"),
        CONCEPT_ORDERINGS_CHECKPOINTS=str(tmp_path / "weights"),
    )
    assert states(found, "wrong") == {"index broken", "index twice", "weights"}
    assert (found["index good"]["state"], found["counts file good"]["state"]) == ("ok", "note")
    (tmp_path / "weights" / "ViT-L-14.openai.safetensors").touch()
    assert examine()["weights"]["state"] == "ok"


def test_an_api_that_is_not_ready_is_wrong_and_says_why(examine: Examine) -> None:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_ready = self.path == "/v1"
            reasons = [{"code": "no_workers", "detail": "No worker has reported."}]
            self.send_response(200 if is_ready else 503)
            self.end_headers()
            body = {"release": "0.3.0"} if is_ready else {"status": "not ready", "reasons": reasons}
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *arguments: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        found = examine(url)
        server.shutdown()
        thread.join()
    assert states(found, "wrong") == {f"API at {url}"}
    assert found[f"API at {url}"]["advice"] == "No worker has reported."
    assert "0.3.0" in found[f"API at {url}"]["found"]
    assert states(examine(url), "wrong") == {f"API at {url}"}, "it is gone"


def test_lines_for_people(examine: Examine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = argparse.Namespace(data_dir=tmp_path / "data", url="http://127.0.0.1:1", json=False)
    assert doctor_command.run(options) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("WRONG API at http://127.0.0.1:1: ") for line in lines)
    assert any(line.startswith("      → ") for line in lines)
