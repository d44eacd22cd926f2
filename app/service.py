"""What the service does, without HTTP: find a version or enqueue a job for it; follow jobs; read versions."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing, suppress
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from cachetools import LRUCache
from redis.exceptions import RedisError
from starlette.types import Scope

from app.bodies import Bodies, Body, not_json
from app.clients import Clients, mark_of
from app.comparisons import Comparisons
from app.encodings import Encodings
from app.evidence_renderings import ParquetEvidence
from app.exports import Exports
from app.file_reading import FileReading
from app.known_requests import KnownRequest, KnownRequests
from app.large_bodies import LargeBodies
from app.large_messages import known_as_json, read_known
from app.links import Links
from app.listing import Listing
from app.metrics import Moment, render
from app.parsing import Accepted, Decoded, NamedSource, Refused, Unresolved, decode, read_request
from app.results import Results
from app.scores import Scores
from app.settings import ORDERING_DEFAULTS, AppSettings
from app.sources import Limits, Sources
from app.store_health import StoreHealth
from app.waiting import each_change, until_final
from concept_orderings.errors import BadParameter, StoreError
from concept_orderings.evidence import Need
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.parquet import VERSION as PARQUET_VERSION
from concept_orderings.evidence.tie_orders import BreaksTies
from concept_orderings.faults import Faults
from concept_orderings.json_text import parse_json
from concept_orderings.labels import Labels, parse_labels
from concept_orderings.request import StreamRequest
from concept_orderings.stream import Document
from store.counts_files import CountsFiles
from store.damage import unless_damaged
from store.descriptions import Descriptions
from store.evidence_renderings import EvidenceRenderings
from store.exports import KeptExports
from store.figures import Figures
from store.jobs import PlaceInQueue, job_id, jobs_of, stream_of, version_of
from store.labels import StoredLabels
from store.objects import open_objects
from store.queue import Queue, make_docket, open_redis
from store.runs import JOB, LOOK, Kind, Record, RunChanges, Runs, State
from store.scores_files import ScoresFiles
from store.source_reports import SourceReports
from store.upgrade import Upgrade
from store.versions import VersionRecord, Versions
from store.waiting import cancel_and_wait

_DOCUMENT_CACHE_BYTES = 32 * 1024 * 1024
_RECORD_CACHE_TASKS = 50_000
_MOST_PARSING = 2
_IN_FLIGHT = "run/bodies-in-flight"
_LARGE_LOCK = "run/large-body"
_KNOWN_LABELS = 100_000
_WORKERS_SECONDS = 2.0
_REDIS_SECONDS = 3.0
"""The longest wait for Redis in the answer whether the service is ready."""


class Answered(NamedTuple):
    """What the answer to a body needs.

    Attributes
    ----------
    asked : KnownRequest
        What the body asks for.
    found : sequence of VersionRecord or Record
        For each request of it its version, or else the job that makes it.
    lasting : bool
        Whether the same body asks for the same at any time.
    """

    asked: KnownRequest
    found: Sequence[VersionRecord | Record]
    lasting: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON, with the numbers of versions and the ids of jobs alone."""
        versions = [each.version if isinstance(each, VersionRecord) else None for each in self.found]
        jobs = [each.id if isinstance(each, Record) else "" for each in self.found]
        return {"asked": known_as_json(self.asked), "versions": versions, "jobs": jobs, "lasting": self.lasting}


class Ready(NamedTuple):
    """What the service needs to do jobs, as it was found.

    Attributes
    ----------
    workers : int, optional
        How many workers have reported recently; None while Redis does not answer.
    store_trouble : StoreError, optional
        What keeps the store from taking writes.
    """

    workers: int | None
    store_trouble: StoreError | None


