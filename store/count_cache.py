"""Counts kept in Redis, so that a query is counted once, by whichever worker; and who is counting what just now.

One hash per source fingerprint; field: SHA-256 of the query's canonical JSON; value: count, time and whether it is an
estimate, then four bytes of CRC-32 over fingerprint, field and those. A value that is damaged counts as missing and is
overwritten. What came to stand under a key and is of another type is deleted before the next entries are stored. A
hash expires when its counts do, or when nobody has used it for half a year: that of an index as it was before it grew
is of no more use. To forget a source at once, delete its hash.

Beside it, a hash says who has claimed which query: whoever else wants its count waits for it. Claims are worth nothing
without their holder's lease, a key that expires: those of a worker that was killed pass to others by themselves.

The cache is never in the way: while Redis is away nothing is found, nothing is stored and everything can be claimed, a
warning is logged, and the counting goes on.
"""

import asyncio
import contextlib
import logging
import struct
import zlib
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, NamedTuple
from uuid import uuid4

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError
from redis.typing import EncodableT, FieldT

from concept_orderings.queries import Query
from store.keys import Keys
from store.redis_hashes import delete_unless_hash
from store.waiting import wait_for_event

CHUNK = 2048
"""Queries in one command: some milliseconds of either side's event loop."""
FIELD_BYTES = 32
LONGEST_CLAIM_SECONDS = 24 * 3600
UNUSED_SECONDS = 180 * 24 * 3600
"""How long the counts of a source are kept that nobody looks at, though they hold for ever."""
_LAST_SECONDS = 0.5

_BODY = struct.Struct("<qq?")
_CHECKSUM = struct.Struct("<I")
ENTRY_BYTES = _BODY.size + _CHECKSUM.size

# One string of all fields in and one of all values out: four times as fast as a list of each.
_GET = f"""
local found, fields = {{}}, ARGV[1]
if tonumber(ARGV[2]) > 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
for at = 1, #fields, {FIELD_BYTES} do
  local value = redis.call('HGET', KEYS[1], string.sub(fields, at, at + {FIELD_BYTES - 1}))
  found[#found + 1] = value and #value == {ENTRY_BYTES} and value or string.rep('\\0', {ENTRY_BYTES})
end
return table.concat(found)
"""

# Takes what nobody has, or somebody whose lease is over. Returns '1' or '0' for each field.
_CLAIM = f"""
local holder, lease, prefix, fields = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[2], 1, 'PX', lease)
local alive, mine = {{[holder] = false}}, {{}}
for at = 1, #fields, {FIELD_BYTES} do
  local field = string.sub(fields, at, at + {FIELD_BYTES - 1})
  local other = redis.call('HGET', KEYS[1], field)
  if other and alive[other] == nil then alive[other] = redis.call('EXISTS', prefix .. other) == 1 end
  local free = not (other and alive[other])
  if free then redis.call('HSET', KEYS[1], field, holder) end
  mine[#mine + 1] = free and '1' or '0'
end
redis.call('EXPIRE', KEYS[1], {LONGEST_CLAIM_SECONDS})
return table.concat(mine)
"""

_RELEASE = f"""
local holder, fields = ARGV[1], ARGV[2]
for at = 1, #fields, {FIELD_BYTES} do
  local field = string.sub(fields, at, at + {FIELD_BYTES - 1})
  if redis.call('HGET', KEYS[1], field) == holder then redis.call('HDEL', KEYS[1], field) end
end
return 0
"""

_log = logging.getLogger(__name__)


class CachedCount(NamedTuple):
    """A count as it is kept.

    Attributes
    ----------
    value : int
    approximate : bool
    counted_at : int
        Seconds since 1970.
    """

    value: int
    approximate: bool
    counted_at: int


class CountCache:
    """Counts by source fingerprint and query.

    Parameters
    ----------
    redis : redis.asyncio.Redis
        A client that returns bytes (``decode_responses`` off).
    keys : Keys
        What the entries' keys are called.
    lease_seconds : float
        For how long claims hold whose holder has died.
    """

    def __init__(self, redis: Redis, keys: Keys, *, lease_seconds: float = 30.0) -> None:
        self._redis = redis
        self._keys = keys
        self._lease_seconds = lease_seconds
        self._get = redis.register_script(_GET)
        self._ending: set[asyncio.Task[None]] = set()

    async def get_many(
        self, fingerprint: str, queries: Collection[Query], *, since: float = 0, ttl_seconds: float | None = None
    ) -> dict[Query, CachedCount]:
        """Return those of the queries' counts that are there, intact, and not older than a time.

        Parameters
        ----------
        fingerprint : str
            The source's.
        queries : collection of Query
            Each once.
        since : float
            Seconds since 1970.
        ttl_seconds : float, optional
            As in `put_many`. Of a source whose counts hold for ever, all are kept anew for `UNUSED_SECONDS`.

        Returns
        -------
        dict of Query to CachedCount
            None of them while Redis is away.
        """
        key, found = self._keys.counts(fingerprint), dict[Query, CachedCount]()
        kept_seconds = UNUSED_SECONDS if ttl_seconds is None else 0
        try:
            for part in _chunks(queries):
                fields = [query.digest for query in part]
                values: Any = await self._get(keys=[key], args=[b"".join(fields), kept_seconds])
                for query, count in zip(part, _decoded(fingerprint, fields, values), strict=True):
                    if count is not None and count.counted_at >= since:
                        found[query] = count
        except (RedisError, OSError) as error:
            _log.warning("Counts are counted again, as the cache cannot be read: %s", error)
            return {}
        return found

    async def put_many(
        self, fingerprint: str, counts: Mapping[Query, CachedCount], *, ttl_seconds: float | None = None
    ) -> bool:
        """Store counts.

        Parameters
        ----------
        fingerprint : str
            The source's.
        counts : mapping of Query to CachedCount
            They take the place of what is there.
        ttl_seconds : float, optional
            How long all counts of the source hold, from when the last of them was stored; None: for ever, and they are
            kept for `UNUSED_SECONDS`.

        Returns
        -------
        bool
            Whether all were stored; not while Redis is away or full.
        """
        key = self._keys.counts(fingerprint)
        try:
            await delete_unless_hash(self._redis, key)
            for part in _chunks(counts):
                await self._redis.hset(key, mapping=_encoded(fingerprint, {query: counts[query] for query in part}))
            kept_seconds = UNUSED_SECONDS if ttl_seconds is None else ttl_seconds
            await self._redis.pexpire(key, max(1, round(kept_seconds * 1000)))
        except (RedisError, OSError) as error:
            _log.warning("%d counts are not cached for now: %s", len(counts), error)
            return False
        return True

    @asynccontextmanager
    async def claims(self, fingerprint: str) -> AsyncIterator["Claims"]:
        """Yield a holder of claims, whose lease is renewed meanwhile and who has none left afterwards."""
        claims = Claims(self._redis, self._keys, fingerprint, self._lease_seconds)
        over = asyncio.Event()
        renewing = asyncio.create_task(_every(self._lease_seconds / 3, over, claims))
        try:
            yield claims
        finally:
            # Not cancelled: redis-py may swallow that, and the lease would be renewed for ever.
            over.set()
            # In this order, or what is renewed last would hold for a lease. While Redis does not answer, this is left
            # to end by itself, so that who wants to stop can.
            ending = asyncio.create_task(_end(renewing, claims))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            await asyncio.wait([ending], timeout=_LAST_SECONDS)


