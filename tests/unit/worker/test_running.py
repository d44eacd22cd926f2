"""How workers announce themselves to the commands of their user."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from concept_orderings.version import __version__
from support.processes import ROOT
from worker.running import RunningWorker, announced, running_elsewhere, running_workers


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of the files, which no other test's worker uses."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / "concept-orderings"


def test_a_worker_is_seen_while_it_runs(tmp_path: Path) -> None:
    assert running_workers() == []
    with announced(tmp_path / "data"):
        assert running_workers() == [RunningWorker(os.getpid(), tmp_path / "data", __version__)]
        with announced(tmp_path / "a"):
            assert [each.data_dir.name for each in running_workers()] == ["a", "data"]
    assert running_workers() == []


def test_a_worker_without_a_login_session_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.delenv("XDG_RUNTIME_DIR")
        session = announced(tmp_path)
        session.__enter__()
    assert [each.data_dir for each in running_workers()] == [tmp_path]
    session.__exit__(None, None, None)
    assert running_workers() == []


def test_the_relative_directory_of_a_worker_is_shown_as_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with announced(Path("data")):
        assert [each.data_dir for each in running_workers()] == [tmp_path / "data"]


def test_the_file_of_a_killed_worker_is_removed(tmp_path: Path, runtime: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from worker.running import announced
with announced(Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, timeout=60, check=False)
    assert done.returncode == -9
    assert len(list(runtime.iterdir())) == 1
    assert running_workers() == []
    assert list(runtime.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": "x", "data_dir": "/"}', '{"pid": 1, "data_dir": 2}'])
def test_files_of_other_content_are_passed_over(tmp_path: Path, runtime: Path, content: str) -> None:
    with announced(tmp_path):
        (runtime / "worker-other").write_text(content)
        assert len(running_workers()) == 1


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720])
def test_a_directory_that_others_can_write_to_is_not_used(
    tmp_path: Path, runtime: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    for directory in (runtime, tmp_path / f"concept-orderings-{os.getuid()}"):
        directory.mkdir()
        directory.chmod(mode)
    with caplog.at_level("INFO"), announced(tmp_path):
        assert running_workers() == []
        assert list(runtime.iterdir()) == []
    assert "will not see this worker" in caplog.text


def test_a_link_to_a_directory_is_not_used(tmp_path: Path, runtime: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    runtime.symlink_to(tmp_path / "elsewhere")
    with announced(tmp_path):
        assert list((tmp_path / "elsewhere").iterdir()) == []
        assert len(running_workers()) == 1, "the other place is used"


def test_workers_elsewhere_are_named_once_for_each_directory(tmp_path: Path) -> None:
    ours, spaced, other = tmp_path / "ours", tmp_path / "with space", tmp_path / "other"
    for each in (ours, spaced, other):
        each.mkdir()
    pid = os.getpid()
    assert running_elsewhere(ours) == ""
    with announced(other), announced(spaced):
        assert running_elsewhere(ours) == (
            f"The running service does not use the data directory {ours}: its worker uses {other} (process {pid}) and "
            f"{spaced} (process {pid}). To use that one, give --data-dir {other} or --data-dir '{spaced}'."
        )
        with announced(ours):
            assert running_elsewhere(ours) == ""