class Service:
    """Everything that the routes use; enter it before use.

    Streams and jobs are methods of this class; sources of counts, scores files and exports are parts of it, in files
    of their own. Finished versions need the object store alone, so they are served while Redis is away. Methods that
    need Redis raise `redis.RedisError` then.

    Attributes
    ----------
    settings : AppSettings
        The limits that the routes enforce.
    store_health : StoreHealth
        Whether the store takes writes.
    listing : Listing
        Versions in lists.
    sources : Sources
        The sources of counts.
    scores : Scores
        The scores files.
    exports : Exports
        Versions in other formats.
    comparisons : Comparisons
        Comparisons of two orders.
    parquet_evidence : ParquetEvidence
        The evidence of versions as Parquet.
    encodings : Encodings
        Compressed forms of documents.
    bodies : Bodies
        The bodies in flight.
    large_bodies : LargeBodies
        Works on those of more than a megabyte.
    links : Links
        Signed links to large objects of a bucket.
    known : KnownRequests
        What the bodies ask for that were accepted last.
    """

    def __init__(self, settings: AppSettings) -> None:
        self.settings = settings
        self._redis = open_redis(settings.redis_url, prepare=Upgrade(settings.redis_url, settings.keys).ensure)
        self._stack = AsyncExitStack()
        self._queues: dict[Kind, Queue] = {}
        self._opening = asyncio.Lock()
        self._earlier_workers, self._workers_asked = False, -_WORKERS_SECONDS
        self._changes = RunChanges(self._redis, settings.keys)
        self.known = KnownRequests(_deciding(settings))
        self.bodies = Bodies(settings, settings.data_dir / _IN_FLIGHT)
        self.large_bodies = LargeBodies(settings, settings.data_dir / _LARGE_LOCK)
        self._parsing = ThreadPoolExecutor(_MOST_PARSING, thread_name_prefix="parse")
        self._documents: Results[str, bytes] = Results(_DOCUMENT_CACHE_BYTES, len)
        self._records: LRUCache[tuple[str, int], VersionRecord] = LRUCache(
            _RECORD_CACHE_TASKS, getsizeof=lambda record: 1 + len(record.tasks)
        )
        self._jobs = Runs(self._redis, settings.keys, JOB)
        self.figures = Figures(self._redis, settings.keys)
        objects = open_objects(settings.streams_location)
        self.store_health = StoreHealth(objects, settings.disk_space)
        self.links = Links(settings.streams_location, settings.redirect_bytes)
        self._versions = Versions(objects)
        self.listing = Listing(self._versions)
        self._reading = FileReading()
        self.scores = Scores(ScoresFiles(objects), self._reading)
        self._labels = StoredLabels(objects)
        self._descriptions = Descriptions(objects)
        self._stored_labels: LRUCache[str, None] = LRUCache(_KNOWN_LABELS)
        self.exports = Exports(self._versions, KeptExports(objects), self._labels, public_url=settings.public_url)
        self.comparisons = Comparisons(self._versions)
        self.parquet_evidence = ParquetEvidence(
            EvidenceRenderings(objects, "parquet", PARQUET_VERSION), self._versions.evidence
        )
        self.encodings = Encodings()
        self._clients = Clients(settings.proxies)
        self.sources = Sources(
            SourceReports(self._redis, settings.keys),
            Runs(self._redis, settings.keys, LOOK),
            self._changes,
            CountsFiles(objects),
            self._reading,
            open_queue=partial(self._open_queue, LOOK),
            limits=Limits(settings.max_active_jobs, settings.most_client_jobs),
        )

    async def __aenter__(self) -> "Service":
        await self._stack.__aenter__()
        self._stack.push_async_callback(self._redis.aclose)
        self._stack.callback(self._parsing.shutdown, wait=False, cancel_futures=True)
        self._stack.callback(self.bodies.close)
        self._stack.callback(self.large_bodies.close)
        self._stack.callback(self._reading.close)
        self._stack.push_async_callback(self._documents.close)
        self._stack.push_async_callback(self.exports.close)
        self._stack.push_async_callback(self.comparisons.close)
        self._stack.push_async_callback(self.parquet_evidence.close)
        self._stack.push_async_callback(self.encodings.close)
        background = [asyncio.create_task(each) for each in (self._changes.run(), self.figures.report_for_ever())]
        self._stack.push_async_callback(cancel_and_wait, *background)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()

    def end_waits(self) -> None:
        """End all waits for runs, and all streams of their events: each answers with the present state."""
        self._changes.end()

    @property
    def defaults(self) -> dict[str, object]:
        """The service's own defaults for parameters of orderings, by name; they replace those of the library."""
        return {name: getattr(self.settings, setting) for name, setting in ORDERING_DEFAULTS.items()}

    async def ready(self) -> "Ready":
        """Return whether Redis answers, how many workers have reported recently, and whether the store takes writes."""
        workers, trouble = await asyncio.gather(self._workers(), self.store_health.trouble())
        return Ready(workers, trouble)

    async def _workers(self) -> int | None:
        """Return how many workers have reported recently; None while Redis does not answer."""
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                await self._redis.ping()
                return await (await self._open_queue(JOB)).workers()
        except (RedisError, OSError):  # also the timeout
            return None

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """Return the answer of `/metrics` and its media type; see `app.metrics.render`."""
        totals = await self.figures.totals()
        ready = await self.ready()
        load = None
        with suppress(RedisError, OSError):
            load = await self._jobs.load()
        now = Moment(
            redis=ready.workers is not None,
            store=ready.store_trouble is None,
            workers=ready.workers,
            load=load,
            data_dir=self.settings.data_dir,
        )
        return await asyncio.to_thread(render, totals, now, accept)

    def client_of(self, connection: Scope) -> str:
        """Return the mark of the client that sent a request, from its ASGI scope; empty if it is not known."""
        return mark_of(self._clients.client_of(connection))

    # --- Requests for a version, and the jobs that make it.

    async def find_or_enqueue_body(self, body: Body, key: bytes, client: str = "") -> Answered:
        """Return what a body asks for, and for each request of it its version, or else the job that makes it.

        Labels and descriptions of the body are stored. A body that was accepted before is not parsed again if the
        store has all versions.

        Parameters
        ----------
        body
            A request as JSON.
        key
            The key of the body among the `known` bodies.
        client
            The mark of the client (`app.clients.mark_of`), whose jobs are counted; empty if it is not known.

        Raises
        ------
        NotJson
        InvalidInput, QueueFull, StoreError, RedisError
            As `parse` and `find_or_enqueue`.
        """
        asked = self.known.get(key)
        if asked is not None and asked.labels_digest in self._stored_labels:
            found = await self._find_versions(asked)
            if found is not None:
                await self.keep_description(asked)
                return Answered(asked, found)
        answered = await (self._accept_elsewhere(body, client) if body.is_large else accept(self, body, client))
        # They may have been stored by another process.
        self._stored_labels[answered.asked.labels_digest] = None
        if answered.lasting:
            self.known.keep(key, answered.asked)
        return answered

    async def _accept_elsewhere(self, body: Body, client: str) -> Answered:
        """Accept a large body in a process of its own; see `app.large_bodies`."""
        written = await self.large_bodies.run(accept, body, client)
        asked, versions = read_known(written["asked"]), written["versions"]
        made = zip(asked.identities, versions, written["jobs"], strict=True)
        found = [await self._made(name, version, job) for (name, _), version, job in made]
        return Answered(asked, found, written["lasting"])

    async def _made(self, stream: str, version: int | None, job: str) -> VersionRecord | Record:
        """Return a version, or else a job, that another process has found or made."""
        found = await self._jobs.get(job) if version is None else await self._versions.record(stream, version)
        if found is None:
            raise RedisError("the job record is gone, or the version")
        return found

    async def _find_versions(self, asked: KnownRequest) -> list[VersionRecord] | None:
        """Return the versions that a known body asks for; None if one is missing or cannot be read."""
        try:
            found = await asyncio.gather(
                *(self._versions.find_whole(*each, thorough=False) for each in asked.identities)
            )
        except StoreError:
            return None  # the full search says what is wrong
        versions = [each for each in found if each is not None]
        return versions if len(versions) == len(found) else None

    async def parse(self, body: Body) -> Accepted:
        """Decode and check a request, filling in this service's default encoder and the present time for a refresh.

        A body of 20,000 concepts takes a tenth of a second. So this runs off the event loop, at most `_MOST_PARSING`
        bodies at once, and on threads of its own: the threads that read finished versions stay free.

        Raises
        ------
        NotJson
        InvalidInput
            See `concept_orderings.json_text.parse_json` and `concept_orderings.variants.parse_requests`. Sources that
            do not exist are among its faults.
        StoreError
            ``version_damaged`` or ``store_unavailable``, if the request refers to an order in the store.
        """
        loop = asyncio.get_running_loop()
        parse = partial(self._parse, body.size)
        try:
            # The bytes of the body are not kept while it is parsed.
            decoded = await loop.run_in_executor(self._parsing, lambda: decode(body.read()))
            read = await loop.run_in_executor(self._parsing, parse, decoded)
            if isinstance(read, Unresolved):
                orders = {read.reference: await self._versions.order(read.reference)}
                read = await loop.run_in_executor(self._parsing, parse, decoded, orders)
        except (ValueError, RecursionError) as error:
            raise not_json(body, error) from error
        del decoded  # it takes as much memory as what follows
        if isinstance(read, Accepted):
            # Cached: computed here, it does not block the event loop later.
            await loop.run_in_executor(self._parsing, lambda: read.known)
            return read
        assert isinstance(read, Refused)  # a request refers to one order at most
        # The request is refused in any case, also while Redis or the store is away.
        with suppress(RedisError, OSError, StoreError):
            unknown = await self._unknown(read.sources)
            read.error.others = (*read.error.others, *(fault for each in unknown for fault in each.faults))
        raise read.error

    def _parse(
        self, size: int, body: Decoded, orders: Mapping[str, Sequence[str] | None] = MappingProxyType({})
    ) -> Accepted | Refused | Unresolved:
        # Variants together take no more memory than one body of the largest size, and find room among active jobs.
        most = min(self.settings.max_body_bytes // max(1, size), self.settings.most_client_jobs)
        now = datetime.now(UTC)
        return read_request(body, defaults=self.defaults, orders=orders, now=now, most_variants=most)

    async def find_or_enqueue(self, accepted: Accepted, client: str) -> list[VersionRecord | Record]:
        """Return for each request of a body its version, or else the job that makes it.

        Calling this again for the same body does not start a second job. All jobs that it lacks are recorded, or none.

        Raises
        ------
        QueueFull
            If not all jobs find room among the active jobs that the settings allow, or among those of the client.
        StoreError
            ``store_full`` or ``store_unavailable``, if a version is to be made.
        BadParameter
            ``source_not_found``: no worker knows the source of counts, or there is no scores file of a name. Versions
            and active jobs that all requests have already are returned also if their source is gone.
        """
        found = await self._find_or_submit(accepted, client)
        return list(await asyncio.gather(*(self._queued(each, found[job_id(each)]) for each in accepted.requests)))

    async def _queued(self, request: StreamRequest, found: VersionRecord | int) -> VersionRecord | Record:
        """Return a version as it is, and for the number of a run its job, which is then in the queue."""
        if isinstance(found, VersionRecord):
            return found
        # Workers of this release find the job in its lane. Those of an earlier one queue it for themselves within a
        # minute, or at once if it is in the queue.
        if await self._has_earlier_workers():
            await (await self._open_queue(JOB)).add(job_id(request), found)
        job = await self._jobs.get(job_id(request))
        if job is None:
            raise RedisError("the job record is gone")
        return job

    async def _has_earlier_workers(self) -> bool:
        now = time.monotonic()
        if now >= self._workers_asked + _WORKERS_SECONDS:
            self._workers_asked = now
            self._earlier_workers = await (await self._open_queue(JOB)).has_earlier_workers()
        return self._earlier_workers

    async def _find_or_submit(self, accepted: Accepted, client: str) -> dict[str, VersionRecord | int]:
        """Return for each request, by the id of its job, its version or the number of the run that makes it.

        A job may succeed after the search for its version and before its record is read: then the version is searched
        for again. If it is still missing, it was removed from the store, and the job runs again.
        """
        found = dict[str, VersionRecord | int]()
        left = {job_id(each): each for each in accepted.requests}
        succeeded = set[str]()
        # Each round but the last adds to those that have succeeded, which are never left twice.
        for round_number in range(len(left) + 1):
            # A version that a read found damaged is made again by its job.
            records = await asyncio.gather(
                *(self._versions.find_whole(each.name, each.digest, thorough=False) for each in left.values())
            )
            found |= {job: record for job, record in zip(left, records, strict=True) if record is not None}
            left = {job: each for job, each in left.items() if job not in found}
            if not left:
                return found
            if round_number == 0:
                await self.store_health.check()
                await self._check_sources(accepted.sources, left)
                # Before the job is queued: its canonical request has the digest of the order alone.
                await self._store_ties(accepted.requests[0])
            # On the threads that parse, because the warnings of a large request take as long.
            submitting = partial(jobs_of, list(left.values()), client=client)
            jobs = await asyncio.get_running_loop().run_in_executor(self._parsing, submitting)
            most_active, most_of_client = self.settings.max_active_jobs, self.settings.most_client_jobs
            runs = await self._jobs.submit_each(
                jobs, most_active=most_active, most_of_client=most_of_client, again=succeeded
            )
            numbers = {job: run for job, run in zip(left, runs, strict=True) if run is not None}
            if len(numbers) == len(left):
                return found | numbers
            succeeded |= left.keys() - numbers.keys()
        raise RedisError("a job that may run again was not recorded")

    async def _store_ties(self, request: StreamRequest) -> None:
        if Need.TIES not in request.needs:
            return
        ties = parameters_of(request.ordering, BreaksTies).ties
        if ties is not None and ties.order is not None:
            data = await asyncio.get_running_loop().run_in_executor(self._parsing, lambda: ties.document)
            await self._versions.store_document(Document(data, ties.digest))

    async def _check_sources(self, sources: Sequence[NamedSource], wanted: Iterable[str]) -> None:
        """Refuse sources that do not exist, unless all jobs are active; a job would fail because of them, but later."""
        unknown = await self._unknown(sources)
        if unknown:
            jobs = await asyncio.gather(*map(self._jobs.get, wanted))
            # A job that has just succeeded has made the version, which was searched for a moment ago.
            if any(job is None or (job.state.final and job.state is not State.SUCCEEDED) for job in jobs):
                faults = Faults()
                for each in unknown:
                    faults.add(each)
                faults.refuse()

    async def _unknown(self, sources: Sequence[NamedSource]) -> list[BadParameter]:
        """Return the errors for the sources that do not exist."""
        reasons = await asyncio.gather(*map(self._why_unknown, sources))
        return [
            BadParameter("source_not_found", why, [each.pointer])
            for each, why in zip(sources, reasons, strict=True)
            if why is not None
        ]

    async def _why_unknown(self, source: NamedSource) -> str | None:
        if source.need == Need.SCORES:
            return await self.scores.why_unknown(source.name)
        return await self.sources.known.why_unknown(source.name)

    async def job(self, identifier: str) -> Record | None:
        """Return a job, or None if there is none or its record has expired."""
        return await self._jobs.get(identifier)

    async def jobs(self, limit: int) -> list[Record]:
        """Return the active jobs in the order of submission, then the finished ones, the last first."""
        return await self._jobs.listed(limit)

    async def place(self, job: Record) -> PlaceInQueue | None:
        """Return the present place of a job in the queue; None if it is not queued, or not any more.

        While the service stops it is None: for all who waited for jobs, counting would take seconds.
        """
        if self._changes.are_ended or job.state is not State.QUEUED or (ahead := await self._jobs.ahead(job)) is None:
            return None
        return PlaceInQueue(ahead, await (await self._open_queue(JOB)).workers())

    async def cancel(self, identifier: str) -> bool:
        """Cancel a queued job, or ask a running one to stop; return False if the job is finished."""
        return await self._jobs.cancel(identifier)

    async def wait(self, job: Record, seconds: float) -> Record:
        """Return a job once it is finished, or in its present state after `seconds`."""
        return await until_final(self._jobs, self._changes, job, seconds) or job

    async def wait_for_version(self, made: VersionRecord | Record, seconds: float) -> VersionRecord | Record:
        """Return the version that a job made within `seconds`, or else the job; a version that exists is returned."""
        if isinstance(made, VersionRecord):
            return made
        job = await self.wait(made, seconds)
        return await self.version_of(job) or job

    async def follow(self, job: Record, last_event: str) -> AsyncIterator[tuple[str, Record]]:
        """Yield the events of a job's present run that come after `last_event`, until the run is finished."""
        async with aclosing(each_change(self._changes, job.id)) as moments:
            async for _ in moments:
                now = await self._jobs.refresh(job)
                for event, then in await self._jobs.events(job, last_event):
                    last_event = event
                    if now is not None and then.run == now.run:
                        yield event, then
                if now is None or now.state.final:
                    return

    async def has_events_after(self, job: Record, last_event: str) -> bool:
        """Return whether a job has an event that comes after `last_event`."""
        return bool(await self._jobs.events(job, last_event))

    async def version_of(self, job: Record) -> VersionRecord | None:
        """Return the version that a succeeded job made; None for any other job."""
        version = version_of(job)
        if job.state is not State.SUCCEEDED or version is None:
            return None
        # Not kept in memory, so that the next read shows what is stored.
        return await self._versions.record(stream_of(job), version)

    # --- Labels.

    async def keep_labels(self, labels: Labels) -> bool:
        """Store labels unless they are stored; return whether they were new.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        # Streams are posted again and again, and a write would sync the disk each time.
        if labels.digest in self._stored_labels:
            return False
        created = await self._labels.keep(labels)
        self._stored_labels[labels.digest] = None
        return created

    async def keep_description(self, asked: KnownRequest) -> None:
        """Describe the streams of a body as it says; without a description, leave them as they are.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        if asked.description is not None:
            for each in asked.identities:
                await self._descriptions.keep(each.name, asked.description)

    async def description(self, stream: str) -> str | None:
        """Return the description of a stream; None if it has none, or a damaged one.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        return await unless_damaged(self._descriptions.newest(stream)) or None

    async def labels_document(self, digest: str) -> bytes | None:
        """Return labels as canonical JSON; None if there are none of that digest.

        Raises
        ------
        StoreError
            ``labels_damaged`` or ``store_unavailable``.
        """
        return await self._labels.document(digest)

    async def parse_labels(self, body: Body) -> Labels:
        """Decode and check labels, off the event loop.

        Raises
        ------
        NotJson
        InvalidInput
            See `concept_orderings.labels.parse_labels`.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._parsing, _parse_labels, body)
        except (ValueError, RecursionError) as error:
            raise not_json(body, error) from error

    # --- Finished versions.

    async def stream_names(self) -> list[str]:
        """Return the names of all streams, sorted."""
        return await self._versions.streams()

    async def latest_version(self, stream: str) -> int | None:
        """Return the number of the newest finished version of a stream; None if it has none."""
        return await self._versions.latest(stream)

    async def record(self, stream: str, version: int) -> VersionRecord | None:
        """Return the record of a version, or None if there is none; the most recently used records are cached.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        record: VersionRecord | None = self._records.get((stream, version))
        if record is None:
            record = await self._versions.record(stream, version)
            if record is not None and len(record.tasks) < self._records.maxsize:
                self._records[stream, version] = record
        return record

    async def versions_of(self, digest: str) -> list[VersionRecord]:
        """Return the records of the versions whose digest begins with 12 digits or more.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        return await self._versions.of_digest(digest)

    async def document(self, digest: str) -> bytes:
        """Return a document of a version by its SHA-256; the most recently used documents are cached.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        return await self._read(digest, self._versions.document)

    async def evidence(self, digest: str) -> bytes:
        """Return a file of evidence by its SHA-256; the most recently used files are cached.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        return await self._read(digest, self._versions.evidence)

    async def _read(self, digest: str, read: Callable[[str], Coroutine[Any, Any, bytes]]) -> bytes:
        # 512 ranks may request a document of hundreds of megabytes at the same time: it is read once for all.
        return await self._documents.get(digest, partial(read, digest))

    async def _open_queue(self, kind: Kind) -> Queue:
        """Return the queue of a kind of run.

        It is opened at its first use, and not when the service starts: that, and serving versions, works without Redis.
        """
        async with self._opening:
            if kind not in self._queues:
                docket = make_docket(self.settings.redis_url, self.settings.keys.queue(kind.name))
                self._queues[kind] = Queue(await self._stack.enter_async_context(docket))
            return self._queues[kind]


def _deciding(settings: AppSettings) -> dict[str, object]:
    """Return the settings by which a body is accepted, refused or completed."""
    names = (*ORDERING_DEFAULTS.values(), "max_body_bytes", "most_client_jobs")
    return {name: getattr(settings, name) for name in names}


async def accept(service: Service, body: Body, client: str) -> Answered:
    """Find or enqueue what a body asks for, and store its labels and its description.

    Raises
    ------
    NotJson, InvalidInput, QueueFull, StoreError, RedisError
        As `Service.parse` and `Service.find_or_enqueue`.
    """
    accepted = await service.parse(body)
    found = await service.find_or_enqueue(accepted, client)
    await service.keep_labels(accepted.labels)
    await service.keep_description(accepted.known)
    return Answered(accepted.known, found, accepted.lasting)


def _parse_labels(body: Body) -> Labels:
    labels = parse_json(body.read(), parse_labels)
    _ = labels.digest  # cached, as above
    return labels
