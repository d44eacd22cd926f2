"""The Docket workers: one stream at a time, and beside it what is asked of sources; stopped by SIGTERM or SIGINT."""

import asyncio
import logging
import signal
import threading
from collections.abc import Sequence
from datetime import timedelta

from docket import Docket, ExponentialRetry, Worker
from redis.exceptions import RedisError

from store.counting import Countings
from store.counts import CountsCache
from store.embeddings import EmbeddingCache
from store.jobs import ATTEMPTS, Jobs
from store.keys import DEFAULT_NAMESPACE, Keys
from store.objects import LocalObjects, open_objects
from store.queue import COUNT_NAMES, COUNTS_NAME, PUBLISH_STREAM, Queue, make_docket, open_redis
from store.source_reports import SourceReports
from store.versions import Versions
from store.waiting import cancel_and_wait
from worker.count_names import Counter
from worker.evidence.counts.settings import read_sources
from worker.evidence.gathering import EvidenceStores
from worker.publish_stream import Publisher
from worker.report_sources import SourceReporter
from worker.settings import WorkerSettings

# Most of them wait for their source's turn (`Counter`), and are little more than an id until then.
_QUESTIONS_AT_ONCE = 200

_log = logging.getLogger(__name__)


async def run_worker(settings: WorkerSettings) -> None:
    """Work until told to stop; a job that is running then is given back to the queue.

    Raises
    ------
    SettingError
        ``bad_setting`` if the file of sources is wrong.
    """
    read_sources(settings)
    stopping = threading.Event()
    redis = open_redis(settings.redis_url)
    objects = open_objects(settings.streams_location)
    if isinstance(objects, LocalObjects):
        objects.sweep()
    # Half of the time after which the queue takes a silent worker for dead: its lease is over when the next one starts.
    lease_seconds = settings.redelivery_seconds / 2
    jobs = Jobs(redis, lease_seconds=lease_seconds)
    keys = Keys(DEFAULT_NAMESPACE)
    counts = CountsCache(redis, keys, lease_seconds=lease_seconds)
    stores = EvidenceStores(embeddings=EmbeddingCache(redis, keys), counts=counts, objects=objects)
    publisher = Publisher(settings, jobs=jobs, versions=Versions(objects), stores=stores, stopping=stopping)
    counter = Counter(settings, countings=Countings(redis), cache=counts, objects=objects, stopping=stopping)

    async def publish_stream(
        job: str,
        run: int,
        retry: ExponentialRetry = ExponentialRetry(  # noqa: B008  # how Docket declares retries
            attempts=ATTEMPTS, minimum_delay=timedelta(seconds=5), maximum_delay=timedelta(minutes=5)
        ),
    ) -> None:
        await publisher.publish_stream(job, run)

    async def count_names(job: str, run: int) -> None:
        await counter.count_names(job, run)

    url = settings.redis_url
    async with redis, make_docket(url) as docket, make_docket(url, COUNTS_NAME) as counts_docket:
        docket.register(publish_stream, names=[PUBLISH_STREAM])
        counts_docket.register(count_names, names=[COUNT_NAMES])
        async with (
            _worker(docket, settings, concurrency=1) as worker,
            _worker(counts_docket, settings, concurrency=_QUESTIONS_AT_ONCE) as counting_worker,
        ):
            running = [asyncio.create_task(each.run_forever()) for each in (worker, counting_worker)]
            beside = [
                asyncio.create_task(_requeue(jobs, Queue(docket), every=settings.redelivery_seconds)),
                asyncio.create_task(SourceReporter(settings, SourceReports(redis, keys)).run()),
            ]
            _stop_on_signals(running, stopping)
            _log.info("waiting for jobs")
            # Neither ends by itself: if one does, it is for an error, and the other is not to go on alone.
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            if not stopping.is_set():
                _stop(running, stopping)
            await asyncio.wait(running)
            await cancel_and_wait(*beside)
            for each in running:
                if not each.cancelled() and (error := each.exception()) is not None:
                    raise error


def _worker(docket: Docket, settings: WorkerSettings, *, concurrency: int) -> Worker:
    return Worker(
        docket,
        concurrency=concurrency,
        redelivery_timeout=timedelta(seconds=settings.redelivery_seconds),
        reconnection_delay=timedelta(seconds=1),
        # How long a worker that has just finished a job looks away before it takes the next.
        minimum_check_interval=timedelta(milliseconds=25),
    )


async def _requeue(jobs: Jobs, queue: Queue, *, every: float) -> None:
    """Put in again what is recorded as pending but in the queue no more; for the rest it changes nothing.

    A record and its queue entry are two steps, and whoever takes the first may die before the second.
    """
    while True:
        try:
            for job, run in await jobs.active():
                await queue.add(job, run)
        except (RedisError, OSError) as error:
            _log.warning("cannot look for jobs that the queue has lost: %s", error)
        await asyncio.sleep(every)


def _stop_on_signals(running: Sequence["asyncio.Task[None]"], stopping: threading.Event) -> None:
    """Docket's `run_forever` leaves signals to its caller."""

    def stop() -> None:
        _log.info("stopping")
        _stop(running, stopping)

    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop)


def _stop(running: Sequence["asyncio.Task[None]"], stopping: threading.Event) -> None:
    stopping.set()
    for each in running:
        each.cancel()
