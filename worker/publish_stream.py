"""The job: gather, arrange, split, publish."""

import asyncio
import json
import logging
import threading

from concept_orderings.errors import Cancelled, ConceptOrderingsError, JobCrashed
from concept_orderings.library import arrange_stream
from concept_orderings.request import parse_request
from store.jobs import ATTEMPTS, Jobs, Phase, Verdict
from store.versions import VersionRecord, Versions
from worker.evidence.gathering import EvidenceStores, Gathering
from worker.gather import gather
from worker.monitor import Monitor
from worker.settings import WorkerSettings
from worker.threads import in_thread

_log = logging.getLogger(__name__)

# What may be over in a minute; everything else fails the same way when it is tried again.
_PASSING = frozenset({"source_unavailable", "store_unavailable"})


class Publisher:
    """Runs jobs; delivery is at least once, so every step may happen again and changes nothing then."""

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        jobs: Jobs,
        versions: Versions,
        stores: EvidenceStores,
        stopping: threading.Event,
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._versions = versions
        self._stores = stores
        self._stopping = stopping

    async def publish_stream(self, job: str, run: int) -> None:
        """Do one delivery of a run of a job, and record how it ended.

        Raises
        ------
        asyncio.CancelledError
            If the worker is stopping: the queue delivers the run again.
        Exception
            What may pass, or was not foreseen: the queue tries again later, at most `ATTEMPTS` times in all.
        """
        attempt = await self._jobs.start(job, run)
        if attempt == 0:
            return
        if attempt > ATTEMPTS:
            error = JobCrashed(
                "job_crashed",
                f"The worker died {ATTEMPTS} times while it did this job, perhaps for lack of memory: "
                "see its log, then post the request again.",
            )
            await self._fail(job, run, error)
            return
        monitor = Monitor(self._jobs, job, run, self._stopping)
        try:
            async with monitor:
                record = await self._make_version(job, monitor)
        except Cancelled:
            await self._stop(job, run, monitor.verdict)
        except ConceptOrderingsError as error:
            if error.code in _PASSING and attempt < ATTEMPTS:
                await self._jobs.give_back(job, run, counted=True)
                raise
            await self._fail(job, run, error)
        except Exception as error:
            if attempt < ATTEMPTS:
                await self._jobs.give_back(job, run, counted=True)
                raise
            _log.exception("job %s failed", job)
            await self._fail(job, run, _unforeseen(error))
        else:
            await self._jobs.succeed(job, run, record.version)

    async def _make_version(self, job: str, monitor: Monitor) -> VersionRecord:
        canonical = await self._jobs.canonical_request(job)
        if canonical is None:
            raise JobCrashed("job_crashed", "The job's request is gone from Redis; post it again.")
        request = await asyncio.to_thread(lambda: parse_request(json.loads(canonical)))
        done = await self._versions.find(request.name, request.digest)
        if done is not None:
            return done
        gathering = Gathering(request=request, settings=self._settings, stores=self._stores, monitor=monitor)
        evidence, machine = await gather(gathering)
        await monitor.enter(Phase.ARRANGING, len(request.concepts))
        arranged = await in_thread(
            lambda report: arrange_stream(request, evidence, machine=machine, report=report), monitor.report
        )
        await monitor.enter(Phase.PUBLISHING, len(arranged.sizes))
        return await self._versions.publish(arranged, report=monitor.report)

    async def _stop(self, job: str, run: int, verdict: Verdict) -> None:
        if verdict is Verdict.LEAVE:
            _log.info("job %s: run %d is over, or another worker's", job, run)
            return
        if self._stopping.is_set():
            await self._jobs.give_back(job, run, counted=False)
            # Raised, not returned: the queue then keeps the message for the next worker.
            raise asyncio.CancelledError
        await self._jobs.end_cancelled(job, run)

    async def _fail(self, job: str, run: int, error: ConceptOrderingsError) -> None:
        _log.warning("job %s failed: %s: %s", job, error.code, error.detail)
        await self._jobs.fail(job, run, error.as_json())


def _unforeseen(error: Exception) -> ConceptOrderingsError:
    return ConceptOrderingsError(
        "internal_error",
        # Not its text, in which a secret may be: that is for the log.
        f"The worker failed {ATTEMPTS} times with {type(error).__name__}; its log says where. Report it with the log.",
    )
