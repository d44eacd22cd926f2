"""Embeddings kept in Redis, so that a caption is encoded once, and a job that was killed goes on where it was.

One hash per encoder fingerprint; field: SHA-256 of the caption; value: the row as little-endian float32, then four
bytes of CRC-32 over field and row. A value that is damaged, or of another width, counts as missing and is overwritten.

The cache is never in the way: while Redis is away nothing is found and nothing is stored, a warning is logged, and the
job goes on. An encoder's key that holds another Redis type than a hash is deleted before the next entries are stored.
Entries do not expire; to forget an encoder, delete its hash.
"""

import hashlib
import logging
import zlib
from collections.abc import Awaitable, Iterator, Sequence
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.typing import EncodableT, FieldT

from store.keys import Keys
from store.redis_hashes import delete_unless_hash

FloatArray: TypeAlias = NDArray[np.float32]
BoolArray: TypeAlias = NDArray[np.bool_]

CHUNK = 512
"""Entries in one command: at most 2 MB or so, and a few milliseconds of either side's event loop."""
CHECKSUM_BYTES = 4

_log = logging.getLogger(__name__)


class EmbeddingCache:
    """Embeddings by encoder fingerprint and caption.

    Parameters
    ----------
    redis : redis.asyncio.Redis
        A client that returns bytes (``decode_responses`` off).
    keys : Keys
        What the entries' keys are called.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def get_many(
        self, fingerprint: str, captions: Sequence[str], dimensions: int
    ) -> tuple[BoolArray, FloatArray]:
        """Look up captions.

        Parameters
        ----------
        fingerprint : str
            The encoder's.
        captions : sequence of str
            n captions.
        dimensions : int
            Width of the encoder's embeddings, d.

        Returns
        -------
        found : ndarray of bool, shape (n,)
            Which captions had an intact entry; none while Redis is away.
        rows : ndarray of float32, shape (n, d)
            Their embeddings; zero where not found.
        """
        key = self._keys.embeddings(fingerprint)
        found = np.zeros(len(captions), dtype=np.bool_)
        rows = np.zeros((len(captions), dimensions), dtype=np.float32)
        try:
            for part in _chunks(len(captions)):
                fields = [_field(caption) for caption in captions[part]]
                values = await cast("Awaitable[list[bytes | None]]", self._redis.hmget(key, fields))
                found[part], rows[part] = _decoded(fields, values, dimensions)
        except (RedisError, OSError) as error:
            _log.warning("Embeddings are computed again, as the cache cannot be read: %s", error)
        return found, rows

    async def put_many(self, fingerprint: str, captions: Sequence[str], rows: FloatArray) -> bool:
        """Store embeddings.

        Parameters
        ----------
        fingerprint : str
            The encoder's.
        captions : sequence of str
            n captions.
        rows : ndarray of float32, shape (n, d)
            Their embeddings.

        Returns
        -------
        bool
            Whether all were stored; not while Redis is away or full.
        """
        key = self._keys.embeddings(fingerprint)
        try:
            await delete_unless_hash(self._redis, key)
            for part in _chunks(len(captions)):
                entries = _encoded([_field(caption) for caption in captions[part]], rows[part])
                await self._redis.hset(key, mapping=entries)
        except (RedisError, OSError) as error:
            _log.warning("%d embeddings are not cached for now: %s", len(captions), error)
            return False
        return True


def _chunks(n: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, n, CHUNK))


def _field(caption: str) -> bytes:
    return hashlib.sha256(caption.encode()).digest()


def _checksum(field: bytes, row: bytes) -> bytes:
    # over the field too: a row that came to stand under another caption is damage as well
    return zlib.crc32(row, zlib.crc32(field)).to_bytes(CHECKSUM_BYTES, "little")


def _encoded(fields: Sequence[bytes], rows: FloatArray) -> dict[FieldT, EncodableT]:
    raw = [row.tobytes() for row in rows.astype("<f4", copy=False)]
    return {field: row + _checksum(field, row) for field, row in zip(fields, raw, strict=True)}


def _decoded(fields: Sequence[bytes], values: Sequence[bytes | None], dimensions: int) -> tuple[BoolArray, FloatArray]:
    """Values as stored → found, shape (n,), and rows, shape (n, dimensions), zero where not found."""
    width = 4 * dimensions
    intact = [
        value[:width] if value is not None and value[width:] == _checksum(field, value[:width]) else None
        for field, value in zip(fields, values, strict=True)
    ]
    found = np.array([row is not None for row in intact], dtype=np.bool_)
    rows = np.zeros((len(fields), dimensions), dtype=np.float32)
    rows[found] = np.frombuffer(b"".join(filter(None, intact)), dtype="<f4").reshape(-1, dimensions)
    return found, rows
