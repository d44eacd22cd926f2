"""How much memory this process may use, and which process the kernel ends where there is none.

The memory is that of the machine, or of the control group (a container's) that limits it.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
MACHINE = Path("/proc/meminfo")
OOM_SCORE = Path("/proc/self/oom_score_adj")


class Memory(NamedTuple):
    """Bytes of memory.

    Attributes
    ----------
    limit : int
        The most that all processes of the machine, or of the innermost limited group, can have together.
    free : int
        What can still be allocated of it.
    """

    limit: int
    free: int


class _Files(NamedTuple):
    """The files of a control group, which the two versions name differently."""

    limit: str
    used: str
    inactive: str


_VERSION_1 = _Files("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_VERSION_2 = _Files("memory.max", "memory.current", "inactive_file")


def memory(cgroups: Path = CGROUPS, own: Path = OWN_CGROUP, machine: Path = MACHINE) -> Memory:
    """Return the memory of this process: the least of that of the machine and of each control group that it is in.

    Parameters
    ----------
    cgroups
        Where control groups are mounted: those of version 2, or the controllers of version 1.
    own
        The file that names the groups of this process.
    machine
        The file with the machine's memory; without it, all of the machine's memory counts as free.
    """
    found = [_of_machine(machine), *_of_groups(cgroups, own)]
    return Memory(min(each.limit for each in found), min(each.free for each in found))


def end_first(score: int) -> None:
    """Let the kernel end this process before others where memory is short.

    Parameters
    ----------
    score
        From 0, which is usual, to 1000, which goes before all others.
    """
    with suppress(OSError):  # not Linux
        OOM_SCORE.write_text(str(score))


def _of_machine(file: Path) -> Memory:
    try:
        # Lines such as "MemTotal:       24048140 kB".
        fields = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in file.read_text().splitlines()}
        return Memory(fields["MemTotal"], fields["MemAvailable"])
    except (OSError, KeyError, ValueError, IndexError):  # not Linux
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return Memory(pages, pages)


def _of_groups(cgroups: Path, own: Path) -> Iterator[Memory]:
    """Yield the memory of each group that limits it, from that of this process to the root."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return  # not Linux
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root, files = (cgroups / "memory", _VERSION_1) if controllers else (cgroups, _VERSION_2)
        # In a container the path may be that on the host; the root is then the container's own group.
        inner = root / path.lstrip("/")
        for group in (inner, *inner.parents):
            if group.is_relative_to(root) and (found := _of_group(group, files)) is not None:
                yield found


def _of_group(group: Path, files: _Files) -> Memory | None:
    """Return the memory of a control group; None if it has no limit."""
    try:
        written = (group / files.limit).read_text().strip()
        if written == "max":
            return None
        limit, used = int(written), int((group / files.used).read_text())
        # The page cache counts as used, but the kernel frees it when memory is needed.
        statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except OSError:
        return None
    return Memory(limit, max(0, limit - used + int(statistics.get(files.inactive, 0))))
