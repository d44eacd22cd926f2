"""The machine: descriptors, memory, and the limits of a container."""

import resource
from collections.abc import AsyncIterator

import psutil

from store.memory import memory
from worker.doctor.findings import Finding, note, ok, wrong
from worker.settings import WorkerSettings

_MB = 1_000_000
_FEW_DESCRIPTORS = 4096
_LITTLE_MB = 1000


async def examine_machine(settings: WorkerSettings) -> AsyncIterator[Finding]:
    """Examine the limits of descriptors and memory."""
    yield _descriptors()
    yield _memory(settings)


def _descriptors() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = f"A process may open {_limit(soft)} files and connections, and raise that to {_limit(hard)}."
    if hard != resource.RLIM_INFINITY and hard < _FEW_DESCRIPTORS:
        return note(
            "descriptors", found, f"Raise the hard limit to {_FEW_DESCRIPTORS} or more if many clients connect."
        )
    return ok("descriptors", found)


def _limit(value: int) -> str:
    return "any number of" if value == resource.RLIM_INFINITY else f"{value:,}"


def _memory(settings: WorkerSettings) -> Finding:
    total, free = psutil.virtual_memory().total // _MB, memory().free // _MB
    found = f"{free:,} MB of memory are free for this process; the machine has {total:,} MB."
    if settings.memory_mb and settings.memory_mb > free:
        return wrong(
            "memory",
            found,
            f"CONCEPT_ORDERINGS_MEMORY_MB lets a job use {settings.memory_mb:,} MB: lower it, or free memory.",
        )
    if free < _LITTLE_MB:
        return note(
            "memory", found, "The default encoder alone needs 2,000 MB; end other programs, or raise the limit."
        )
    return ok("memory", found)
