"""Sources of counts that workers have: workers report them in Redis every few seconds, and the API lists them.

They are one hash. A field is the name of a source; its value is the time of the report and the report, as JSON. A
source is dropped 30 seconds after the last worker reported it. A second hash has the last report of each worker: its
time, and the names of the worker's sources. With it the API can tell that a name is unknown, once every worker has
reported since the API asked.

All times are those of the Redis server, so the clocks of workers need not agree.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import uuid4

from redis.asyncio import Redis
from redis.typing import EncodableT, FieldT

from store.keys import Keys
from store.sources import SourceReport

KEPT_SECONDS = 30
"""How long a source is listed after the last report of it."""
WANTED_SECONDS = 120
"""How long workers go on asking servers after a client has listed the sources."""
_ASKED_SECONDS = 10

_MICROSECONDS = 10**6


class Wanted(NamedTuple):
    """What the API wants of the workers.

    Attributes
    ----------
    now : int
        The present time of the Redis server, in microseconds.
    servers : bool
        Whether workers should ask the servers of their sources.
    report_since : int
        Workers that have not reported since this time, in microseconds, should do so at once.
    """

    now: int
    servers: bool
    report_since: int


class Known(NamedTuple):
    """What the reports say of one name.

    Attributes
    ----------
    now : int
        The present time of the Redis server, in microseconds.
    known : bool
        Whether a worker has reported a source of that name in the last 30 seconds.
    any_reported : bool
        Whether a worker has reported in the last 30 seconds, even if it has no sources.
    """

    now: int
    known: bool
    any_reported: bool


class WorkerNames(NamedTuple):
    """The last report of one worker.

    Attributes
    ----------
    as_of : int
        When it began to read its sources, in microseconds.
    names : tuple of str
        The names of its sources.
    """

    as_of: int
    names: tuple[str, ...]


_log = logging.getLogger(__name__)


class SourceReports:
    """The reports of workers on their sources.

    All methods raise `redis.RedisError` while Redis is away.

    Parameters
    ----------
    redis
        A client that returns bytes.
    keys
        Makes the keys.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._worker = uuid4().hex
        self._reported: set[str] = set()

    # --- For workers.

    async def wanted(self) -> Wanted:
        """Return what the API wants; `Wanted.now` is the time of a report on the sources that are read after this."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.exists(self._keys.sources_wanted)
            pipeline.get(self._keys.sources_asked)
            now, servers, since = await pipeline.execute()
        return Wanted(_microseconds(now), bool(servers), int(since or 0))

    async def report(self, sources: Mapping[str, SourceReport], *, as_of: int) -> None:
        """Report the sources of this worker, and remove those that it reported before and does not have any more.

        Parameters
        ----------
        sources
            The sources, by name.
        as_of
            `Wanted.now`, read before the sources.
        """
        gone = self._reported - sources.keys()
        async with self._redis.pipeline() as pipeline:
            if gone:
                pipeline.hdel(self._keys.sources, *gone)
            if sources:
                reports: dict[FieldT, EncodableT] = {
                    name: json.dumps([as_of // _MICROSECONDS, each.as_json()]) for name, each in sources.items()
                }
                pipeline.hset(self._keys.sources, mapping=reports)
                pipeline.expire(self._keys.sources, 2 * KEPT_SECONDS)
            pipeline.hset(self._keys.source_reporters, self._worker, json.dumps([as_of, sorted(sources)]))
            pipeline.expire(self._keys.source_reporters, 2 * KEPT_SECONDS)
            pipeline.set(self._keys.sources_reported, 1, ex=KEPT_SECONDS)
            await pipeline.execute()
        self._reported = set(sources)

    async def leave(self) -> None:
        """Withdraw this worker, which stops: the API no longer waits for its reports."""
        await self._redis.hdel(self._keys.source_reporters, self._worker)

    # --- For the API.

    async def list(self) -> dict[str, SourceReport]:
        """Return what workers have reported in the last 30 seconds, by name, without reports that cannot be read."""
        now = await self._now()
        fields: Any = await self._redis.hgetall(self._keys.sources)
        reports: dict[str, SourceReport] = {}
        for name, value in fields.items():
            try:
                when, source = json.loads(value)
                if when > now - KEPT_SECONDS:
                    reports[name.decode()] = SourceReport.from_json(source)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                # One that a later release wrote, or a damaged one, must not hide the others.
                _log.warning("the report on the source %r cannot be read: %s", name[:100], error)
        return reports

    async def find(self, name: str) -> Known:
        """Return what the reports say of one name, with one request to Redis."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.hget(self._keys.sources, name)
            pipeline.exists(self._keys.sources_reported)
            time, report, any_reported = await pipeline.execute()
        now = _microseconds(time)
        known = report is not None and json.loads(report)[0] > now // _MICROSECONDS - KEPT_SECONDS
        return Known(now, known, bool(any_reported))

    async def workers(self) -> dict[str, WorkerNames]:
        """Return the last report of each worker that has reported in the last 30 seconds, by the worker's id.

        Those of earlier releases report no names, so they are not listed.
        """
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.hgetall(self._keys.source_reporters)
            time, fields = await pipeline.execute()
        oldest = _microseconds(time) - KEPT_SECONDS * _MICROSECONDS
        found = {worker.decode(): json.loads(value) for worker, value in fields.items()}
        if dead := [worker for worker, (as_of, _) in found.items() if as_of <= oldest]:
            await self._redis.hdel(self._keys.source_reporters, *dead)
        return {worker: WorkerNames(as_of, tuple(names)) for worker, (as_of, names) in found.items() if as_of > oldest}

    async def any_reported(self) -> bool:
        """Return whether a worker has reported in the last 30 seconds, even if it has no sources."""
        return bool(await self._redis.exists(self._keys.sources_reported))

    async def ask_servers(self) -> None:
        """Make the workers ask the servers of their sources for the next two minutes.

        Workers ask no server unless a client has listed the sources.
        """
        await self._redis.set(self._keys.sources_wanted, 1, ex=WANTED_SECONDS)

    async def ask_for_reports(self, since: int) -> None:
        """Make the workers report their sources within a second or two, unless they have since a time.

        Parameters
        ----------
        since
            A time of the Redis server, in microseconds, such as `Known.now`.
        """
        await self._redis.set(self._keys.sources_asked, since, ex=_ASKED_SECONDS)

    async def _now(self) -> int:
        seconds, _ = await self._redis.time()
        return int(seconds)


def _microseconds(time: tuple[int, int]) -> int:
    """Return Redis' answer to TIME, seconds and microseconds, as one number."""
    seconds, microseconds = time
    return int(seconds) * _MICROSECONDS + int(microseconds)
