"""A control group of its own, whose processes have a limited memory together."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from store.memory import CGROUPS, OWN_CGROUP


class MemoryGroup:
    """A control group of version 1.

    Parameters
    ----------
    path
        Its directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def command(self, command: Sequence[str]) -> list[str]:
        """Return a command that does the same inside this group, with its children."""
        return ["sh", "-c", 'echo 0 > "$0" && exec "$@"', str(self.path / "cgroup.procs"), *command]

    @property
    def killed(self) -> int:
        """How many of its processes the kernel has ended for lack of memory."""
        lines = (self.path / "memory.oom_control").read_text().splitlines()
        return int(dict(line.split() for line in lines)["oom_kill"])

    @property
    def peak(self) -> int:
        """The most bytes that its processes had together, with the pages of files."""
        return int((self.path / "memory.max_usage_in_bytes").read_text())


@contextmanager
def memory_group(limit: int) -> Iterator[MemoryGroup]:
    """Make a group, and remove it at the end, when its processes must have ended; skip the test where none can be."""
    named = [line.split(":", 2)[2] for line in OWN_CGROUP.read_text().splitlines() if ":memory:" in line]
    path = CGROUPS / "memory" / (named[0].lstrip("/") if named else "") / f"test-{os.getpid()}-{time.monotonic_ns()}"
    try:
        path.mkdir()
    except OSError as error:
        pytest.skip(f"no control group of version 1 can be made here: {error}")
    try:
        (path / "memory.limit_in_bytes").write_text(str(limit))
        yield MemoryGroup(path)
    finally:
        path.rmdir()
