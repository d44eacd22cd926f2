"""Do small jobs that need no evidence from outside, each on one thread from its request to its version.

Reading, arranging and writing a hundred concepts takes a few milliseconds. A change of the thread takes a tenth of one,
and the object store alone would have a dozen.
"""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from concept_orderings.canonical_request import read_canonical
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.library import arrange_stream
from concept_orderings.progress import Phase, Report, enter
from concept_orderings.request import StreamRequest
from store.objects import open_objects
from store.versions import VersionRecord, Versions
from worker.machine import this_machine
from worker.settings import WorkerSettings
from worker.threads import in_thread

MOST_BYTES = 64 * 1024
"""A longer canonical request is not small: most of its time is its own."""
_LOCKS = 64


class QuickJobs:
    """Makes versions for small requests.

    Parameters
    ----------
    settings
        Of the worker.
    at_once
        The number of threads.
    """

    def __init__(self, settings: WorkerSettings, *, at_once: int) -> None:
        self._settings = settings
        self._versions = Versions(open_objects(settings.streams_location, blocking=True), blocking=True)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="quick")
        self._loops = threading.local()
        self._publishing = [threading.Lock() for _ in range(_LOCKS)]

    async def make(self, canonical: bytes, report: Report) -> VersionRecord | StreamRequest:
        """Return the version that a canonical request has or gets; the request if its evidence comes from outside.

        Raises
        ------
        Cancelled
            As raised by `report`.
        UnreadableRequest
            If only a later release can read the request.
        ConceptOrderingsError
            As reading the request, arranging and publishing raise it.
        """
        return await in_thread(partial(self._make, canonical), report, self._threads)

    def _make(self, canonical: bytes, report: Report) -> VersionRecord | StreamRequest:
        request = read_canonical(canonical)
        if request.outside:
            return request
        return self._run(self._find_or_publish(request, report))

    def _run(self, work: Coroutine[Any, Any, VersionRecord]) -> VersionRecord:
        """Run a coroutine on a loop of this thread, which waits for files, or for a bucket, and for nothing else."""
        loop: asyncio.AbstractEventLoop | None = getattr(self._loops, "loop", None)
        if loop is None:
            loop = self._loops.loop = asyncio.new_event_loop()
        return loop.run_until_complete(work)

    async def _find_or_publish(self, request: StreamRequest, report: Report) -> VersionRecord:
        if (done := await self._versions.find_whole(request.name, request.digest, thorough=True)) is not None:
            return done
        enter(report, Phase.ARRANGING)
        report(0, len(request.concepts))
        arranged = arrange_stream(
            request,
            evidence_at_hand(request),
            machine=this_machine(self._settings),
            report=report,
            most_vector_bytes=self._settings.max_vectors_mb * 1_000_000,
        )
        enter(report, Phase.PUBLISHING)
        # Of two that publish in one stream at once, one loses its number and writes everything again.
        with self._publishing[hash(request.name) % _LOCKS]:
            return await self._versions.publish(arranged, report=report)
