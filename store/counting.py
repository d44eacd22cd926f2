"""What somebody wants to know of a source's counts: asked by the API, answered by a worker, kept for a short while.

Like a job, but of no consequence: the counts themselves are kept by `store.counts`, and what is forgotten here is asked
again. One hash each, under an id derived from the question, so that asking twice is asking once. Once somebody has had
the answer it is forgotten, and the same question is put to the source again, or to what is kept of it.

Changes ring the bell of `store.bell`, as those of jobs do.
"""

import asyncio
import json
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from concept_orderings.canonical import Json, canonical_json, sha256_hex
from concept_orderings.queries import Query
from store.jobs import CHANGES, QueueFull, State

_KEY = "concept-orderings:counting:{}"
_ACTIVE = "concept-orderings:counting:active"
_RUNS = "concept-orderings:counting:runs"

FORGOTTEN_SECONDS = 3600
"""How long one is kept of which nobody writes anything."""
ANSWER_SECONDS = 300
"""How long an answer waits for somebody to fetch it; until then it is one of those that there may be so many of."""
FAILED_SECONDS = 30
"""How long a failure does: whoever asks later wants to know how things are then."""
UNASKED_SECONDS = 360
"""How long one is worked on that nobody asks again: longer than an answer is waited for, unless set otherwise."""

# KEYS: the record, the active ones, the last run's number. ARGV[1] is the time, ARGV[2] the id.
_SHARED = f"""
local record, active, runs = KEYS[1], KEYS[2], KEYS[3]
local now, id = tonumber(ARGV[1]), ARGV[2]
local state = redis.call('HGET', record, 'state')
local pending = state == 'queued' or state == 'running'
local function is_run(run) return redis.call('HGET', record, 'run') == run end
local function keep()
  redis.call('EXPIRE', record, {FORGOTTEN_SECONDS})
  redis.call('ZADD', active, now + {FORGOTTEN_SECONDS}, id)
end
-- Forgets a run that nobody has asked for lately: whoever does later begins anew.
local function is_unasked()
  if now - tonumber(redis.call('HGET', record, 'asked') or 0) <= {UNASKED_SECONDS} then return false end
  redis.call('DEL', record)
  redis.call('ZREM', active, id)
  return true
end
"""

# Returns the run, or 0 if there are too many already.
_SUBMIT = """
if state then redis.call('HSET', record, 'asked', now) end
if state then return tonumber(redis.call('HGET', record, 'run')) end
redis.call('ZREMRANGEBYSCORE', active, '-inf', now)
if redis.call('ZCARD', active) >= tonumber(ARGV[3]) then return 0 end
local run = redis.call('INCR', runs)
redis.call('HSET', record, 'state', 'queued', 'run', run, 'question', ARGV[4], 'done', 0, 'total', ARGV[5])
redis.call('HSET', record, 'source', ARGV[6], 'asked', now)
keep()
return run
"""

# Returns which attempt it is, or 0 if there is nothing to do.
_START = """
if not is_run(ARGV[3]) or not pending or is_unasked() then return 0 end
redis.call('HSET', record, 'state', 'running')
keep()
return redis.call('HINCRBY', record, 'attempts', 1)
"""

# Returns 0 if there is nothing to do any more.
_PROGRESS = """
if not is_run(ARGV[3]) or state ~= 'running' or is_unasked() then return 0 end
redis.call('HSET', record, 'done', ARGV[4], 'total', ARGV[5])
keep()
return 1
"""

_GIVE_BACK = """
if not is_run(ARGV[3]) or state ~= 'running' then return 0 end
redis.call('HINCRBY', record, 'attempts', -1)
redis.call('HSET', record, 'state', 'queued')
return 1
"""

# ARGV[4] to ARGV[7]: the state, the field and its value, and how long they are kept.
_FINISH = f"""
if not is_run(ARGV[3]) or not pending then return 0 end
redis.call('HSET', record, 'state', ARGV[4], ARGV[5], ARGV[6])
redis.call('HDEL', record, 'question')
redis.call('EXPIRE', record, ARGV[7])
redis.call('ZADD', active, now + tonumber(ARGV[7]), id)
redis.call('PUBLISH', '{CHANGES}', id .. ' ' .. ARGV[4])
return 1
"""

_DELIVERED = """
if not is_run(ARGV[3]) or pending then return 0 end
redis.call('DEL', record)
redis.call('ZREM', active, id)
return 1
"""


@dataclass(frozen=True)
class Question:
    """What is to be counted.

    Attributes
    ----------
    source : str
        Its name.
    queries : tuple of Query
        Distinct and sorted.
    counted_since : str
        Counts of before this time are not wanted; empty if any are.
    """

    source: str
    queries: tuple[Query, ...]
    counted_since: str

    @cached_property
    def canonical(self) -> bytes:
        """The question as canonical JSON."""
        queries: list[Json] = [query.spellings for query in self.queries]
        return canonical_json({"source": self.source, "queries": queries, "counted_since": self.counted_since})

    @cached_property
    def id(self) -> str:
        """The first half of the SHA-256 of that."""
        return sha256_hex(self.canonical)[:32]

    @classmethod
    def of_canonical(cls, canonical: bytes) -> "Question":
        """Read what `canonical` wrote."""
        fields: dict[str, Any] = json.loads(canonical)
        queries = tuple(Query(tuple(spellings)) for spellings in fields["queries"])
        return cls(fields["source"], queries, fields["counted_since"])


