"""Run the example that needs the client alone, without PyTorch; tests/pythons.py runs it on the wheel."""

import subprocess
import sys
from pathlib import Path

import pytest

from concept_orderings.client import Client
from concept_orderings.exporters import EXPORTERS
from support.lying_server import LyingServer
from support.requests import fomo_request
from support.scripted_service import ScriptedService

pytest.importorskip("httpx", reason="the client needs httpx")

EXAMPLE = Path(__file__).parents[4] / "examples" / "on_fomo.py"


def test_files_for_the_benchmark_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCEPT_ORDERINGS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "sequences"
    folder.mkdir()
    service = ScriptedService()
    service.publish_request(fomo_request("cifar"))
    with LyingServer(service) as server:
        subprocess.run([sys.executable, EXAMPLE, server.url, "cifar", folder], check=True)
        version = Client(server.url).stream("cifar", 1).published()

    written = sorted(each.read_bytes() for each in folder.iterdir())
    assert written == sorted(EXPORTERS[name]().render(version) for name in ("fomo", "fomo-config"))
