"""Run the worker: a job of each lane at a time, and looks at counts meanwhile, until SIGTERM or SIGINT."""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial

from docket import CurrentExecution, Docket, Execution, Worker
from docket.dependencies import AdmissionBlocked
from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.count_cache import CountCache
from store.embedding_cache import EmbeddingCache
from store.figures import Figures
from store.format import claim_data_dir
from store.objects import open_objects
from store.queue import TAKES_LANES, TASK, Queue, make_docket, open_redis
from store.runs import JOB, LOOK, Lane, Runs
from store.source_reports import SourceReports
from store.upgrade import Upgrade
from store.versions import Versions
from store.waiting import cancel_and_wait
from worker.evidence.counts.settings import read_sources
from worker.evidence.gathering import EvidenceStores
from worker.lanes import AT_ONCE, Lanes
from worker.left_runs import LeftForLater
from worker.look_at_counts import LookAtCounts
from worker.publish_stream import PublishStream
from worker.quick_jobs import QuickJobs
from worker.report_sources import SourceReporter
from worker.runner import Runner
from worker.settings import WorkerSettings

# Most of them wait for their turn at a source (`LookAtCounts.turn`), and need little memory until then.
_LOOKS_AT_ONCE = 200
_OFFERS_AT_ONCE = 20

_MAKE_ROOM_SECONDS = 10.0
"""How often embeddings give way to other things that have filled the memory of Redis."""

_log = logging.getLogger(__name__)


async def run_worker(settings: WorkerSettings) -> None:
    """Work until a signal stops the worker; runs that are not finished then go back to the queue.

    Raises
    ------
    SettingError
        ``bad_setting`` if the file of sources is invalid; ``unknown_data_format`` if a later release wrote the data.
    """
    read_sources(settings)
    stopping = threading.Event()
    claim_data_dir(settings.data_dir)
    upgrade = Upgrade(settings.redis_url, settings.keys)
    await upgrade.try_now()
    redis = open_redis(settings.redis_url, prepare=upgrade.ensure)
    objects = open_objects(settings.streams_location)
    objects.remove_leftovers()
    # Half of the time after which the queue delivers a run again: the lease of a dead worker has expired by then.
    lease_seconds = settings.redelivery_seconds / 2
    keys = settings.keys
    limit = settings.most_request_bytes
    jobs, looks = (
        # With the time until strays are looked for, it is that after which a dead worker's run goes to another one.
        Runs(redis, keys, kind, lease_seconds=1.5 * lease_seconds, most_request_bytes=limit)
        for kind in (JOB, LOOK)
    )
    counts = CountCache(redis, keys, lease_seconds=lease_seconds)
    embeddings = EmbeddingCache(redis, keys, budget_mb=settings.embedding_cache_mb)
    stores = EvidenceStores(embeddings=embeddings, counts=counts, objects=objects)
    quick = QuickJobs(settings, at_once=AT_ONCE[Lane.ORDER])
    publish_stream = PublishStream(settings, versions=Versions(objects), stores=stores, quick=quick)
    look_at_counts = LookAtCounts(settings, cache=counts, objects=objects, stopping=stopping)
    job_runner = Runner(
        jobs, publish_stream, stopping, longest_pause=lease_seconds, check_room=settings.disk_space.check
    )
    look_runner = Runner(looks, look_at_counts, stopping, longest_pause=lease_seconds)

    async def run_job(identifier: str, run: int) -> None:
        # From a program of an earlier release: workers of this one take jobs by lane.
        await jobs.offer(identifier, run)

    async def run_look(
        identifier: str,
        run: int,
        execution: Execution = CurrentExecution(),  # noqa: B008  # how Docket passes it
    ) -> None:
        await _deliver(look_runner, identifier, run, execution)

    job_docket, look_docket = (make_docket(settings.redis_url, keys.queue(kind.name)) for kind in (JOB, LOOK))
    job_docket.register(run_job, names=[TASK])
    look_docket.register(run_look, names=[TASK])
    job_queue, look_queue = Queue(job_docket), Queue(look_docket)
    lanes = Lanes(redis, keys, jobs, job_runner, stopping)

    async def make_room() -> None:
        await _try_to("make room in Redis", embeddings.make_room())

    async with redis:
        await _make_room_first(settings)
        for queue in (job_queue, look_queue):
            # Before it is entered, which fails if its keys hold something else.
            await _try_to("repair a queue", queue.repair(redis))
        async with (
            job_docket,
            look_docket,
            _worker(job_docket, settings, concurrency=_OFFERS_AT_ONCE, suffix=TAKES_LANES) as job_worker,
            _worker(look_docket, settings, concurrency=_LOOKS_AT_ONCE) as look_worker,
        ):
            doing = [asyncio.create_task(lanes.run(lane)) for lane, number in AT_ONCE.items() for _ in range(number)]
            running = [asyncio.create_task(each.run_forever()) for each in (job_worker, look_worker)]

            async def offer_jobs() -> None:
                await _try_to("move what release 0.1.0 has left", upgrade.move_again())
                await _try_to("repair a queue", job_queue.repair(redis))
                await _try_to("offer pending jobs", lanes.offer_strays())

            background = [
                asyncio.create_task(_repeat(make_room, every=_MAKE_ROOM_SECONDS)),
                asyncio.create_task(lanes.listen()),
                asyncio.create_task(_repeat(offer_jobs, every=settings.redelivery_seconds / 4)),
                asyncio.create_task(
                    _repeat(partial(_requeue, looks, look_queue, redis), every=settings.redelivery_seconds)
                ),
                asyncio.create_task(Figures(redis, keys).report_for_ever()),
                asyncio.create_task(SourceReporter(settings, SourceReports(redis, keys)).run()),
            ]
            stop = partial(_stop, running, stopping, lanes)
            _stop_on_signals(stop)
            _log.info("waiting for jobs")
            await _until_stopped([*running, *doing], stopping, stop)
            await cancel_and_wait(*background)
            for each in [*running, *doing]:
                if not each.cancelled() and (error := each.exception()) is not None:
                    raise error


