"""Counts cached in Redis, so that all workers together count a query once.

There is one hash for each source fingerprint. A field is the SHA-256 of the query's canonical JSON. Its value is count,
time and whether the count is an estimate, followed by the CRC-32 (4 bytes) of fingerprint, field and these values. A
damaged value counts as missing and is overwritten. A key that holds another Redis type is deleted before the next
entries are stored. A hash expires with its counts, or after half a year without use, since an index that has grown has
another fingerprint. To forget a source at once, delete its hash.

A second hash for each fingerprint says which worker has claimed which query; other workers wait for its count. Claims
hold only while their holder's lease does, a key that expires. So other workers take over the claims of one that was
killed.

An unreachable cache stops nothing: while Redis is away no entry is found or stored, every query can be claimed, a
warning is logged, and counting goes on.
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
from store.redis_memory import memory_of
from store.waiting import wait_for_event

CHUNK = 2048
"""Queries in one command: a few milliseconds of work for Redis and for the event loop."""
FIELD_BYTES = 32
LARGEST_SHARE = 0.9
"""Of the server's memory, the share above which no more counts are stored: the rest is for the queue."""
LONGEST_CLAIM_SECONDS = 24 * 3600
UNUSED_SECONDS = 180 * 24 * 3600
"""How long unused counts are kept of a source whose counts stay valid."""
# How long a holder that stops waits for its claims to be dropped.
_DROP_SECONDS = 0.5

_BODY = struct.Struct("<qq?")
_CHECKSUM = struct.Struct("<I")
ENTRY_BYTES = _BODY.size + _CHECKSUM.size

# Takes all fields in one string and returns all values in one: four times as fast as lists.
_GET = f"""
local found, fields = {{}}, ARGV[1]
if tonumber(ARGV[2]) > 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
for at = 1, #fields, {FIELD_BYTES} do
  local value = redis.call('HGET', KEYS[1], string.sub(fields, at, at + {FIELD_BYTES - 1}))
  found[#found + 1] = value and #value == {ENTRY_BYTES} and value or string.rep('\\0', {ENTRY_BYTES})
end
return table.concat(found)
"""