class Claims:
    """What one holder has claimed of a source's queries."""

    def __init__(self, redis: Redis, keys: Keys, fingerprint: str, lease_seconds: float) -> None:
        self._redis = redis
        self._holder = uuid4().hex
        self._lease_milliseconds = max(1, int(lease_seconds * 1000))
        self._keys = [keys.count_claims(fingerprint), keys.claim_holder(self._holder)]
        self._holders = keys.claim_holder("")
        self._claim: AsyncScript = redis.register_script(_CLAIM)
        self._release: AsyncScript = redis.register_script(_RELEASE)

    async def claim(self, queries: Collection[Query]) -> list[Query]:
        """Claim queries; return those that are nobody else's now: all of them while Redis is away.

        Somebody may have stored their counts before letting go of them, so look again for those returned.
        """
        mine: list[Query] = []
        try:
            for part in _chunks(queries):
                arguments = (self._holder, self._lease_milliseconds, self._holders, _fields(part))
                marks: Any = await self._claim(keys=self._keys, args=arguments)
                mine += [query for query, mark in zip(part, marks, strict=True) if mark == ord("1")]
        except (RedisError, OSError) as error:
            _log.warning("Others may be counting the same, as that cannot be asked: %s", error)
            return list(queries)
        return mine

    async def release(self, queries: Collection[Query]) -> None:
        """Let go of queries, once their counts are stored."""
        with contextlib.suppress(RedisError, OSError):  # they are let go of with the lease
            for part in _chunks(queries):
                await self._release(keys=self._keys, args=[self._holder, _fields(part)])

    async def renew(self) -> None:
        """Make the lease as long as it was; what others have taken meanwhile remains theirs."""
        try:
            await self._redis.set(self._keys[1], 1, px=self._lease_milliseconds)
        except (RedisError, OSError) as error:
            _log.warning("Others may begin to count the same, as the lease cannot be renewed: %s", error)

    async def drop(self) -> None:
        """Let go of everything."""
        with contextlib.suppress(RedisError, OSError):  # the lease ends by itself
            await self._redis.delete(self._keys[1])


async def _end(renewing: asyncio.Task[None], claims: Claims) -> None:
    await asyncio.wait([renewing])
    await claims.drop()


async def _every(seconds: float, over: asyncio.Event, claims: Claims) -> None:
    while not await wait_for_event(over, seconds):
        await claims.renew()


def _chunks(queries: Collection[Query]) -> Iterator[Sequence[Query]]:
    left = iter(queries)
    while part := list(islice(left, CHUNK)):
        yield part


def _fields(queries: Sequence[Query]) -> bytes:
    return b"".join(query.digest for query in queries)


def _checksum(fingerprint: str, field: bytes, body: bytes) -> bytes:
    # Over the keys too: a count that came to stand under another query, or source, is damage as well.
    return _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(field, zlib.crc32(fingerprint.encode()))))


def _encoded(fingerprint: str, counts: Mapping[Query, CachedCount]) -> dict[FieldT, EncodableT]:
    entries: dict[FieldT, EncodableT] = {}
    for query, count in counts.items():
        field, body = query.digest, _BODY.pack(count.value, count.counted_at, count.approximate)
        entries[field] = body + _checksum(fingerprint, field, body)
    return entries


def _decoded(fingerprint: str, fields: Sequence[bytes], values: bytes) -> Iterator[CachedCount | None]:
    seed = zlib.crc32(fingerprint.encode())
    for field, at in zip(fields, range(0, len(values), ENTRY_BYTES), strict=True):
        body = values[at : at + _BODY.size]
        checksum = zlib.crc32(body, zlib.crc32(field, seed))
        if checksum == _CHECKSUM.unpack_from(values, at + _BODY.size)[0]:
            value, counted_at, approximate = _BODY.unpack(body)
            yield CachedCount(value, approximate, counted_at)
        else:
            yield None
