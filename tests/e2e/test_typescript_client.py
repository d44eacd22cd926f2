"""A client in TypeScript, typed by openapi-typescript from the committed document, compiles strictly and runs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from app import openapi
from support.deployment import Deployment
from support.processes import ROOT

SOURCE = ROOT / "tests" / "support" / "typescript_client"
MODULES = ROOT / "openapi" / "node_modules"


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A directory with the client's sources, where programs of Node.js can be run."""
    if shutil.which("node") is None or not MODULES.is_dir():
        if os.environ.get("REQUIRE_NODE", "0") != "0":
            raise RuntimeError(f"there is no Node.js, or no {MODULES}, which make lint installs")
        pytest.skip("no Node.js with what make lint installs")
    directory = tmp_path / "client"
    shutil.copytree(SOURCE, directory)
    (directory / "node_modules").symlink_to(MODULES)
    (directory / "package.json").write_text('{"type": "module"}')
    return directory


def run(directory: Path, program: str, *arguments: str | Path) -> None:
    ended = subprocess.run(
        [program, *arguments],
        cwd=directory,
        env={**os.environ, "PATH": f"{MODULES / '.bin'}:{os.environ['PATH']}"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stdout


def test_a_client_in_typescript_compiles_and_runs(node: Path, service: Deployment) -> None:
    # Otherwise openapi-typescript requires a value for every field that has a default.
    run(node, "openapi-typescript", openapi.PATH, "--default-non-nullable", "false", "--output", "schema.d.ts")
    run(node, "tsc", "--project", ".")
    run(node, "node", "build/client.js", service.api.url)

    versions = service.http.get("/v1/streams/typescript").json()["versions"]
    assert [each["ordering"] for each in versions] == ["random", "frequency"]
