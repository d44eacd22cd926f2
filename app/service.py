"""What the service does, without HTTP: find a version or enqueue a job for it; follow jobs; read versions."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime
from functools import partial

from cachetools import LRUCache
from redis.exceptions import RedisError

from app.bodies import decoded
from app.counts_files import read_counts
from app.exports import Exports
from app.once import Once
from app.settings import AppSettings
from app.sources import Sources
from app.waiting import each_change, until_final
from concept_orderings.request import StreamRequest, parse_request
from store.counts_files import CountsFile, CountsFiles, CountsMeaning, Stored
from store.exports import KeptExports
from store.jobs import job_id, job_of, stream_of, version_of
from store.objects import open_objects
from store.queue import Queue, make_docket, open_redis
from store.runs import JOB, LOOK, Kind, Record, RunChanges, Runs, State
from store.source_reports import SourceReports
from store.upgrade import Upgrade
from store.versions import VersionRecord, Versions
from store.waiting import cancel_and_wait

_DOCUMENT_CACHE_BYTES = 32 * 1024 * 1024
_RECORD_CACHE_TASKS = 50_000
_MOST_PARSING = 2
_MOST_COUNTS_FILES = 1


class Service:
    """The resources behind the routes; enter it before use.

    Finished versions need the object store alone, so they are served while Redis is away. Methods that need Redis
    raise `redis.RedisError` then.
    """

    def __init__(self, settings: AppSettings) -> None:
        self._settings = settings
        self._redis = open_redis(settings.redis_url, prepare=Upgrade(settings.redis_url, settings.keys).ensure)
        self._stack = AsyncExitStack()
        self._queues: dict[Kind, Queue] = {}
        self._opening = asyncio.Lock()
        self._changes = RunChanges(self._redis, settings.keys)
        self._parsing = ThreadPoolExecutor(_MOST_PARSING, thread_name_prefix="parse")
        self._reading = ThreadPoolExecutor(_MOST_COUNTS_FILES, thread_name_prefix="counts-file")
        self._documents: LRUCache[str, bytes] = LRUCache(_DOCUMENT_CACHE_BYTES, getsizeof=len)
        self._documents_once: Once[str, bytes] = Once()
        self._records: LRUCache[tuple[str, int], VersionRecord] = LRUCache(
            _RECORD_CACHE_TASKS, getsizeof=lambda record: 1 + len(record.tasks)
        )
        self.jobs = Runs(self._redis, settings.keys, JOB)
        objects = open_objects(settings.streams_location)
        self.versions = Versions(objects)
        self.exports = Exports(self.versions, KeptExports(objects))
        self.counts_files = CountsFiles(objects)
        self.sources = Sources(
            SourceReports(self._redis, settings.keys),
            Runs(self._redis, settings.keys, LOOK),
            self._changes,
            self.counts_files,
            open_queue=partial(self._open_queue, LOOK),
            most_active=settings.max_active_jobs,
        )

    async def __aenter__(self) -> "Service":
        await self._stack.__aenter__()
        self._stack.push_async_callback(self._redis.aclose)
        for pool in (self._parsing, self._reading):
            self._stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        self._stack.push_async_callback(self._documents_once.close)
        self._stack.push_async_callback(self.exports.close)
        listening = asyncio.create_task(self._changes.run())
        self._stack.push_async_callback(cancel_and_wait, listening)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()

    async def parse(self, body: bytes) -> StreamRequest:
        """Decode and check a request, with this service's encoder for one that names none, and now for a refresh.

        A body of a million concepts takes seconds and a gigabyte, so that is done off the event loop, few at a time,
        and on threads of its own: finished versions are read on others.

        Raises
        ------
        ValueError, RecursionError
            If the body is not JSON.
        InvalidInput
            See `app.bodies.decoded` and `concept_orderings.request.parse_request`.
        """
        return await asyncio.get_running_loop().run_in_executor(self._parsing, self._parse, body)

    def _parse(self, body: bytes) -> StreamRequest:
        request = parse_request(decoded(body), defaults=self.defaults).as_of(datetime.now(UTC))
        _ = request.digest  # computed here, and kept with the request
        return request

    async def store_counts(
        self, name: str, meaning: CountsMeaning, body: bytes, media_type: str
    ) -> tuple[CountsFile, Stored]:
        """Read a counts file, one at a time and off the event loop, and store it unless its name is taken.

        That may take minutes, which no request for a stream is to wait for.

        Raises
        ------
        BadCountsFile
            See `app.counts_files.read_counts`.
        StoreError
            ``counts_file_damaged`` or ``store_unavailable``.
        """
        reading = partial(read_counts, body, media_type, meaning.size)
        counts = await asyncio.get_running_loop().run_in_executor(self._reading, reading)
        return await self.counts_files.create(name, meaning, counts)

    @property
    def defaults(self) -> dict[str, object]:
        """Parameters by name that stand in for the orderings' own defaults."""
        return {"encoder": self._settings.default_encoder}

    async def find_or_enqueue(self, request: StreamRequest) -> VersionRecord | Record:
        """Return the version that the request has, else the job that makes it, enqueued once however often asked.

        Raises
        ------
        QueueFull
            If the service has as many jobs as it takes.
        """
        found = await self._find_or_submit(request)
        if isinstance(found, VersionRecord):
            return found
        # Also for a job that was recorded before: the process that recorded it may have died before it was queued.
        await (await self._open_queue(JOB)).add(job_id(request), found)
        job = await self.jobs.get(job_id(request))
        if job is None:
            raise RedisError("the job record is gone")
        return job

    async def _find_or_submit(self, request: StreamRequest) -> VersionRecord | int:
        """Return the version that the request has, or the run that makes it.

        Between the look for the version and the look at the job, the job may succeed: then the version is looked for
        again. If it is still not there, it was taken out of the store, and it is made again.
        """
        for again in (False, True):
            record = await self.versions.find(request.name, request.digest)
            if record is not None:
                return record
            job = await asyncio.to_thread(job_of, request)
            run = await self.jobs.submit(job, most_active=self._settings.max_active_jobs, again=again)
            if run is not None:
                return run
        raise RedisError("a job that may run again was not recorded")

    async def wait(self, job: Record, seconds: float) -> Record:
        """Return a job once it is final, or as it stands after some seconds."""
        return await until_final(self.jobs, self._changes, job, seconds) or job

    async def follow(self, job: Record, last_event: str) -> AsyncIterator[tuple[str, Record]]:
        """Yield the events of a job after one, until it is final; those of its earlier runs are over and left out."""
        async with aclosing(each_change(self._changes, job.id)) as moments:
            async for _ in moments:
                now = await self.jobs.refresh(job)
                for event, then in await self.jobs.events(job, last_event):
                    last_event = event
                    if now is not None and then.run == now.run:
                        yield event, then
                if now is None or now.state.final:
                    return

    async def document(self, digest: str) -> bytes:
        """Return a document of a version; the ones fetched last are kept in memory, for the next of many ranks.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        document: bytes | None = self._documents.get(digest)
        if document is None:
            # 512 ranks ask at once, and a document may have hundreds of megabytes: it is read once for all of them.
            document = await self._documents_once.run(digest, partial(self.versions.document, digest))
            if len(document) <= self._documents.maxsize:
                self._documents[digest] = document
        return document

    async def record(self, stream: str, version: int) -> VersionRecord | None:
        """Return the record of a version, or None if there is none; those asked for last are kept in memory.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        record: VersionRecord | None = self._records.get((stream, version))
        if record is None:
            record = await self.versions.record(stream, version)
            if record is not None and len(record.tasks) < self._records.maxsize:
                self._records[stream, version] = record
        return record

    async def version_of(self, job: Record) -> VersionRecord | None:
        """Return the version that a succeeded job made."""
        version = version_of(job)
        if job.state is not State.SUCCEEDED or version is None:
            return None
        return await self.record(stream_of(job), version)

    @property
    def settings(self) -> AppSettings:
        """The limits that the routes keep to."""
        return self._settings

    async def ready(self) -> tuple[bool, int]:
        """Return whether Redis answers, and how many workers have reported lately."""
        try:
            await self._redis.ping()
            workers = await (await self._open_queue(JOB)).workers()
        except (RedisError, OSError):
            return False, 0
        return True, workers

    async def _open_queue(self, kind: Kind) -> Queue:
        """Connect when it is first needed: the service starts, and serves versions, without Redis."""
        async with self._opening:
            if kind not in self._queues:
                docket = make_docket(self._settings.redis_url, self._settings.keys.queue(kind.name))
                self._queues[kind] = Queue(await self._stack.enter_async_context(docket))
            return self._queues[kind]
