"""The records of one kind in Redis, and every change of them."""

import asyncio
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from concept_orderings.canonical import Json, canonical_json
from store.keys import Keys
from store.runs import scripts
from store.runs.kinds import Kind, Lane
from store.runs.record import CHANGING, Phase, Record, State, Verdict, read_record
from store.runs.scripts import RunKeys, RunScript

_NAMES = [name.encode() for name in CHANGING]


class QueueFull(Exception):
    """As many records of a kind are active as the service takes."""


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A request, as it is recorded.

    Attributes
    ----------
    id : str
        Derived from the request: the same request has the same one.
    canonical : bytes
        The request itself, for the worker.
    about : mapping
        What those see who look at the record: JSON.
    lane : Lane
    client : str
        Who asks; empty where the service does not know.
    steps : int
        How many steps the work has, as far as that is known before it begins.
    """

    id: str
    canonical: bytes
    about: Mapping[str, Json]
    lane: Lane
    client: str = ""
    steps: int = 0


class Runs:
    """The records of one kind.

    All methods raise `redis.RedisError` while Redis is away.

    Parameters
    ----------
    redis
        A client that returns bytes.
    keys
        What the keys are called.
    kind
        How its records are kept.
    lease_seconds
        How long a run that was started here is kept from other workers, unless the lease is renewed or given back.
    clock
        Returns the time; times in records, and lives of looks, are by it.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        kind: Kind,
        *,
        lease_seconds: float = 30.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._redis = redis
        self._keys = keys
        self.kind = kind
        self._clock = clock
        self._holder = uuid4().hex
        self._lease_milliseconds = int(lease_seconds * 1000)

    async def submit(self, submission: Submission, *, most_active: int, again: bool = False) -> int | None:
        """Record a request as queued unless it is queued or running already; return its run.

        Parameters
        ----------
        submission
            What to do.
        most_active
            How many records may be active.
        again
            Whether to run it again though it has succeeded, because its result is gone.

        Returns
        -------
        int or None
            The run; None if it has succeeded meanwhile, so that there is a result. A record that waits to be fetched
            is returned by its run, finished or not.

        Raises
        ------
        QueueFull
            If `most_active` records are active.
        """
        canonical = await asyncio.to_thread(zlib.compress, submission.canonical, level=1)
        arguments = scripts.Submit(
            most_active=most_active,
            again=again,
            client=submission.client,
            lane=submission.lane.value,
            about=canonical_json(dict(submission.about)),
            canonical=canonical,
            steps=submission.steps,
        )
        run = await self._call(scripts.SUBMIT, submission.id, arguments)
        if run == 0:
            raise QueueFull
        return run if run > 0 else None

    async def get(self, identifier: str) -> Record | None:
        """Return a record, or None if there is none or it was forgotten."""
        about, *changing = await self._read(identifier, b"about", *_NAMES)
        return _record(identifier, changing, json.loads(about)) if about is not None else None

    async def refresh(self, record: Record) -> Record | None:
        """Return a record as it stands now, or None if it was forgotten; what it is about is not read again."""
        changing = await self._read(record.id, *_NAMES)
        return _record(record.id, changing, record.about) if any(changing) else None

    async def request(self, identifier: str) -> bytes | None:
        """Return the canonical request of a pending record."""
        data: Any = await self._redis.get(self._keys.request(self.kind.name, identifier))
        return await asyncio.to_thread(zlib.decompress, data) if data is not None else None

    async def pending(self) -> list[tuple[str, int]]:
        """Return the id and the run of every record that is queued or running."""
        members: Any = await self._redis.zrange(self._keys.active(self.kind.name), 0, -1)
        identifiers = [each.decode() for each in members]
        async with self._redis.pipeline(transaction=False) as pipeline:
            for each in identifiers:
                pipeline.hmget(self._keys.record(self.kind.name, each), "run", "state")
            found = await pipeline.execute()
        states = zip(identifiers, found, strict=True)
        return sorted(
            (each, int(run)) for each, (run, state) in states if state is not None and not State(state.decode()).final
        )

    async def cancel(self, identifier: str) -> bool:
        """Cancel a queued run, ask a running one to stop; return False for a finished one."""
        return bool(await self._call(scripts.CANCEL, identifier, scripts.Nothing()))

    async def start(self, identifier: str, run: int) -> int:
        """Mark a run as running; return which attempt it is, or 0 if there is nothing to do here.

        Another worker may hold it: the queue delivers a run again when its worker could not say for a while that it
        is alive, which a break of Redis causes too.
        """
        return await self._call(scripts.START, identifier, self._hold(run), run)

    async def keep(self, identifier: str, run: int) -> Verdict:
        """Renew the lease of a run that was started here, and return what is to become of it."""
        return Verdict(await self._call(scripts.KEEP, identifier, self._hold(run), run))

    async def give_back(self, identifier: str, run: int, *, counted: bool) -> None:
        """Queue a run again that a worker drops; cancel it if that was asked for meanwhile.

        Parameters
        ----------
        identifier, run
            The run.
        counted
            Whether this was an attempt: not if the worker drops the run because it is stopping.
        """
        await self._call(scripts.GIVE_BACK, identifier, scripts.GiveBack(run=run, counted=counted), run)

    async def progress(self, identifier: str, run: int, phase: Phase, done: int, total: int) -> None:
        """Record how much of a phase is done."""
        arguments = scripts.Progress(run=run, phase=phase.value, done=done, total=total)
        await self._call(scripts.PROGRESS, identifier, arguments, run)

    async def succeed(self, identifier: str, run: int, result: bytes) -> None:
        """Finish a run with its result."""
        await self._finish(identifier, run, State.SUCCEEDED, "result", result)

    async def fail(self, identifier: str, run: int, error: Mapping[str, Json]) -> None:
        """Finish a run with its error, which is kept with the record."""
        await self._finish(identifier, run, State.FAILED, "error", json.dumps(error).encode())

    async def end_cancelled(self, identifier: str, run: int) -> None:
        """Finish a run that stopped because it was asked to."""
        await self._finish(identifier, run, State.CANCELLED, "", b"")

    async def fetched(self, record: Record) -> None:
        """Forget a finished record, once a client has its result."""
        await self._call(scripts.FETCHED, record.id, scripts.Fetched(run=record.run), record.run)

    async def events(self, record: Record, after: str) -> list[tuple[str, Record]]:
        """Return the events of a record after one.

        Parameters
        ----------
        record
            The record; events hold what changes alone, and the rest is taken from it.
        after
            The id of the last event seen, or ``0`` for all.

        Returns
        -------
        list of (str, Record)
            Event ids, ascending, and the record as it then stood.
        """
        entries: Any = await self._redis.xrange(self._keys.events(self.kind.name, record.id), min=f"({after}")
        return [
            (event.decode(), read_record(record.id, _pairs(fields[b"job"]), record.about)) for event, fields in entries
        ]

    def _hold(self, run: int) -> scripts.Hold:
        return scripts.Hold(run=run, holder=self._holder, lease_milliseconds=self._lease_milliseconds)

    async def _finish(self, identifier: str, run: int, state: State, field: str, value: bytes) -> None:
        arguments = scripts.Finish(run=run, final=state.value, field=field, value=value)
        await self._call(scripts.FINISH, identifier, arguments, run)

    async def _read(self, identifier: str, *names: bytes) -> list[bytes | None]:
        found: Any = await self._redis.hmget(self._keys.record(self.kind.name, identifier), names)
        return list(found)

    async def _call(self, script: RunScript[Any], identifier: str, arguments: object, run: int = 0) -> int:
        # Only the scripts of a run use its lease; 0 is the number of none.
        name, now = self.kind.name, self._clock()
        keys = RunKeys(
            record=self._keys.record(name, identifier),
            active=self._keys.active(name),
            request=self._keys.request(name, identifier),
            events=self._keys.events(name, identifier),
            lease=self._keys.lease(name, identifier, run),
            last_run=self._keys.last_run(name),
        )
        moment = scripts.Moment(
            now=now.isoformat(timespec="milliseconds"),
            seconds=int(now.timestamp()),
            id=identifier,
            changes=self._keys.changes,
        )
        return await script.run(self._redis, keys, moment, self.kind.policy, arguments)


def _record(identifier: str, values: list[bytes | None], about: Mapping[str, Json]) -> Record:
    fields = {name: value for name, value in zip(CHANGING, values, strict=True) if value is not None}
    return read_record(identifier, fields, about)


def _pairs(flat: bytes) -> dict[str, bytes]:
    """Read an event: names and values in turn."""
    items: list[str] = json.loads(flat)
    return {name: value.encode() for name, value in zip(items[::2], items[1::2], strict=True)}
