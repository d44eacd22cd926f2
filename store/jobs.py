"""Job records in Redis: one per request, with its state, progress and history of events.

A job's id is derived from its request, so asking twice is asking once. A request whose job failed or was cancelled may
be asked again: the same record then starts its next *run*. A run is what the queue carries; a delivery of an earlier
run changes nothing.

Every change is one Lua script, so that a record, the set of active jobs and the event history never disagree.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from redis.asyncio import Redis

from concept_orderings.canonical import Json
from concept_orderings.request import StreamRequest

ATTEMPTS = 3
"""How often a run is started before a worker that dies of it is taken as the reason to give up."""

KEPT_SECONDS = 7 * 24 * 3600
"""How long a finished job is kept."""

_PREFIX = "concept-orderings"
_ACTIVE = f"{_PREFIX}:jobs:active"
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
    run : int
        1 the first time the request is asked, one more each time it is asked again after a failure.
    state : State
    phase : str or None
        What a running job is doing.
    done, total : int
        How much of the phase is done, in captions, names or starts.
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


class QueueFull(Exception):
    """As many jobs as the service takes are queued or running."""


_SUBMIT = """
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'queued' or state == 'running' then return tonumber(redis.call('HGET', KEYS[1], 'run')) end
if redis.call('SCARD', KEYS[2]) >= tonumber(ARGV[5]) then return 0 end
local run = redis.call('HINCRBY', KEYS[1], 'run', 1)
redis.call('HDEL', KEYS[1], 'phase', 'done', 'total', 'error', 'version', 'cancel')
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'stream', ARGV[2], 'state', 'queued', 'attempts', 0,
           'created_at', ARGV[4], 'updated_at', ARGV[4])
redis.call('PERSIST', KEYS[1])
redis.call('SET', KEYS[3], ARGV[3])
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('PERSIST', KEYS[4])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[6], '*', 'job', cjson.encode(redis.call('HGETALL', KEYS[1])))
return run
"""

# Returns which attempt of this run it is; 0 if the run is over or another one has begun.
_START = """
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return 0 end
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'queued' and state ~= 'running' then return 0 end
local attempt = redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('HDEL', KEYS[1], 'phase', 'done', 'total')
redis.call('HSET', KEYS[1], 'state', 'running', 'updated_at', ARGV[2])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'job', cjson.encode(redis.call('HGETALL', KEYS[1])))
return attempt
"""

_GIVE_BACK = """
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] or redis.call('HGET', KEYS[1], 'state') ~= 'running' then return 0 end
redis.call('HINCRBY', KEYS[1], 'attempts', -1)
redis.call('HDEL', KEYS[1], 'phase', 'done', 'total')
redis.call('HSET', KEYS[1], 'state', 'queued', 'updated_at', ARGV[2])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'job', cjson.encode(redis.call('HGETALL', KEYS[1])))
return 1
"""

_PROGRESS = """
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] or redis.call('HGET', KEYS[1], 'state') ~= 'running' then return 0 end
redis.call('HSET', KEYS[1], 'phase', ARGV[2], 'done', ARGV[3], 'total', ARGV[4], 'updated_at', ARGV[5])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[6], '*', 'job', cjson.encode(redis.call('HGETALL', KEYS[1])))
return 1
"""

_FINISH = """
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return 0 end
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'queued' and state ~= 'running' then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'updated_at', ARGV[3])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], ARGV[4], ARGV[5]) end
redis.call('SREM', KEYS[2], ARGV[6])
redis.call('DEL', KEYS[3])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[7], '*', 'job', cjson.encode(redis.call('HGETALL', KEYS[1])))
redis.call('EXPIRE', KEYS[1], ARGV[8])
redis.call('EXPIRE', KEYS[4], ARGV[8])
return 1
"""

# A queued job is cancelled at once; a running one is asked to stop, and its worker finishes it.
_CANCEL = """
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'running' then redis.call('HSET', KEYS[1], 'cancel', 1, 'updated_at', ARGV[1])
elseif state == 'queued' then
  redis.call('HSET', KEYS[1], 'state', 'cancelled', 'updated_at', ARGV[1])
  redis.call('SREM', KEYS[2], ARGV[2])
  redis.call('DEL', KEYS[3])
  redis.call('EXPIRE', KEYS[1], ARGV[4])
