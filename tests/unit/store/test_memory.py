"""The memory of the machine, and of control groups of both versions."""

import subprocess
import sys
from pathlib import Path

import pytest

from store.memory import Memory, memory
from support.memory_group import memory_group
from support.processes import ROOT

GB = 10**9
VERSIONS = {1: "4:memory:/outer/inner\n3:cpuset:/\n0::/\n", 2: "0::/outer/inner\n"}


class Machine:
    """A machine with 100 GB, of which 90 are free, whose process is in the group /outer/inner."""

    def __init__(self, directory: Path, version: int) -> None:
        self.version = version
        self.cgroups = directory / "cgroups"
        self.own = directory / "own"
        self.own.write_text(VERSIONS[version])
        self.meminfo = directory / "meminfo"
        self.meminfo.write_text(f"MemTotal: {100 * GB // 1024} kB\nMemAvailable: {90 * GB // 1024} kB\n")

    def group(self, path: str, limit: int | None, used: int = 0, files: int = 0) -> None:
        group = self.cgroups / ("memory" if self.version == 1 else "") / path
        group.mkdir(parents=True, exist_ok=True)
        if self.version == 1:
            (group / "memory.limit_in_bytes").write_text(f"{9223372036854771712 if limit is None else limit}\n")
            (group / "memory.usage_in_bytes").write_text(f"{used}\n")
            (group / "memory.stat").write_text(f"inactive_file 7\ntotal_inactive_file {files}\n")
        else:
            (group / "memory.max").write_text(f"{'max' if limit is None else limit}\n")
            (group / "memory.current").write_text(f"{used}\n")
            (group / "memory.stat").write_text(f"anon 1\ninactive_file {files}\n")

    def memory(self) -> Memory:
        return memory(self.cgroups, self.own, self.meminfo)


@pytest.fixture(params=VERSIONS)
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> Machine:
    return Machine(tmp_path, request.param)


WHOLE = Memory(100 * GB // 1024 * 1024, 90 * GB // 1024 * 1024)


def test_without_a_limit_the_memory_is_that_of_the_machine(machine: Machine) -> None:
    assert machine.memory() == WHOLE, "there are no groups"
    machine.group("outer/inner", None)
    machine.group("outer", None)
    assert machine.memory() == WHOLE
    assert memory(machine.cgroups, machine.own.with_name("nothing"), machine.meminfo) == WHOLE


def test_a_limit_of_any_group_around_bounds_it(machine: Machine) -> None:
    machine.group("outer/inner", 8 * GB, used=3 * GB)
    assert machine.memory() == Memory(8 * GB, 5 * GB)
    machine.group("outer", 4 * GB, used=3 * GB)
    assert machine.memory() == Memory(4 * GB, 1 * GB)


def test_a_container_sees_its_own_group_as_the_root(machine: Machine) -> None:
    machine.group("", 2 * GB, used=GB)
    assert machine.memory() == Memory(2 * GB, GB)


def test_pages_of_files_are_free_when_they_are_needed(machine: Machine) -> None:
    machine.group("outer/inner", 8 * GB, used=7 * GB, files=2 * GB)
    assert machine.memory().free == 3 * GB


def test_a_group_beyond_its_limit_has_nothing_left(machine: Machine) -> None:
    machine.group("outer/inner", 1 * GB, used=2 * GB)
    assert machine.memory() == Memory(1 * GB, 0)


def test_without_the_file_of_the_machine_all_of_its_memory_is_free(tmp_path: Path) -> None:
    found = memory(tmp_path, tmp_path, tmp_path / "nothing")
    assert found.limit == found.free > 0


def test_this_process_has_memory() -> None:
    assert 0 < memory().free <= memory().limit


def test_a_real_group_is_read() -> None:
    code = "from store.memory import memory; print(*memory())"
    with memory_group(500_000_000) as group:
        command = group.command([sys.executable, "-c", code])
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        limit, free = map(int, run.stdout.split())

    assert limit == pytest.approx(500_000_000, abs=4096)
    assert 400_000_000 < free < limit