# Claims the fields that have no holder, or one whose lease is over. Returns '1' for each that is claimed, else '0'.
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
    """A count with its time, as the cache keeps it.

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
    """Caches counts by source fingerprint and query.

    Parameters
    ----------
    redis : redis.asyncio.Redis
        A client that returns bytes (``decode_responses`` off).
    keys : Keys
        The names of the entries' keys.
    lease_seconds : float
        How long claims hold after their holder was killed.
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
        """Return the counts of queries that are cached, intact, and not older than a time.

        Parameters
        ----------
        fingerprint : str
            Fingerprint of the source.
        queries : collection of Query
            Distinct.
        since : float
            Seconds since 1970.
        ttl_seconds : float, optional
            As in `put_many`. With None, a look-up also extends the life of the source's counts to `UNUSED_SECONDS`.

        Returns
        -------
        dict of Query to CachedCount
            Empty while Redis is away.
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
            _log.warning("The cache of counts cannot be read, so queries are counted again: %s", error)
            return {}
        return found

    async def put_many(
        self, fingerprint: str, counts: Mapping[Query, CachedCount], *, ttl_seconds: float | None = None
    ) -> bool:
        """Store counts.

        Parameters
        ----------
        fingerprint : str
            Fingerprint of the source.
        counts : mapping of Query to CachedCount
            They replace entries for the same queries.
        ttl_seconds : float, optional
            Seconds after the last `put_many` until all counts of the source expire. With None they stay valid, and
            expire after `UNUSED_SECONDS` without use.

        Returns
        -------
        bool
            Whether all were stored; False while Redis is away, or more than `LARGEST_SHARE` of its memory is used.
        """
        key = self._keys.counts(fingerprint)
        try:
            room = (await memory_of(self._redis)).room_below(LARGEST_SHARE)
            if room is not None and room < 0:
                _log.warning("%d counts are not cached: the memory of Redis is nearly full", len(counts))
                return False
            await delete_unless_hash(self._redis, key)
            for part in _chunks(counts):
                await self._redis.hset(key, mapping=_encoded(fingerprint, {query: counts[query] for query in part}))
            kept_seconds = UNUSED_SECONDS if ttl_seconds is None else ttl_seconds
            await self._redis.pexpire(key, max(1, round(kept_seconds * 1000)))
        except (RedisError, OSError) as error:
            _log.warning("%d counts could not be cached: %s", len(counts), error)
            return False
        return True

    @asynccontextmanager
    async def claims(self, fingerprint: str) -> AsyncIterator["Claims"]:
        """Yield a holder of claims. Its lease is renewed until the block ends; then all its claims are dropped."""
        claims = Claims(self._redis, self._keys, fingerprint, self._lease_seconds)
        over = asyncio.Event()
        renewing = asyncio.create_task(_renew_every(self._lease_seconds / 3, over, claims))
        try:
            yield claims
        finally:
            # Not by a cancellation: redis-py may swallow it, and the lease would be renewed for ever.
            over.set()
            # The lease is dropped after the last renewal, which would otherwise make it hold again. This may go on
            # after the block, so that a worker can stop while Redis does not answer.
            ending = asyncio.create_task(_drop_after(renewing, claims))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            await asyncio.wait([ending], timeout=_DROP_SECONDS)


class Claims:
    """The claims of one holder to queries of a source."""

    def __init__(self, redis: Redis, keys: Keys, fingerprint: str, lease_seconds: float) -> None:
        self._redis = redis
        self._holder = uuid4().hex
        self._lease_milliseconds = max(1, int(lease_seconds * 1000))
        self._keys = [keys.count_claims(fingerprint), keys.claim_holder(self._holder)]
        self._holders = keys.claim_holder("")
        self._claim: AsyncScript = redis.register_script(_CLAIM)
        self._release: AsyncScript = redis.register_script(_RELEASE)

    async def claim(self, queries: Collection[Query]) -> list[Query]:
        """Claim queries; return those that no other holder has claimed. While Redis is away, return all.

        Another holder may have stored counts and released its claims just before, so look up those that are returned.
        """
        mine: list[Query] = []
        try:
            for part in _chunks(queries):
                arguments = (self._holder, self._lease_milliseconds, self._holders, _fields(part))
                marks: Any = await self._claim(keys=self._keys, args=arguments)
                mine += [query for query, mark in zip(part, marks, strict=True) if mark == ord("1")]
        except (RedisError, OSError) as error:
            _log.warning("Queries cannot be claimed, so other workers may count the same: %s", error)
            return list(queries)
        return mine

    async def release(self, queries: Collection[Query]) -> None:
        """Release the claims to queries, once their counts are stored."""
        with contextlib.suppress(RedisError, OSError):  # the claims end with the lease
            for part in _chunks(queries):
                await self._release(keys=self._keys, args=[self._holder, _fields(part)])

    async def renew(self) -> None:
        """Extend the lease to its full length; claims that others have taken over stay theirs."""
        try:
            await self._redis.set(self._keys[1], 1, px=self._lease_milliseconds)
        except (RedisError, OSError) as error:
            _log.warning("The lease of claims cannot be renewed, so other workers may count the same: %s", error)

    async def drop(self) -> None:
        """Drop all claims, by deleting the lease."""
        with contextlib.suppress(RedisError, OSError):  # the lease expires
            await self._redis.delete(self._keys[1])


async def _drop_after(renewing: asyncio.Task[None], claims: Claims) -> None:
    await asyncio.wait([renewing])
    await claims.drop()


async def _renew_every(seconds: float, over: asyncio.Event, claims: Claims) -> None:
    while not await wait_for_event(over, seconds):
        await claims.renew()


def _chunks(queries: Collection[Query]) -> Iterator[Sequence[Query]]:
    left = iter(queries)
    while part := list(islice(left, CHUNK)):
        yield part


def _fields(queries: Sequence[Query]) -> bytes:
    return b"".join(query.digest for query in queries)


def _checksum(fingerprint: str, field: bytes, body: bytes) -> bytes:
    # It covers the keys, too, so that a count stored under the wrong query or source is seen to be damaged.
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
