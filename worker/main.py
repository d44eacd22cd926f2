"""The Docket worker: one job at a time, stopped by SIGTERM or SIGINT."""

import asyncio
import logging
import signal
import threading
from datetime import timedelta

from docket import ExponentialRetry, Worker

from store.embeddings import EmbeddingCache
from store.jobs import ATTEMPTS, Jobs
from store.objects import LocalObjects, open_objects
from store.queue import PUBLISH_STREAM, make_docket, open_redis
from store.versions import Versions
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
    publisher = Publisher(
        settings, jobs=Jobs(redis), versions=Versions(objects), cache=EmbeddingCache(redis), stopping=stopping
    )

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
        ) as worker:
            running = asyncio.create_task(worker.run_forever())
            _stop_on_signals(running, stopping)
            _log.info("waiting for jobs")
            await asyncio.wait([running])
            if not running.cancelled() and (error := running.exception()) is not None:
                raise error


def _stop_on_signals(running: "asyncio.Task[None]", stopping: threading.Event) -> None:
    """Docket's `run_forever` leaves signals to its caller."""

    def stop() -> None:
        _log.info("stopping")
        stopping.set()
        running.cancel()

    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop)
