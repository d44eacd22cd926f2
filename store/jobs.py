"""Job records in Redis: one per request, with its state, progress and history of events.

A job's id is derived from its request, so asking twice is asking once. A request whose job failed or was cancelled may
be asked again: the same record then starts its next *run*. A run is what the queue carries; a delivery of an earlier
run changes nothing.

Every change is one Lua script, so that a record, the set of active jobs and the event history never disagree.
"""

import asyncio
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from concept_orderings.canonical import Json, canonical_json
from concept_orderings.request import StreamRequest

ATTEMPTS = 3
"""How often a run is started before a worker that dies of it is taken as the reason to give up."""

KEPT_SECONDS = 7 * 24 * 3600
"""How long a finished job is kept."""

_PREFIX = "concept-orderings"
_ACTIVE = f"{_PREFIX}:jobs:active"
CHANGES = f"{_PREFIX}:jobs:changes"
"""The channel on which every change of a job is published, as its id and state."""

_EVENTS_KEPT = 1000


class State(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class Phase(StrEnum):
    """What a running job is doing: the four verbs, with gathering told apart by what is gathered."""

    COUNTING = "counting"
    EMBEDDING = "embedding"
    ARRANGING = "arranging"
    PUBLISHING = "publishing"


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as it stands.

    Attributes
    ----------
    id : str
    stream : str
        The stream that it makes a version of.
    ordering : dict or None
        The ordering of its canonical request; None of a job that was recorded by an earlier version.
    run : int
        1 the first time the request is asked, one more each time it is asked again after a failure.
    state : State
    phase : str or None
        What a running job is doing.
    done, total : int
        How much of the phase is done, in captions, names, or concepts compared and starts tried.
    version : int or None
        The version it made.
    error : dict or None
        ``code`` and ``detail`` of a failed job.
    created_at, updated_at : str
        UTC, ISO 8601.
    cancel_requested : bool
        A running job that will stop soon.
    """

    id: str
    stream: str
    ordering: Mapping[str, Json] | None
    run: int
    state: State
    phase: str | None
    done: int
    total: int
    version: int | None
    error: Mapping[str, Json] | None
    created_at: str
    updated_at: str
    cancel_requested: bool


class Verdict(IntEnum):
    """What is to become of a run that a worker is at."""

    GO_ON = 1
    STOP = 0
    """The job was cancelled."""
    LEAVE = -1
    """The run is over, or another worker has taken it up: nothing is to be recorded."""


class QueueFull(Exception):
    """As many jobs as the service takes are queued or running."""


# What all scripts share. KEYS: the job, the active jobs, its request, its events, its lease. ARGV[1] is the time,
# ARGV[2] the id and, except for a request and a cancellation, ARGV[3] the run: a delivery of an earlier one changes
# nothing.
_SHARED = f"""
local job, active, request, events, lease = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local now, id = ARGV[1], ARGV[2]
local state = redis.call('HGET', job, 'state')
local pending = state == 'queued' or state == 'running'
local function is_run(run) return redis.call('HGET', job, 'run') == run end
local function tell()
  redis.call('XADD', events, 'MAXLEN', '~', {_EVENTS_KEPT}, '*', 'job', cjson.encode(redis.call('HGETALL', job)))
  redis.call('PUBLISH', '{CHANGES}', id .. ' ' .. redis.call('HGET', job, 'state'))
end
local function cancelling() return redis.call('HEXISTS', job, 'cancel') == 1 end
local function finish(final)
  redis.call('HSET', job, 'state', final, 'updated_at', now)
  redis.call('SREM', active, id)
  redis.call('DEL', request, lease)
  tell()
  redis.call('EXPIRE', job, {KEPT_SECONDS})
  redis.call('EXPIRE', events, {KEPT_SECONDS})
end
"""

# A job that was asked to stop is as good as over: asking for it again begins the next run at once. One that has
# succeeded is not run again unless the caller knows that its version is gone.
_SUBMIT = """
if state == 'succeeded' and ARGV[6] == '0' then return -1 end
if pending and not cancelling() then return tonumber(redis.call('HGET', job, 'run')) end
if not pending and redis.call('SCARD', active) >= tonumber(ARGV[5]) then return 0 end
local run = redis.call('HINCRBY', job, 'run', 1)
redis.call('HDEL', job, 'phase', 'done', 'total', 'error', 'version', 'cancel')
redis.call('HSET', job, 'id', id, 'stream', ARGV[3], 'state', 'queued', 'attempts', 0,
           'ordering', ARGV[7], 'created_at', now, 'updated_at', now)
redis.call('PERSIST', job)
redis.call('SET', request, ARGV[4])
redis.call('SADD', active, id)
redis.call('PERSIST', events)
tell()
return run
"""

# Returns which attempt of this run it is; 0 if the run is over, another one has begun, or another worker is at it. A
# job whose worker died before it could stop as it was asked to, is stopped here.
_START = """
if not is_run(ARGV[3]) or not pending then return 0 end
local holder = redis.call('GET', lease)
if holder and holder ~= ARGV[4] then return 0 end
if cancelling() then
  finish('cancelled')
  return 0
end
redis.call('SET', lease, ARGV[4], 'PX', ARGV[5])
local attempt = redis.call('HINCRBY', job, 'attempts', 1)
redis.call('HDEL', job, 'phase', 'done', 'total')
redis.call('HSET', job, 'state', 'running', 'updated_at', now)
tell()
return attempt
"""

_GIVE_BACK = """
if not is_run(ARGV[3]) or state ~= 'running' then return 0 end
redis.call('DEL', lease)
if cancelling() then
  finish('cancelled')
  return 1
end
if ARGV[4] == '0' then redis.call('HINCRBY', job, 'attempts', -1) end
redis.call('HDEL', job, 'phase', 'done', 'total')
redis.call('HSET', job, 'state', 'queued', 'updated_at', now)
tell()
return 1
"""

# Returns 1 to go on, 0 to stop as asked, -1 if the run is over or another worker's.
_KEEP = """
if not is_run(ARGV[3]) or state ~= 'running' then return -1 end
local holder = redis.call('GET', lease)
if holder and holder ~= ARGV[4] then return -1 end
redis.call('SET', lease, ARGV[4], 'PX', ARGV[5])
return cancelling() and 0 or 1
"""

_PROGRESS = """
if not is_run(ARGV[3]) or state ~= 'running' then return 0 end
redis.call('HSET', job, 'phase', ARGV[4], 'done', ARGV[5], 'total', ARGV[6], 'updated_at', now)
tell()
return 1
"""

_FINISH = """
if not is_run(ARGV[3]) or not pending then return 0 end
if ARGV[5] ~= '' then redis.call('HSET', job, ARGV[5], ARGV[6]) end
finish(ARGV[4])
return 1
"""

# A queued job is cancelled at once; a running one is asked to stop, and its worker finishes it.
_CANCEL = """
if state == 'queued' then
  finish('cancelled')
elseif state == 'running' then
  redis.call('HSET', job, 'cancel', 1, 'updated_at', now)
  tell()
else
  return 0
end
return 1
"""


def job_id(request: StreamRequest) -> str:
    """Return the id of the job that answers a request: the first half of its digest."""
    return request.digest[:32]


class Jobs:
    """The job records of a service.

    All methods raise `redis.RedisError` while Redis is away.

    Parameters
    ----------
    redis
        A client that returns bytes.
    lease_seconds
        For how long a run that was started here is nobody else's, unless it is kept or given back.
    """

    def __init__(self, redis: "Redis", *, lease_seconds: float = 30.0) -> None:
        self._redis = redis
        self._holder = uuid4().hex
        self._lease_milliseconds = int(lease_seconds * 1000)
        self._submit = redis.register_script(_SHARED + _SUBMIT)
        self._start = redis.register_script(_SHARED + _START)
        self._give_back = redis.register_script(_SHARED + _GIVE_BACK)
        self._keep = redis.register_script(_SHARED + _KEEP)
        self._progress = redis.register_script(_SHARED + _PROGRESS)
        self._finish = redis.register_script(_SHARED + _FINISH)
        self._cancel = redis.register_script(_SHARED + _CANCEL)

    async def submit(self, request: StreamRequest, *, most_active: int, again: bool = False) -> int | None:
        """Record a request as queued unless it is queued or running already; return its run.

        Parameters
        ----------
        request
            What to do.
        most_active
            How many jobs may be queued or running.
        again
            Whether to run it again though it has succeeded, because its version is gone.

        Returns
        -------
        int or None
            The run; None if the job has succeeded meanwhile, so that there is a version.

        Raises
        ------
        QueueFull
            If `most_active` jobs are queued or running.
        """
        canonical = await asyncio.to_thread(zlib.compress, request.canonical, level=1)
        ordering = canonical_json(request.ordering.as_json())
        run = await self._run(self._submit, job_id(request), request.name, canonical, most_active, int(again), ordering)
        if run == 0:
            raise QueueFull
        return run if run > 0 else None

    async def get(self, identifier: str) -> Job | None:
        """Return a job, or None if there is none or it was forgotten."""
        fields: Any = await self._redis.hgetall(_job_key(identifier))
        return _job(_decoded(fields)) if fields else None

    async def canonical_request(self, identifier: str) -> bytes | None:
        """Return the canonical request of an active job."""
        data: Any = await self._redis.get(_request_key(identifier))
        return zlib.decompress(data) if data is not None else None

    async def active(self) -> list[tuple[str, int]]:
        """Return the id and the run of every job that is queued or running."""
        identifiers: Any = await self._redis.smembers(_ACTIVE)
        found = [(each.decode(), await self.get(each.decode())) for each in identifiers]
        return sorted((identifier, job.run) for identifier, job in found if job is not None)

    async def cancel(self, identifier: str) -> bool:
        """Cancel a queued job, ask a running one to stop; return False for a finished one."""
        return bool(await self._run(self._cancel, identifier))

    async def start(self, identifier: str, run: int) -> int:
        """Mark a run as running; return which attempt it is, or 0 if there is nothing to do here.

        Another worker may be at it: the queue delivers a run again when its worker could not say for a while that it
        is alive, which a break of Redis causes too.
        """
        return await self._run(self._start, identifier, run, self._holder, self._lease_milliseconds)

    async def keep(self, identifier: str, run: int) -> Verdict:
        """Renew the lease of a run that was started here, and return what is to become of it."""
        return Verdict(await self._run(self._keep, identifier, run, self._holder, self._lease_milliseconds))

    async def give_back(self, identifier: str, run: int, *, counted: bool) -> None:
        """Queue a run again that a worker drops; cancel it if that was asked for meanwhile.

        Parameters
        ----------
        identifier, run
            The run.
        counted
            Whether this was an attempt: not if the worker drops it because it is told to stop.
        """
        await self._run(self._give_back, identifier, run, int(counted))

    async def progress(self, identifier: str, run: int, phase: Phase, done: int, total: int) -> None:
        """Record how much of a phase is done."""
        await self._run(self._progress, identifier, run, phase.value, done, total)

    async def succeed(self, identifier: str, run: int, version: int) -> None:
        """Finish a run with the version it made."""
        await self._end(identifier, run, State.SUCCEEDED, "version", str(version))

    async def fail(self, identifier: str, run: int, error: Mapping[str, Json]) -> None:
        """Finish a run with its error, which is kept with the job."""
        await self._end(identifier, run, State.FAILED, "error", json.dumps(error))

    async def end_cancelled(self, identifier: str, run: int) -> None:
        """Finish a run that stopped because it was asked to."""
        await self._end(identifier, run, State.CANCELLED, "", "")

    async def events(self, identifier: str, after: str) -> list[tuple[str, Job]]:
        """Return the events after one; `store.bell` tells when there are more.

        Parameters
        ----------
        identifier
            The job.
        after
            The id of the last event seen, or ``0`` for all.

        Returns
        -------
        list of (str, Job)
            Event ids, ascending, and the job as it then stood.
        """
        entries: Any = await self._redis.xrange(_events_key(identifier), min=f"({after}")
        return [(event.decode(), _job(_pairs(fields[b"job"]))) for event, fields in entries]

    async def _end(self, identifier: str, run: int, state: State, field: str, value: str) -> None:
        await self._run(self._finish, identifier, run, state.value, field, value)

    async def _run(self, script: AsyncScript, identifier: str, *arguments: str | bytes | int) -> int:
        # Only the scripts of a run use its lease; the others' first argument makes the name of none.
        keys = [
            _job_key(identifier),
            _ACTIVE,
            _request_key(identifier),
            _events_key(identifier),
            _lease_key(identifier, arguments[0] if arguments else ""),
        ]
        return int(await script(keys=keys, args=[_now(), identifier, *arguments]))


def _job(fields: Mapping[str, str]) -> Job:
    error = fields.get("error")
    version = fields.get("version")
    return Job(
        id=fields["id"],
        stream=fields["stream"],
        ordering=json.loads(fields.get("ordering", "null")),
        run=int(fields["run"]),
        state=State(fields["state"]),
        phase=fields.get("phase"),
        done=int(fields.get("done", 0)),
        total=int(fields.get("total", 0)),
        version=int(version) if version is not None else None,
        error=json.loads(error) if error is not None else None,
        created_at=fields["created_at"],
        updated_at=fields["updated_at"],
        cancel_requested="cancel" in fields,
    )


def _decoded(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}


def _pairs(flat: bytes) -> dict[str, str]:
    """Read what Lua makes of HGETALL: one array of names and values in turn."""
    items: list[Any] = json.loads(flat)
    return dict(zip(items[::2], items[1::2], strict=True))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _job_key(identifier: str) -> str:
    return f"{_PREFIX}:job:{identifier}"


def _request_key(identifier: str) -> str:
    return f"{_PREFIX}:job:{identifier}:request"


def _lease_key(identifier: str, run: object) -> str:
    return f"{_PREFIX}:job:{identifier}:lease:{run}"


def _events_key(identifier: str) -> str:
    return f"{_PREFIX}:job:{identifier}:events"
