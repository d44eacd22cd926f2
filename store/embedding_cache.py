"""Embeddings cached in Redis, so that a caption is encoded once, and the retry of a killed job continues its work.

There are hashes for each encoder fingerprint, which differs between number formats. A field is the SHA-256 of the
caption. Its value is the row, little-endian, as float64 if the encoder computes in float64 and else as float32,
followed by the CRC-32 (4 bytes) of field and row. A value that is damaged, or of another length, counts as missing and
is overwritten. A key that holds another Redis type is deleted before the next entries are stored. Entries do not
expire; those that were used least recently are removed when all take more than the budget, or leave too little of the
server's memory to the queue (`store.embedding_generations`).

Rows are kept as float64 and not as the integers that orderings compare: the mean of several captions is made from
them, and one entry serves requests with one template and with several.

An unreachable cache stops nothing: while Redis is away no entry is found or stored, a warning is logged, and the job
goes on.
"""

import hashlib
import logging
import zlib
from collections.abc import Awaitable, Iterator, Sequence
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from redis.typing import EncodableT, FieldT

from store.embedding_generations import EmbeddingGenerations, Generation
from store.figures import count
from store.figures.declared import CACHE_LOOKUPS
from store.keys import Keys
from store.redis_hashes import delete_unless_hash

FloatArray: TypeAlias = NDArray[np.floating]
BoolArray: TypeAlias = NDArray[np.bool_]
IntArray: TypeAlias = NDArray[np.intp]

CHUNK = 512
"""Entries in one command: about 4 MB at most, and a few milliseconds of work for Redis and for the event loop."""
CHECKSUM_BYTES = 4
DEFAULT_BUDGET_MB = 1000
"""Room for 160,000 rows of 768 numbers in float64: 8 templates of each of the benchmark's names."""

_OVERHEAD_BYTES = 80
"""What a server needs for an entry beside its value: the field, and where it is."""

_log = logging.getLogger(__name__)


