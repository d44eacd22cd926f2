"""The Docket worker: one job at a time, stopped by SIGTERM or SIGINT."""

import asyncio
import logging
import signal
import threading
from datetime import timedelta

from docket import ExponentialRetry, Worker
from redis.exceptions import RedisError

from store.counts import CountsCache
from store.embeddings import EmbeddingCache
from store.jobs import ATTEMPTS, Jobs
from store.objects import LocalObjects, open_objects
from store.queue import PUBLISH_STREAM, Queue, make_docket, open_redis
from store.versions import Versions
from worker.gather import EvidenceStores
from worker.publish_stream import Publisher
from worker.settings import WorkerSettings

_log = logging.getLogger(__name__)


async def run_worker(settings: WorkerSettings) -> None:
    """Work until told to stop; a job that is running then is given back to the queue."""
    stopping = threading.Event()
    redis = open_redis(settings.redis_url)
    objects = open_objects(settings.streams_location)
    if isinstance(objects, LocalObjects):
        objects.sweep()
    # Half of the time after which the queue takes a silent worker for dead: its lease is over when the next one starts.
    jobs = Jobs(redis, lease_seconds=settings.redelivery_seconds / 2)
    stores = EvidenceStores(embeddings=EmbeddingCache(redis), counts=CountsCache(redis), objects=objects)
    publisher = Publisher(settings, jobs=jobs, versions=Versions(objects), stores=stores, stopping=stopping)

    async def publish_stream(
        job: str,
        run: int,
        retry: ExponentialRetry = ExponentialRetry(  # noqa: B008  # how Docket declares retries
            attempts=ATTEMPTS, minimum_delay=timedelta(seconds=5), maximum_delay=timedelta(minutes=5)
        ),
    ) -> None:
        await publisher.publish_stream(job, run)

    async with redis, make_docket(settings.redis_url) as docket:
        docket.register(publish_stream, names=[PUBLISH_STREAM])
        async with Worker(
            docket,
            concurrency=1,
            redelivery_timeout=timedelta(seconds=settings.redelivery_seconds),
            reconnection_delay=timedelta(seconds=1),
            # How long a worker that has just finished a job looks away before it takes the next.
            minimum_check_interval=timedelta(milliseconds=25),
        ) as worker:
            running = asyncio.create_task(worker.run_forever())
            requeueing = asyncio.create_task(_requeue(jobs, Queue(docket), every=settings.redelivery_seconds))
            _stop_on_signals(running, stopping)
            _log.info("waiting for jobs")
            await asyncio.wait([running])
            requeueing.cancel()
            if not running.cancelled() and (error := running.exception()) is not None:
                raise error


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


def _stop_on_signals(running: "asyncio.Task[None]", stopping: threading.Event) -> None:
    """Docket's `run_forever` leaves signals to its caller."""

    def stop() -> None:
        _log.info("stopping")
        stopping.set()
        running.cancel()

    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop)
