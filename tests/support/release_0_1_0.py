"""Programs of release 0.1.0, from the history of this project; the Python and the libraries are those of the tests."""

import io
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from support.processes import ROOT, Api, Process

COMMIT = "250485f9922a4905a5ff15ce9210f61592944ef7"


@cache
def _archive() -> bytes | None:
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", COMMIT]
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


class Release010:
    """The files of release 0.1.0, and its programs as processes; the test is skipped where the history is missing.

    Parameters
    ----------
    directory
        Where files and logs go.
    environment
        The settings, of which ``CONTROL`` is the directory by which its workers are controlled.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        archive = _archive()
        if archive is None:
            pytest.skip(
                f"the history of the project is not here: git has no commit {COMMIT[:7]}, which is release 0.1.0"
            )
        self._root = directory / "release-0.1.0"
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(self._root, filter="data")
        self._directory = directory
        self._environment = {**environment, "PYTHONPATH": f"{self._root}:{self._root / 'tests'}"}

    def start_api(self) -> Api:
        # -P: otherwise the directory in which it starts, that of the current release, would come first.
        return Api(self._environment, self._directory, program=("-P", "-m", "app"))

    def start_worker(self) -> Process:
        """Start a worker that files named after seeds control, as `support.controlled_worker` says."""
        script = str(self._root / "tests" / "support" / "controlled_worker.py")
        return Process("worker-0.1.0", [sys.executable, script], self._environment, self._directory)
