"""Do jobs: gather evidence, arrange, split, publish."""

import asyncio
from typing import ClassVar

from concept_orderings.canonical_request import read_canonical
from concept_orderings.library import arrange_stream
from concept_orderings.progress import Phase
from concept_orderings.request import StreamRequest
from store.jobs import result_of
from store.versions import VersionRecord, Versions
from worker.evidence.gathering import EvidenceStores, Gathering
from worker.gather import gather
from worker.machine import this_machine
from worker.memory_of_requests import check_memory
from worker.monitor import Monitor
from worker.quick_jobs import MOST_BYTES, QuickJobs
from worker.runner import Work
from worker.settings import WorkerSettings
from worker.threads import in_thread

_LARGE_BYTES = 1 << 20
"""A request that is longer than this takes a noticeable time to read."""


class PublishStream(Work):
    """Makes versions of streams; a version that exists already is not made again.

    Parameters
    ----------
    settings, versions, stores
        Of the worker.
    quick
        Does small jobs; without it, they are done like all others.
    """

    noun: ClassVar[str] = "job"
    after_crashes: ClassVar[str] = "post the request again"
    tries_again: ClassVar[bool] = True

    def __init__(
        self, settings: WorkerSettings, *, versions: Versions, stores: EvidenceStores, quick: QuickJobs | None = None
    ) -> None:
        self._settings = settings
        self._quick = quick
        self._versions = versions
        self._stores = stores

    async def do(self, request: bytes, monitor: Monitor) -> bytes:
        """See `Work.do`."""
        record = await self._make_version(request, monitor)
        return result_of(record.version)

    async def _make_version(self, canonical: bytes, monitor: Monitor) -> VersionRecord:
        request = await self._quickly(canonical, monitor)
        if isinstance(request, VersionRecord):
            return request
        done = await self._versions.find_whole(request.name, request.digest, thorough=True)
        if done is not None:
            return done
        gathering = Gathering(request=request, settings=self._settings, stores=self._stores, monitor=monitor)
        evidence, machine = await gather(gathering)
        await monitor.enter(Phase.ARRANGING, len(request.concepts))
        arranged = await in_thread(
            lambda report: arrange_stream(
                request,
                evidence,
                machine=machine,
                report=report,
                most_vector_bytes=self._settings.max_vectors_mb * 1_000_000,
            ),
            monitor.report,
        )
        await monitor.enter(Phase.PUBLISHING, len(arranged.sizes))
        return await self._versions.publish(arranged, report=monitor.report)

    async def _quickly(self, canonical: bytes, monitor: Monitor) -> VersionRecord | StreamRequest:
        """Return the version of a small request, or else the request."""
        if self._quick is not None and len(canonical) <= MOST_BYTES:
            return await self._quick.make(canonical, monitor.report)
        if len(canonical) > _LARGE_BYTES:
            await monitor.enter(Phase.READING, 0)
            check_memory(canonical, this_machine(self._settings))
        return await asyncio.to_thread(read_canonical, canonical)