else return 0 end
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[3], '*', 'job', cjson.encode(redis.call('HGETALL', KEYS[1])))
if state == 'queued' then redis.call('EXPIRE', KEYS[4], ARGV[4]) end
return 1
"""


def job_id(request: StreamRequest) -> str:
    """Return the id of the job that answers a request: the first half of its digest."""
    return request.digest[:32]


class Jobs:
    """The job records of a service.

    All methods raise `redis.RedisError` while Redis is away.
    """

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._submit = redis.register_script(_SUBMIT)
        self._start = redis.register_script(_START)
        self._give_back = redis.register_script(_GIVE_BACK)
        self._progress = redis.register_script(_PROGRESS)
        self._finish = redis.register_script(_FINISH)
        self._cancel = redis.register_script(_CANCEL)

    async def submit(self, request: StreamRequest, *, most_active: int) -> int:
        """Record a request as queued unless it is queued or running already; return its run.

        Raises
        ------
        QueueFull
            If `most_active` jobs are queued or running.
        """
        identifier = job_id(request)
        run = await self._submit(
            keys=[_job_key(identifier), _ACTIVE, _request_key(identifier), _events_key(identifier)],
            args=[
                identifier,
                request.name,
                zlib.compress(request.canonical, level=1),
                _now(),
                most_active,
                _EVENTS_KEPT,
            ],
        )
        if run == 0:
            raise QueueFull
        return int(run)

    async def get(self, identifier: str) -> Job | None:
        """Return a job, or None if there is none or it was forgotten."""
        fields: Any = await self._redis.hgetall(_job_key(identifier))
        return _job(_decoded(fields)) if fields else None

    async def canonical_request(self, identifier: str) -> bytes | None:
        """Return the canonical request of an active job."""
        data: Any = await self._redis.get(_request_key(identifier))
        return zlib.decompress(data) if data is not None else None

    async def cancel(self, identifier: str) -> bool:
        """Cancel a queued job, ask a running one to stop; return False for a finished one."""
        changed = await self._cancel(
            keys=[_job_key(identifier), _ACTIVE, _request_key(identifier), _events_key(identifier)],
            args=[_now(), identifier, _EVENTS_KEPT, KEPT_SECONDS],
        )
        return bool(changed)

    async def start(self, identifier: str, run: int) -> int:
        """Mark a run as running; return which attempt it is, or 0 if there is nothing to do."""
        return int(
            await self._start(keys=[_job_key(identifier), _events_key(identifier)], args=[run, _now(), _EVENTS_KEPT])
        )

    async def give_back(self, identifier: str, run: int) -> None:
        """Queue a run again that a worker drops because it is told to stop: this attempt does not count."""
        await self._give_back(keys=[_job_key(identifier), _events_key(identifier)], args=[run, _now(), _EVENTS_KEPT])

    async def progress(self, identifier: str, run: int, phase: Phase, done: int, total: int) -> None:
        """Record how much of a phase is done."""
        await self._progress(
            keys=[_job_key(identifier), _events_key(identifier)],
            args=[run, phase.value, done, total, _now(), _EVENTS_KEPT],
        )

    async def cancel_requested(self, identifier: str) -> bool:
        """Tell whether a running job was asked to stop."""
        return bool(await self._redis.hexists(_job_key(identifier), "cancel"))

    async def succeed(self, identifier: str, run: int, version: int) -> None:
        """Finish a run with the version it made."""
        await self._end(identifier, run, State.SUCCEEDED, "version", str(version))

    async def fail(self, identifier: str, run: int, error: Mapping[str, Json]) -> None:
        """Finish a run with its error, which is kept with the job."""
        await self._end(identifier, run, State.FAILED, "error", json.dumps(error))

    async def end_cancelled(self, identifier: str, run: int) -> None:
        """Finish a run that stopped because it was asked to."""
        await self._end(identifier, run, State.CANCELLED, "", "")

    async def events(self, identifier: str, after: str, *, wait_seconds: float) -> list[tuple[str, Job]]:
        """Return the events after one, waiting for the first if there is none yet.

        Parameters
        ----------
        identifier
            The job.
        after
            The id of the last event seen, or ``0`` for all.
        wait_seconds
            How long to wait; 0 not at all.

        Returns
        -------
        list of (str, Job)
            Event ids, ascending, and the job as it then stood; empty if nothing happened in time.
        """
        block = max(1, int(wait_seconds * 1000)) if wait_seconds > 0 else None
        found: Any = await self._redis.xread({_events_key(identifier): after}, block=block, count=_EVENTS_KEPT)
        if not found:
            return []
        # RESP3 answers with a map of streams, RESP2 with pairs.
        entries = next(iter(found.values()))[0] if isinstance(found, dict) else found[0][1]
        return [(event.decode(), _job(_pairs(fields[b"job"]))) for event, fields in entries]

    async def _end(self, identifier: str, run: int, state: State, field: str, value: str) -> None:
        await self._finish(
            keys=[_job_key(identifier), _ACTIVE, _request_key(identifier), _events_key(identifier)],
            args=[run, state.value, _now(), field, value, identifier, _EVENTS_KEPT, KEPT_SECONDS],
        )


def _job(fields: Mapping[str, str]) -> Job:
    error = fields.get("error")
    version = fields.get("version")
    return Job(
        id=fields["id"],
        stream=fields["stream"],
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


def _events_key(identifier: str) -> str:
    return f"{_PREFIX}:job:{identifier}:events"
