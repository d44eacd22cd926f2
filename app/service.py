"""What the service does, without HTTP: find a version or enqueue a job for it; follow jobs; read versions."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from cachetools import LRUCache
from redis.exceptions import RedisError

from app.settings import AppSettings
from concept_orderings.orderings.similarity import Similarity
from concept_orderings.request import StreamRequest, parse_request
from store.jobs import Job, Jobs, State, job_id
from store.objects import open_objects
from store.queue import Queue, make_docket, open_redis
from store.versions import VersionRecord, Versions

_EVENT_WAIT_SECONDS = 5.0
_DOCUMENT_CACHE_BYTES = 32 * 1024 * 1024


class Service:
    """The resources behind the routes; enter it before use.

    Finished versions need the object store alone, so they are served while Redis is away. Methods that need Redis
    raise `redis.RedisError` then.
    """

    def __init__(self, settings: AppSettings) -> None:
        self._settings = settings
        self._redis = open_redis(settings.redis_url)
        self._stack = AsyncExitStack()
        self._queue: Queue | None = None
        self._opening = asyncio.Lock()
        self.jobs = Jobs(self._redis)
        self._documents: LRUCache[str, bytes] = LRUCache(_DOCUMENT_CACHE_BYTES, getsizeof=len)
        self.versions = Versions(open_objects(settings.streams_location))

    async def __aenter__(self) -> "Service":
        await self._stack.__aenter__()
        self._stack.push_async_callback(self._redis.aclose)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()

    def parse(self, body: object) -> StreamRequest:
        """Check a request, with this service's encoder for one that names none.

        Raises
        ------
        InvalidInput
            See `concept_orderings.request.parse_request`.
        """
        return parse_request(body, defaults={Similarity.kind: {"encoder": self._settings.default_encoder}})

    async def find_or_enqueue(self, request: StreamRequest) -> VersionRecord | Job:
        """Return the version that the request has, else the job that makes it, enqueued once however often asked.

        Raises
        ------
        QueueFull
            If the service has as many jobs as it takes.
        """
        record = await self.versions.find(request.name, request.digest)
        if record is not None:
            return record
        run = await self.jobs.submit(request, most_active=self._settings.max_active_jobs)
        # Also for a job that was recorded before: whoever recorded it may have died before it was queued.
        await (await self._open_queue()).add(job_id(request), run)
        job = await self.jobs.get(job_id(request))
        if job is None:
            raise RedisError("the job record is gone")
        return job

    async def wait(self, job: Job, seconds: float) -> Job:
        """Return the job once it is final, or as it stands after some seconds."""
        deadline = time.monotonic() + min(seconds, self._settings.max_wait_seconds)
        last_event = "0"
        while not job.state.final and (left := deadline - time.monotonic()) > 0:
            for event, seen in await self._next_events(job.id, last_event, left):
                last_event, job = event, seen
        return job

    async def follow(self, identifier: str, last_event: str) -> AsyncIterator[tuple[str, Job]]:
        """Yield the events of a job after one, until it is final; those of its earlier runs are over and left out."""
        while (now := await self.jobs.get(identifier)) is not None:
            for event, job in await self._next_events(identifier, last_event, _EVENT_WAIT_SECONDS):
                last_event = event
                if job.run < now.run:
                    continue
                yield event, job
                if job.state.final:
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
            document = await self.versions.document(digest)
            if len(document) <= self._documents.maxsize:
                self._documents[digest] = document
        return document

    async def version_of(self, job: Job) -> VersionRecord | None:
        """Return the version that a succeeded job made."""
        if job.state is not State.SUCCEEDED or job.version is None:
            return None
        return await self.versions.record(job.stream, job.version)

    @property
    def max_body_bytes(self) -> int:
        """The largest request body."""
        return self._settings.max_body_bytes

    async def ready(self) -> tuple[bool, int]:
        """Return whether Redis answers, and how many workers have reported lately."""
        try:
            await self._redis.ping()
            workers = await (await self._open_queue()).workers()
        except (RedisError, OSError):
            return False, 0
        return True, workers

    async def _next_events(self, identifier: str, last_event: str, seconds: float) -> list[tuple[str, Job]]:
        return await self.jobs.events(identifier, last_event, wait_seconds=min(seconds, _EVENT_WAIT_SECONDS))

    async def _open_queue(self) -> Queue:
        """Connect when it is first needed: the service starts, and serves versions, without Redis."""
        async with self._opening:
            if self._queue is None:
                docket = await self._stack.enter_async_context(make_docket(self._settings.redis_url))
                self._queue = Queue(docket)
            return self._queue
