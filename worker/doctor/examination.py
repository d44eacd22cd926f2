"""All examinations, in the order in which they are shown."""

from collections.abc import AsyncIterator

from worker.doctor.data import examine_data
from worker.doctor.findings import Finding
from worker.doctor.machine import examine_machine
from worker.doctor.programs import examine_programs
from worker.doctor.redis_server import examine_redis
from worker.doctor.sources import examine_sources
from worker.settings import WorkerSettings


async def examine(settings: WorkerSettings, url: str) -> list[Finding]:
    """Return all findings.

    Parameters
    ----------
    settings
        Those of this environment.
    url
        Where the API is; empty: it is not asked.
    """
    found: list[Finding] = []
    parts: list[AsyncIterator[Finding]] = [
        examine_programs(settings, url),
        examine_data(settings),
        examine_redis(settings),
        examine_sources(settings),
        examine_machine(settings),
    ]
    for part in parts:
        found += [each async for each in part]
    return found
