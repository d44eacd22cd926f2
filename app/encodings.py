"""Compressed forms of documents (RFC 9110, 8.4): chosen by Accept-Encoding, made once, and kept while they are read."""

import asyncio
import gzip
import sys
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from app.preferences import weights
from app.results import Results
from concept_orderings.canonical import sha256_hex

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["COMPRESS", "SMALLEST", "Encoded", "Encodings", "preferred_encoding", "zstd"]

SMALLEST = 1024
"""Documents with fewer bytes are sent as they are."""

_KEPT_BYTES = 64 * 1024 * 1024
_MOST_COMPRESSING = 2
# 9 takes three times as long for 2 % fewer bytes.
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 6

COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "zstd": partial(zstd.compress, level=_ZSTD_LEVEL),
    # Without the time of compression, so that the bytes depend on the document alone.
    "gzip": partial(gzip.compress, compresslevel=_GZIP_LEVEL, mtime=0),
}
"""The encodings by name, the smallest result first."""


@dataclass(frozen=True)
class Encoded:
    """A form of a document.

    Attributes
    ----------
    data : bytes
    digest : str
        SHA-256 of `data`.
    encoding : str
        Its name in Content-Encoding; empty for the document as it is.
    """

    data: bytes
    digest: str
    encoding: str = ""


class Encodings:
    """The compressed forms of a service's documents; each is made off the event loop, once for all its callers."""

    def __init__(self) -> None:
        self._forms: Results[tuple[str, str], Encoded] = Results(_KEPT_BYTES, lambda each: len(each.data))
        self._threads = ThreadPoolExecutor(_MOST_COMPRESSING, thread_name_prefix="compress")

    async def close(self) -> None:
        """Stop; callers that wait for a form are cancelled."""
        await self._forms.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def get(self, digest: str, encoding: str, read: Callable[[str], Awaitable[bytes]]) -> Encoded:
        """Return the form of a document in an encoding of `COMPRESS`; a small document is returned as it is.

        Parameters
        ----------
        digest
            SHA-256 of the document.
        encoding
            The encoding; empty for the document as it is.
        read
            Returns the document by its SHA-256.
        """
        if not encoding:
            return Encoded(await read(digest), digest)
        return await self._forms.get((digest, encoding), partial(self._encode, digest, encoding, read))

    async def _encode(self, digest: str, encoding: str, read: Callable[[str], Awaitable[bytes]]) -> Encoded:
        document = await read(digest)
        if len(document) < SMALLEST:
            return Encoded(document, digest)
        return await asyncio.get_running_loop().run_in_executor(self._threads, _encoded, document, encoding)


def _encoded(document: bytes, encoding: str) -> Encoded:
    data = COMPRESS[encoding](document)
    return Encoded(data, sha256_hex(data), encoding)


def preferred_encoding(accept_encoding: str) -> str:
    """Return the encoding that a client prefers among those of `COMPRESS`; empty for none (RFC 9110, 12.5.3).

    Of several with the same weight, it is the first of `COMPRESS`. What cannot be read is ignored.
    """
    given = weights(accept_encoding)
    anything = given.get("*", 0.0)
    wanted = {name: given.get(name, anything) for name in COMPRESS}
    best = max(wanted.values())
    if best <= 0 or given.get("identity", 0.0) > best:
        return ""
    return next(name for name, weight in wanted.items() if weight == best)