async def _make_room_first(settings: WorkerSettings) -> None:
    """Let embeddings give way before the queues are entered, and before anything is moved from 0.1.0.

    A server whose memory is full takes neither, and nobody else makes room. So nothing is prepared on this connection.
    """
    async with open_redis(settings.redis_url) as redis:
        cache = EmbeddingCache(redis, settings.keys, budget_mb=settings.embedding_cache_mb)
        await _try_to("make room in Redis", cache.make_room())


async def _until_stopped(
    tasks: Sequence["asyncio.Task[None]"], stopping: threading.Event, stop: Callable[[], None]
) -> None:
    """Wait until all tasks are over: one ends only on a signal or an error, and then the others are stopped too."""
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if not stopping.is_set():
        stop()
    await asyncio.wait(tasks)


async def _deliver(runner: Runner, identifier: str, run: int, execution: Execution) -> None:
    """Do a run that the queue delivered; one that is left for a later release goes back into the queue with a pause."""
    try:
        await runner.deliver(identifier, run)
    except LeftForLater as left:
        # Docket's retries would log an error with a traceback at each delivery, and end after three.
        pause = timedelta(seconds=left.seconds)
        raise AdmissionBlocked(execution, str(left), retry_delay=pause) from left


def _worker(docket: Docket, settings: WorkerSettings, *, concurrency: int, suffix: str = "") -> Worker:
    return Worker(
        docket,
        # As Docket names it.
        name=f"{socket.gethostname()}#{os.getpid()}{suffix}",
        concurrency=concurrency,
        redelivery_timeout=timedelta(seconds=settings.redelivery_seconds),
        reconnection_delay=timedelta(seconds=1),
        # How long a worker waits for the next entry, and then asks again; one that comes meanwhile ends the wait.
        minimum_check_interval=timedelta(seconds=1),
        # How often entries whose pause is over are looked for.
        scheduling_resolution=timedelta(seconds=1),
    )


async def _repeat(work: Callable[[], Awaitable[None]], *, every: float) -> None:
    """Do some work now and after every so many seconds, for ever."""
    while True:
        await work()
        await asyncio.sleep(every)


async def _requeue(runs: Runs, queue: Queue, redis: Redis) -> None:
    """Queue pending runs again; the queue ignores those that it has already.

    Recording a run and queueing it are two steps, and the process may die between them.
    """
    await _try_to("repair a queue", queue.repair(redis))
    await _try_to("queue pending runs again", _add_pending(runs, queue))


async def _add_pending(runs: Runs, queue: Queue) -> None:
    for identifier, run in await runs.pending():
        await queue.add(identifier, run)


async def _try_to(what: str, work: Awaitable[None]) -> None:
    """Do some work that is tried again later if Redis is away or refuses it."""
    try:
        await work
    except (RedisError, OSError) as error:
        _log.warning("cannot %s: %s", what, error)


def _stop_on_signals(stop: Callable[[], None]) -> None:
    """Stop the workers on SIGTERM and SIGINT, since Docket's `run_forever` handles no signals."""

    def log_and_stop() -> None:
        _log.info("stopping")
        stop()

    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, log_and_stop)


def _stop(running: Sequence["asyncio.Task[None]"], stopping: threading.Event, lanes: Lanes) -> None:
    stopping.set()
    lanes.wake()
    for each in running:
        each.cancel()
