from pathlib import Path

import psutil
import pytest

from worker.machine import free_memory, this_machine
from worker.settings import WorkerSettings

GB = 10**9


def group(path: Path, limit: str, used: int = 0, files: int = 0) -> None:
    path.mkdir(parents=True, exist_ok=True)
    (path / "memory.max").write_text(f"{limit}\n")
    (path / "memory.current").write_text(f"{used}\n")
    (path / "memory.stat").write_text(f"anon 1\ninactive_file {files}\n")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What says that this process is in the group /outer/inner, on a machine with 100 GB free."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 100 * GB}))
    file = tmp_path / "cgroup"
    file.write_text("0::/outer/inner\n")
    return file


def test_without_a_limit_the_machine_s_memory_is_free(own: Path, tmp_path: Path) -> None:
    group(tmp_path / "outer" / "inner", "max")
    group(tmp_path / "outer", "max")
    assert free_memory(tmp_path, own) == 100 * GB
    assert free_memory(tmp_path / "nowhere", own) == 100 * GB
    assert free_memory(tmp_path, tmp_path / "nothing") == 100 * GB


def test_a_limit_of_any_group_around_bounds_it(own: Path, tmp_path: Path) -> None:
    group(tmp_path / "outer" / "inner", str(8 * GB), used=3 * GB)
    assert free_memory(tmp_path, own) == 5 * GB
    group(tmp_path / "outer", str(4 * GB), used=3 * GB)
    assert free_memory(tmp_path, own) == 1 * GB


def test_pages_of_files_are_free_when_they_are_needed(own: Path, tmp_path: Path) -> None:
    group(tmp_path / "outer" / "inner", str(8 * GB), used=7 * GB, files=2 * GB)
    assert free_memory(tmp_path, own) == 3 * GB


def test_a_group_beyond_its_limit_has_nothing_left(own: Path, tmp_path: Path) -> None:
    group(tmp_path / "outer" / "inner", str(1 * GB), used=2 * GB)
    assert free_memory(tmp_path, own) == 0


def test_memory_and_threads_of_the_settings_are_used() -> None:
    assert this_machine(WorkerSettings(memory_mb=123, threads=3)).memory == 123_000_000
    assert this_machine(WorkerSettings(threads=3)).threads == 3
    assert 0 < (this_machine(WorkerSettings()).memory or 0) <= psutil.virtual_memory().total