class EmbeddingCache:
    """Caches embeddings by encoder fingerprint and caption.

    Parameters
    ----------
    redis : redis.asyncio.Redis
        A client that returns bytes (``decode_responses`` off).
    keys : Keys
        The names of the entries' keys.
    budget_mb : int
        Megabytes that all entries may take.
    """

    def __init__(self, redis: Redis, keys: Keys, *, budget_mb: int = DEFAULT_BUDGET_MB) -> None:
        self._redis = redis
        self._generations = EmbeddingGenerations(redis, keys, budget_mb * 1_000_000)

    async def make_room(self) -> None:
        """Remove entries if they take more than they may, such as since other things have filled the server's memory.

        Raises
        ------
        redis.RedisError
            While Redis is away.
        """
        await self._generations.make_room()

    async def get_many(
        self, fingerprint: str, captions: Sequence[str], dimensions: int, dtype: DTypeLike = np.float32
    ) -> tuple[BoolArray, FloatArray]:
        """Look up captions.

        Parameters
        ----------
        fingerprint : str
            Fingerprint of the encoder.
        captions : sequence of str
            n captions.
        dimensions : int
            Length of the encoder's embeddings, d.
        dtype : {float32, float64}
            Of the encoder's embeddings.

        Returns
        -------
        found : ndarray of bool, shape (n,)
            Which captions have an intact entry; none while Redis is away.
        rows : ndarray of `dtype`, shape (n, d)
            Their embeddings; zero where not found.
        """
        found = np.zeros(len(captions), dtype=np.bool_)
        rows: FloatArray = np.zeros((len(captions), dimensions), dtype=dtype)
        try:
            for generation in await self._generations.of(fingerprint):
                missing = np.flatnonzero(~found)
                if len(missing) == 0:
                    break
                here = await self._read(self._generations.key(generation), captions, missing, rows)
                found[here] = True
                if len(here) and await self._generations.is_old(generation):
                    await self._renew(generation, [captions[i] for i in here], rows[here])
        except (RedisError, OSError) as error:
            _log.warning("The cache of embeddings cannot be read, so captions are encoded again: %s", error)
        hits = int(np.count_nonzero(found))
        count(CACHE_LOOKUPS, "embeddings", "hit", by=hits)
        count(CACHE_LOOKUPS, "embeddings", "miss", by=len(captions) - hits)
        return found, rows

    async def _read(self, key: str, captions: Sequence[str], wanted: IntArray, rows: FloatArray) -> IntArray:
        """Read the rows of the wanted captions that a hash has into `rows`, and return their positions, ascending."""
        here = list[IntArray]()
        for part in _chunks(len(wanted)):
            positions = wanted[part]
            fields = [_field(captions[i]) for i in positions]
            try:
                values = await cast("Awaitable[list[bytes | None]]", self._redis.hmget(key, fields))
            except ResponseError as error:
                if "WRONGTYPE" not in str(error):
                    raise
                return np.concatenate([*here, wanted[:0]])
            read = rows[positions]
            intact = _decode(fields, values, read)
            rows[positions] = read
            here.append(positions[intact])
        return np.concatenate([*here, wanted[:0]])

    async def _renew(self, generation: Generation, captions: Sequence[str], rows: FloatArray) -> None:
        """Write entries that were used to the newest generation."""
        if await self.put_many(generation.fingerprint, captions, rows):
            for part in _chunks(len(captions)):
                fields = [_field(caption) for caption in captions[part]]
                await self._redis.hdel(self._generations.key(generation), *fields)

    async def put_many(self, fingerprint: str, captions: Sequence[str], rows: FloatArray) -> bool:
        """Store embeddings.

        Parameters
        ----------
        fingerprint : str
            Fingerprint of the encoder.
        captions : sequence of str
            n captions.
        rows : ndarray of float32 or float64, shape (n, d)
            Their embeddings.

        Returns
        -------
        bool
            Whether all were stored; False while Redis is away, or if there is no room although all others were removed.
        """
        try:
            for part in _chunks(len(captions)):
                entries = _encoded([_field(caption) for caption in captions[part]], rows[part])
                if not await self._generations.make_room(sum(map(_bytes_of, entries.values()))):
                    return False
                key = self._generations.key(await self._generations.newest(fingerprint))
                await delete_unless_hash(self._redis, key)
                await self._redis.hset(key, mapping=entries)
        except (RedisError, OSError) as error:
            _log.warning("%d embeddings could not be cached: %s", len(captions), error)
            return False
        return True


def _chunks(n: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, n, CHUNK))


def _bytes_of(value: EncodableT) -> int:
    return len(value) + _OVERHEAD_BYTES if isinstance(value, bytes) else 0


def _field(caption: str) -> bytes:
    return hashlib.sha256(caption.encode()).digest()


def _checksum(field: bytes, row: bytes) -> bytes:
    # It covers the field, too, so that a row stored under the wrong caption is seen to be damaged.
    return zlib.crc32(row, zlib.crc32(field)).to_bytes(CHECKSUM_BYTES, "little")


def _encoded(fields: Sequence[bytes], rows: FloatArray) -> dict[FieldT, EncodableT]:
    raw = [row.tobytes() for row in rows.astype(rows.dtype.newbyteorder("<"), copy=False)]
    return {field: row + _checksum(field, row) for field, row in zip(fields, raw, strict=True)}


def _decode(fields: Sequence[bytes], values: Sequence[bytes | None], rows: FloatArray) -> BoolArray:
    """Decode the intact ones of stored values into `rows`, shape (n, d), and return which are intact, shape (n,)."""
    width = rows.itemsize * rows.shape[1]
    intact = [
        value[:width] if value is not None and value[width:] == _checksum(field, value[:width]) else None
        for field, value in zip(fields, values, strict=True)
    ]
    found = np.array([row is not None for row in intact], dtype=np.bool_)
    stored = np.frombuffer(b"".join(filter(None, intact)), dtype=rows.dtype.newbyteorder("<"))
    rows[found] = stored.reshape(-1, rows.shape[1])
    return found