@dataclass(frozen=True, kw_only=True)
class CountOf:
    """The count of one query.

    Attributes
    ----------
    asked : Query
        As the source was asked: cut, say, to what it takes.
    value : int
    approximate : bool
    counted_at : str
        UTC, ISO 8601 with seconds.
    """

    asked: Query
    value: int
    approximate: bool
    counted_at: str


@dataclass(frozen=True)
class Answer:
    """What a source says.

    Attributes
    ----------
    facts : mapping
        What its counts mean: JSON.
    counts : sequence of CountOf
        One for each query of the question, in its order.
    """

    facts: Mapping[str, Any]
    counts: Sequence[CountOf]

    def to_bytes(self) -> bytes:
        """Return the answer as it is stored."""
        counts = [(each.asked.spellings, each.value, each.approximate, each.counted_at) for each in self.counts]
        return zlib.compress(json.dumps({"facts": self.facts, "counts": counts}).encode(), level=1)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Answer":
        """Read what `to_bytes` wrote."""
        fields = json.loads(zlib.decompress(data))
        counts = [
            CountOf(asked=Query(tuple(spellings)), value=value, approximate=approximate, counted_at=counted_at)
            for spellings, value, approximate, counted_at in fields["counts"]
        ]
        return cls(fields["facts"], counts)


@dataclass(frozen=True, kw_only=True)
class Counting:
    """A question as it stands.

    Attributes
    ----------
    id : str
    run : int
        What the queue carries with the id.
    state : State
    done, total : int
        Queries counted of all queries.
    answer : bytes, optional
        Once it has succeeded, as `Answer.from_bytes` reads it.
    error : mapping, optional
        ``code`` and ``detail``, once it has failed.
    """

    id: str
    run: int
    state: State
    done: int
    total: int
    answer: bytes | None
    error: Mapping[str, Any] | None


class Countings:
    """The questions of a service.

    All methods raise `redis.RedisError` while Redis is away.

    Parameters
    ----------
    redis
        A client that returns bytes.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._submit = redis.register_script(_SHARED + _SUBMIT)
        self._start = redis.register_script(_SHARED + _START)
        self._progress = redis.register_script(_SHARED + _PROGRESS)
        self._give_back = redis.register_script(_SHARED + _GIVE_BACK)
        self._finish = redis.register_script(_SHARED + _FINISH)
        self._delivered = redis.register_script(_SHARED + _DELIVERED)

    async def submit(self, question: Question, *, most_active: int) -> int:
        """Record a question unless it is recorded already, and that somebody asks it now; return its run.

        Raises
        ------
        QueueFull
            If `most_active` others are queued or running, or answered and not fetched.
        """
        compressed = zlib.compress(question.canonical, level=1)
        arguments = (most_active, compressed, len(question.queries), question.source)
        run = await self._run(self._submit, question.id, *arguments)
        if run == 0:
            raise QueueFull
        return run

    async def get(self, identifier: str) -> Counting | None:
        """Return a question as it stands, or None if there is none or it was forgotten."""
        names = ("run", "state", "done", "total", "answer", "error")
        values: Any = await self._redis.hmget(_KEY.format(identifier), names)
        found = dict(zip(names, values, strict=True))
        if found["state"] is None:
            return None
        return Counting(
            id=identifier,
            run=int(found["run"]),
            state=State(found["state"].decode()),
            done=int(found["done"]),
            total=int(found["total"]),
            answer=found["answer"],
            error=json.loads(found["error"]) if found["error"] is not None else None,
        )

    async def source(self, identifier: str) -> str | None:
        """Return the name of the source that a question is put to, or None if it was forgotten."""
        name: Any = await self._redis.hget(_KEY.format(identifier), "source")
        return None if name is None else name.decode()

    async def start(self, identifier: str, run: int) -> tuple[int, Question] | None:
        """Mark a run as running; return which attempt it is, and the question, or None if there is nothing to do."""
        attempt = await self._run(self._start, identifier, run)
        compressed: Any = await self._redis.hget(_KEY.format(identifier), "question")
        if attempt == 0 or compressed is None:
            return None
        return attempt, await asyncio.to_thread(lambda: Question.of_canonical(zlib.decompress(compressed)))

    async def progress(self, identifier: str, run: int, done: int, total: int) -> bool:
        """Record how much of a run is done; return whether to go on.

        Not if it is over, or nobody has asked for `UNASKED_SECONDS`: it is forgotten then.
        """
        return bool(await self._run(self._progress, identifier, run, done, total))

    async def give_back(self, identifier: str, run: int) -> None:
        """Queue a run again that a worker drops because it is told to stop."""
        await self._run(self._give_back, identifier, run)

    async def succeed(self, identifier: str, run: int, answer: Answer) -> None:
        """Finish a run with its answer."""
        # Of 100,000 counts it takes a while: not on the event loop.
        data = await asyncio.to_thread(answer.to_bytes)
        await self._run(self._finish, identifier, run, State.SUCCEEDED.value, "answer", data, ANSWER_SECONDS)

    async def fail(self, identifier: str, run: int, error: Mapping[str, Json]) -> None:
        """Finish a run with its error."""
        data = json.dumps(error)
        await self._run(self._finish, identifier, run, State.FAILED.value, "error", data, FAILED_SECONDS)

    async def delivered(self, counting: Counting) -> None:
        """Forget a finished question: somebody knows how it ended. Others who wait for it ask again."""
        await self._run(self._delivered, counting.id, counting.run)

    async def _run(self, script: AsyncScript, identifier: str, *arguments: str | bytes | int) -> int:
        keys = [_KEY.format(identifier), _ACTIVE, _RUNS]
        return int(await script(keys=keys, args=[int(time.time()), identifier, *arguments]))
