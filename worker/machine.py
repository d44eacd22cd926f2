"""What a job may use of this machine: threads, memory, and a device that proposes nearest neighbours."""

from functools import partial
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from concept_orderings.machine import Machine, Proposer
from worker.settings import WorkerSettings

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")

FEWEST_ON_DEVICE = 10_000
"""Fewer vectors than this are compared on the processor: that is done before they are on the device."""


def this_machine(settings: WorkerSettings) -> Machine:
    """Return the threads, memory and device of a job that begins now."""
    memory = settings.memory_mb * 1_000_000 or free_memory()
    return Machine(threads=settings.threads, memory=memory, make_proposer=partial(_proposer, settings.device))


def free_memory(cgroups: Path = CGROUPS, own: Path = OWN_CGROUP) -> int:
    """Return the bytes that this process can still allocate: those of the machine, or fewer in a limited container."""
    limits = [_free_in(group) for group in _groups(cgroups, own)]
    available: int = psutil.virtual_memory().available
    return min([available, *(each for each in limits if each is not None)])


def _groups(cgroups: Path, own: Path) -> list[Path]:
    """Return the control groups (version 2) that this process is in, from its own to the root."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return []  # not Linux
    paths = [line.removeprefix("0::/") for line in lines if line.startswith("0::/")]
    inner = [cgroups / path for path in paths]
    return [group for each in inner for group in (each, *each.parents) if group.is_relative_to(cgroups)]


def _free_in(group: Path) -> int | None:
    """Return the bytes that a control group has left of its limit; None if it has no limit."""
    try:
        limit = (group / "memory.max").read_text().strip()
        if limit == "max":
            return None
        used = int((group / "memory.current").read_text())
        # The page cache counts as used, but the kernel frees it when memory is needed.
        statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except OSError:
        return None
    return max(0, int(limit) - used + int(statistics.get("inactive_file", 0)))


def _proposer(device: str, vectors: NDArray[np.int16]) -> Proposer | None:
    """Return a proposer of neighbours of `vectors` on a GPU; None where the processor is as fast."""
    if device == "cpu" or len(vectors) < FEWEST_ON_DEVICE:
        return None
    # Imported here, because it loads torch.
    from worker.neighbours_on_device import proposer_on  # noqa: PLC0415

    return proposer_on(device, vectors)
