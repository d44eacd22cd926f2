"""Read and change the records of one kind in Redis."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from concept_orderings.canonical import Json, canonical_json
from concept_orderings.errors import JobCrashed, StoreError
from concept_orderings.progress import Phase
from store.compressed import BadCompression, compress, decompress
from store.keys import Keys
from store.runs import scripts
from store.runs.kinds import Kind, Lane
from store.runs.record import CHANGING, Record, State, Verdict, read_about, read_record
from store.runs.scripts import RunKeys, RunScript
from store.settings import MOST_BODY_BYTES, most_canonical_bytes

_NAMES = [name.encode() for name in CHANGING]
_PENDING = frozenset(state.value.encode() for state in State if not state.final)
_SMALL_BYTES = 4096
_PENDING_FIELDS = ("run", "state", "lane", "client", "note", "not_before")
_ID = re.compile(rb"[0-9a-f]{32}")
_RUN = re.compile(rb"[1-9][0-9]{0,14}")


class QueueFull(Exception):
    """The limit of active records of a kind leaves no room for those that were submitted together.

    Attributes
    ----------
    needed : int
        The number of records that need room.
    """

    def __init__(self, needed: int = 1) -> None:
        super().__init__(needed)
        self.needed = needed


class ClientFull(QueueFull):
    """The share of one client of the active records leaves no room for those that were submitted together.

    Attributes
    ----------
    most : int
        The number of active records that a client may have.
    """

    def __init__(self, needed: int, most: int) -> None:
        super().__init__(needed)
        self.most = most


class Taken(NamedTuple):
    """A run that was started.

    Attributes
    ----------
    id : str
        The record.
    run : int
        The number of the run.
    attempt : int
        The number of the attempt, from 1.
    request : bytes or None
        The canonical request, compressed; None if it is gone.
    about : bytes or None
        The summary of the request, as the record has it.
    created_at, started_at : bytes or None
        When the run was submitted, and when this attempt began, as the record has it.
    """

    id: str
    run: int
    attempt: int
    request: bytes | None
    about: bytes | None
    created_at: bytes | None
    started_at: bytes | None

    def read_about(self) -> Mapping[str, Json]:
        """Return the summary of the request.

        Raises
        ------
        StoreError
            ``record_damaged``: clients cannot read the record, also once the run is over.
        """
        with _reading(self.id):
            return read_about(self.about or b"")

    @property
    def waited_seconds(self) -> float | None:
        """How long the run waited before its first attempt; None for later ones, and where it is not known."""
        created, started = _time_in(self.created_at), _time_in(self.started_at)
        return None if self.attempt > 1 or created is None or started is None else started - created


class Pending(NamedTuple):
    """A record that is queued or running.

    Attributes
    ----------
    id : str
    run : int
        The number of its present run.
    lane : Lane
        `Lane.COMPUTE` also for a lane of a later release.
    is_offered : bool
        Whether workers take it by their turns.
    is_left : bool
        Whether a worker has given it back with a note, so that it waits for a worker of a later release.
    """

    id: str
    run: int
    lane: Lane
    is_offered: bool
    is_left: bool


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A request to record.

    Attributes
    ----------
    id : str
        Derived from the request, so that the same request has the same id.
    canonical : bytes
        The request itself, for the worker.
    about : mapping
        A summary of the request, to be shown: JSON.
    lane : Lane
    client : str
        The client that submits the request; empty where it is unknown.
    steps : int
        Number of steps of the work; 0 if it is not known before the work begins.
    """

    id: str
    canonical: bytes
    about: Mapping[str, Json]
    lane: Lane
    client: str = ""
    steps: int = 0


class Load(NamedTuple):
    """How much work there is of one kind.

    Attributes
    ----------
    queued, running : int
        The number of runs that wait for a worker, and that a worker has.
    oldest_seconds : float
        The age of the oldest run that waits; 0 if none does.
    """

    queued: int
    running: int
    oldest_seconds: float


class Runs:
    """The records of one kind.

    All methods raise `redis.RedisError` while Redis is away. All times are those of the Redis server.

    Only the `Runs` that started the present attempt of a run can change it: a worker that was silent for so long that
    another one has begun the run again changes nothing.

    Parameters
    ----------
    redis
        A client that returns bytes.
    keys
        Makes the keys.
    kind
        The kind, with its policy.
    lease_seconds
        How long no other worker may start a run that was started here, unless the lease is renewed or given back.
    most_request_bytes
        The most bytes of a canonical request that are read.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        kind: Kind,
        *,
        lease_seconds: float = 30.0,
        most_request_bytes: int = most_canonical_bytes(MOST_BODY_BYTES),
    ) -> None:
        self._redis = redis
        self._keys = keys
        self.kind = kind
        self._most_request_bytes = most_request_bytes
        self._holder = uuid4().hex
        self._lease_milliseconds = int(lease_seconds * 1000)

    async def submit(
        self, submission: Submission, *, most_active: int, most_of_client: int | None = None, again: bool = False
    ) -> int | None:
        """Record a request as queued, unless it is queued or running already; return the number of its run.

        Parameters
        ----------
        submission
            The request.
        most_active
            The limit of active records.
        most_of_client
            The limit for those of the client, if it is known; by default the same.
        again
            Whether to begin a new run even if the last one has succeeded, because its result is gone.

        Returns
        -------
        int or None
            The number of the run; None if the last run has succeeded, so that there is a result. For a kind whose
            answers wait to be fetched, the number of the present run, even if it is finished.

        Raises
        ------
        QueueFull
            If `most_active` records are active already.
        ClientFull
            If the client has `most_of_client` of them.
        """
        one = {submission.id} if again else frozenset[str]()
        runs = await self.submit_each([submission], most_active=most_active, most_of_client=most_of_client, again=one)
        return runs[0]

    async def submit_each(
        self,
        submissions: Sequence[Submission],
        *,
        most_active: int,
        most_of_client: int | None = None,
        again: Set[str] = frozenset(),
    ) -> list[int | None]:
        """Record several requests as `submit` records one: all of them, or none.

        Parameters
        ----------
        submissions
            At least one request; no two are the same, and all are of one client.
        most_active
            The limit of active records, these included.
        most_of_client
            The limit for those of the client, if it is known; by default the same.
        again
            The ids of those that may begin a new run even if the last one has succeeded.

        Returns
        -------
        list of (int or None)
            For each request what `submit` returns. If one of them is None, none was recorded, and the numbers of the
            others mean nothing: look for its result, and submit the others, with this one among `again` if it has none.

        Raises
        ------
        QueueFull
            If the limit leaves no room for all of them that are not active yet. None was recorded.
        ClientFull
            If the limit for the client leaves no room for them. None was recorded.
        """
        most = most_active if most_of_client is None else most_of_client
        requests = [await self._as_arguments(each, most_active, most, each.id in again) for each in submissions]
        runs = await scripts.SUBMIT_EACH.run(self._redis, self.kind.policy, requests)
        if -1 not in runs and -2 in runs:
            raise ClientFull(runs.count(-2), most)
        if -1 not in runs and 0 in runs:
            raise QueueFull(runs.count(0))
        return [None if run == -1 else run for run in runs]

    async def _as_arguments(
        self, submission: Submission, most_active: int, most_of_client: int, again: bool
    ) -> tuple[RunKeys, scripts.Subject, scripts.Submit]:
        canonical = submission.canonical
        # A thread costs more than a small request.
        small = len(canonical) <= _SMALL_BYTES
        canonical = compress(canonical) if small else await asyncio.to_thread(compress, canonical)
        arguments = scripts.Submit(
            most_active=most_active,
            again=again,
            client=submission.client,
            lane=submission.lane.value,
            about=canonical_json(dict(submission.about)),
            canonical=canonical,
            steps=submission.steps,
            most_of_client=most_of_client,
        )
        return self._keys_of(submission.id), self._subject(submission.id), arguments

    async def get(self, identifier: str) -> Record | None:
        """Return a record, or None if there is none or it was deleted.

        Raises
        ------
        StoreError
            ``record_damaged``.
        """
        with _reading(identifier):
            about, *changing = await self._read(identifier, b"about", *_NAMES)
            return _record(identifier, changing, read_about(about)) if about is not None else None

    async def refresh(self, record: Record) -> Record | None:
        """Return the present state of a record, or None if it was deleted; `about` is not read again.

        Raises
        ------
        StoreError
            ``record_damaged``.
        """
        with _reading(record.id):
            changing = await self._read(record.id, *_NAMES)
            return _record(record.id, changing, record.about) if any(changing) else None

    async def request(self, identifier: str) -> bytes | None:
        """Return the canonical request of a pending record; None of any other.

        Raises
        ------
        JobCrashed
            ``job_crashed`` if it is damaged, or larger than the limit.
        """
        try:
            data: Any = await self._redis.get(self._keys.request(self.kind.name, identifier))
        except ResponseError as error:
            if not _is_wrong_type(error):
                raise
            raise _bad_request("its key holds something else") from error
        return await self.decompressed(data) if data is not None else None

    async def decompressed(self, request: bytes) -> bytes:
        """Return a canonical request from its compressed form.

        Raises
        ------
        JobCrashed
            ``job_crashed`` if it is damaged, or larger than the limit.
        """
        try:
            if len(request) <= _SMALL_BYTES:
                # A thread costs more than a small request; one that stands for much more than its bytes is refused.
                return decompress(request, most_bytes=self._most_request_bytes)
            return await asyncio.to_thread(decompress, request, most_bytes=self._most_request_bytes)
        except BadCompression as error:
            raise _bad_request(str(error)) from error

    async def pending(self) -> list[tuple[str, int]]:
        """Return the id and the run of every record that is queued or running, by run; damaged ones are left out.

        A record that is gone is removed from the set of active records, in which it would take a place for ever.
        """
        return [(each.id, each.run) for each in await self._pending()]

    async def unoffered(self) -> list[Pending]:
        """Return the pending records that workers do not take by their turns, by run; damaged ones are left out.

        Most are being done. Others are paused, were left to a worker of a later release, lost their worker, or were
        recorded by a program of an earlier release.
        """
        return [each for each in await self._pending() if not each.is_offered]

    async def _pending(self) -> list[Pending]:
        members: Any = await self._redis.zrange(self._keys.active(self.kind.name), 0, -1)
        identifiers = [each.decode() for each in members if _ID.fullmatch(each)]
        async with self._redis.pipeline(transaction=False) as pipeline:
            for each in identifiers:
                pipeline.hmget(
                    self._keys.record(self.kind.name, each), "run", "state", "lane", "client", "note", "not_before"
                )
            found: list[Any] = await pipeline.execute(raise_on_error=False)
        pending: list[tuple[Pending, bytes]] = []
        for identifier, fields in zip(identifiers, found, strict=True):
            # An error of Redis: the key holds something else, so there is no record. A damaged one has some of these.
            if isinstance(fields, Exception) or fields[:2] == [None, None]:
                await self._call(scripts.TIDY, identifier, scripts.Nothing())
            elif fields[1] in _PENDING and _RUN.fullmatch(fields[0] or b""):
                run, _, lane, client, note, pause = fields
                known = Lane.ORDER if lane == Lane.ORDER.value.encode() else Lane.COMPUTE
                each = Pending(
                    identifier, int(run), known, is_offered=False, is_left=note is not None and pause is None
                )
                pending.append((each, client or b""))
        turns = list({(each.lane, client) for each, client in pending})
        async with self._redis.pipeline(transaction=False) as pipeline:
            for lane, client in turns:
                pipeline.zscore(self._keys.waiting(self.kind.name, lane.value), client)
            for each, client in pending:
                key = self._keys.waiting(self.kind.name, each.lane.value, client.decode(errors="replace"))
                pipeline.zscore(key, each.id)
            scores: list[Any] = await pipeline.execute(raise_on_error=False)
        # Without its turn, such as after that of another type was deleted, no worker comes to a client's runs.
        have_turns = {turn for turn, score in zip(turns, scores, strict=False) if isinstance(score, float)}
        offered = [
            each._replace(is_offered=score == each.run and (each.lane, client) in have_turns)
            for (each, client), score in zip(pending, scores[len(turns) :], strict=True)
        ]
        return sorted(offered, key=itemgetter(1))

    async def load(self) -> Load:
        """Return how many runs are queued and running; damaged records are left out."""
        members: Any = await self._redis.zrange(self._keys.active(self.kind.name), 0, -1)
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            for each in members:
                pipeline.hmget(self._keys.record(self.kind.name, each.decode()), "state", "created_at")
            (seconds, microseconds), *found = await pipeline.execute(raise_on_error=False)
        states = [each for each in found if not isinstance(each, Exception)]
        waiting = [created for state, created in states if state == State.QUEUED.value.encode()]
        running = sum(state == State.RUNNING.value.encode() for state, _ in states)
        now = seconds + microseconds / 1e6
        ages = [now - since for since in map(_time_in, waiting) if since is not None]
        return Load(len(waiting), running, max([0.0, *ages]))

    async def listed(self, limit: int) -> list[Record]:
        """Return records: those that are queued or running, in the order of submission, then the finished ones.

        Of the finished ones, the last comes first, and at most the last thousand are known. Records that are damaged or
        gone are left out.

        Parameters
        ----------
        limit
            The most records to return.
        """
        async with self._redis.pipeline() as pipeline:
            pipeline.zrange(self._keys.active(self.kind.name), 0, limit - 1)
            pipeline.zrevrange(self._keys.recent(self.kind.name), 0, limit - 1)
            active, recent = await pipeline.execute()
        identifiers = dict.fromkeys(each.decode() for each in (*active, *recent) if _ID.fullmatch(each))
        found = await asyncio.gather(*(self._get_undamaged(each) for each in list(identifiers)[:limit]))
        return [each for each in found if each is not None]

    async def _get_undamaged(self, identifier: str) -> Record | None:
        try:
            return await self.get(identifier)
        except StoreError:
            return None

    async def ahead(self, record: Record) -> int | None:
        """Return how many records that were submitted before a queued one are queued or running.

        Only for a kind whose pending records do not expire: the active records of others are not sorted by their run.
        The result is None if the run of `record` is not queued any more.
        """
        async with self._redis.pipeline() as pipeline:
            pipeline.hmget(self._keys.record(self.kind.name, record.id), "run", "state")
            pipeline.zrank(self._keys.active(self.kind.name), record.id)
            (run, state), rank = await pipeline.execute()
        queued = (run, state) == (str(record.run).encode(), State.QUEUED.value.encode())
        return int(rank) if queued and rank is not None else None

    async def cancel(self, identifier: str) -> bool:
        """Cancel a queued run, or ask a running one to stop; return False if the run is finished."""
        return bool(await self._call(scripts.CANCEL, identifier, scripts.Nothing()))

    async def start(self, identifier: str, run: int) -> int:
        """Mark a run as running; return the number of the attempt, from 1, or 0 if the caller must not do the run.

        It is 0 if another worker holds the run: the queue delivers a run again when its worker has sent no sign of
        life for some time, and a failure of Redis can be the reason.
        """
        return await self._call(scripts.START, identifier, self._hold(run), run)

    async def take(self, lane: Lane) -> Taken | None:
        """Start the next run that waits in a lane, as `start` does; return None if no run waits.

        Clients with waiting runs take turns; the runs of one client are taken in the order of submission.
        """
        arguments = scripts.Take(lane=lane.value, holder=self._holder, lease_milliseconds=self._lease_milliseconds)
        found = await scripts.TAKE.run(self._redis, self._keys_of(""), self._subject(""), self.kind.policy, arguments)
        return Taken(*found) if found is not None else None

    async def offer(self, identifier: str, run: int) -> bool:
        """Let workers take a run that waits, and return True; False if it is over, paused, or held by a worker."""
        return bool(await self._call(scripts.OFFER, identifier, scripts.Offer(run=run), run))

    async def keep(self, identifier: str, run: int) -> Verdict:
        """Renew the lease of a run that was started here, and return whether to go on with it."""
        return Verdict(await self._call(scripts.KEEP, identifier, self._hold(run), run))

    async def give_back(
        self,
        identifier: str,
        run: int,
        *,
        counted: bool,
        note: Mapping[str, Json] | None = None,
        pause_seconds: float = 0.0,
    ) -> None:
        """Put a run back into the state queued; if it was cancelled meanwhile, finish it as cancelled.

        Parameters
        ----------
        identifier, run
            The run.
        counted
            Whether this counts as an attempt: it does not if the worker is stopping, or cannot do this run.
        note
            ``code`` and ``detail``: why the run waits, for clients. It is removed when the run starts again.
        pause_seconds
            After how long a worker may take the run again, once it is offered. With 0 it may at once, without an offer,
            but for a run with a note: that is left to a worker of a later release.
        """
        arguments = scripts.GiveBack(
            run=run,
            holder=self._holder,
            counted=counted,
            note=json.dumps(note).encode() if note is not None else b"",
            pause_milliseconds=int(pause_seconds * 1000),
        )
        await self._call(scripts.GIVE_BACK, identifier, arguments, run)

    async def progress(self, identifier: str, run: int, phase: Phase, done: int, total: int) -> None:
        """Record the progress of a phase: `done` of `total` steps."""
        arguments = scripts.Progress(run=run, holder=self._holder, phase=phase.value, done=done, total=total)
        await self._call(scripts.PROGRESS, identifier, arguments, run)

    async def succeed(
        self, identifier: str, run: int, result: bytes, *, progress: tuple[Phase, int, int] | None = None
    ) -> None:
        """Finish a run with its result, and with the progress of its last phase: the phase, and `done` of `total`."""
        await self._finish(identifier, run, State.SUCCEEDED, "result", result, progress)

    async def fail(self, identifier: str, run: int, error: Mapping[str, Json]) -> None:
        """Finish a run with its error: ``code``, ``detail`` and ``pointers``."""
        await self._finish(identifier, run, State.FAILED, "error", json.dumps(error).encode())

    async def end_cancelled(self, identifier: str, run: int) -> None:
        """Finish a run that stopped because a client cancelled it."""
        await self._finish(identifier, run, State.CANCELLED, "", b"")

    async def fetched(self, record: Record) -> None:
        """Delete a finished record once a client has its result."""
        await self._call(scripts.FETCHED, record.id, scripts.Fetched(run=record.run), record.run)

    async def events(self, record: Record, after: str) -> list[tuple[str, Record]]:
        """Return the events of a record that come after another event.

        Parameters
        ----------
        record
            The record; `about` is taken from it, since events hold only the fields that change.
        after
            The id of that event; ``0`` for all events.

        Returns
        -------
        list of (str, Record)
            Event ids, ascending, each with the record at that moment.

        Raises
        ------
        StoreError
            ``record_damaged``.
        """
        with _reading(record.id):
            entries: Any = await self._redis.xrange(self._keys.events(self.kind.name, record.id), min=f"({after}")
            return [
                (event.decode(), read_record(record.id, _pairs(fields[b"job"]), record.about))
                for event, fields in entries
            ]

    def _hold(self, run: int) -> scripts.Hold:
        return scripts.Hold(run=run, holder=self._holder, lease_milliseconds=self._lease_milliseconds)

    async def _finish(
        self,
        identifier: str,
        run: int,
        state: State,
        field: str,
        value: bytes,
        progress: tuple[Phase, int, int] | None = None,
    ) -> None:
        phase, done, total = progress or ("", 0, 0)
        arguments = scripts.Finish(
            run=run,
            holder=self._holder,
            final=state.value,
            field=field,
            value=value,
            phase=phase,
            done=done,
            total=total,
        )
        await self._call(scripts.FINISH, identifier, arguments, run)

    async def _read(self, identifier: str, *names: bytes) -> list[bytes | None]:
        found: Any = await self._redis.hmget(self._keys.record(self.kind.name, identifier), names)
        return list(found)

    async def _call(self, script: RunScript[Any], identifier: str, arguments: object, run: int = 0) -> int:
        keys, subject = self._keys_of(identifier, run), self._subject(identifier)
        return await script.run(self._redis, keys, subject, self.kind.policy, arguments)

    def _subject(self, identifier: str) -> scripts.Subject:
        return scripts.Subject(id=identifier, changes=self._keys.changes)

    def _keys_of(self, identifier: str, run: int = 0) -> RunKeys:
        # Scripts that are not about one run do not use the lease; no run has the number 0.
        name = self.kind.name
        return RunKeys(
            record=self._keys.record(name, identifier),
            active=self._keys.active(name),
            request=self._keys.request(name, identifier),
            events=self._keys.events(name, identifier),
            lease=self._keys.lease(name, identifier, run),
            last_run=self._keys.last_run(name),
            recent=self._keys.recent(name),
            waiting=self._keys.waiting(name),
        )


@contextmanager
def _reading(identifier: str) -> Iterator[None]:
    """Turn the errors that reading a damaged record raises into the error for damage."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
    except ResponseError as error:
        if not _is_wrong_type(error):
            raise
        reason = "its key holds something else"
    else:
        return
    raise StoreError(
        "record_damaged", f"The record of {identifier} in Redis is damaged ({reason[:200]}). Post the request again."
    )


def _is_wrong_type(error: ResponseError) -> bool:
    return "WRONGTYPE" in str(error)


def _bad_request(reason: str) -> JobCrashed:
    return JobCrashed("job_crashed", f"The request in Redis is damaged or too large: {reason}. Post it again.")


def _record(identifier: str, values: list[bytes | None], about: Mapping[str, Json]) -> Record:
    fields = {name: value for name, value in zip(CHANGING, values, strict=True) if value is not None}
    return read_record(identifier, fields, about)


def _time_in(value: bytes | None) -> float | None:
    try:
        return None if value is None else datetime.fromisoformat(value.decode()).timestamp()
    except ValueError:
        return None


def _pairs(flat: bytes) -> dict[str, bytes]:
    """Return the fields of an event from its JSON: an array in which names and values alternate."""
    items: list[str] = json.loads(flat)
    return {name: value.encode() for name, value in zip(items[::2], items[1::2], strict=True)}
