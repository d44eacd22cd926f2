"""Comparisons of two orders: each is computed once, off the event loop, and kept in memory."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from app.results import Results
from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.comparison import Side, compare
from concept_orderings.published import VersionDocuments
from concept_orderings.published_streams import published_order
from concept_orderings.stream import Document
from store.versions import VersionRecord, Versions

_MOST_COMPARING = 2
_CACHED_BYTES = 16 * 1024 * 1024


class Compared(NamedTuple):
    """A side of a comparison.

    Attributes
    ----------
    name : str
        NAME@VERSION, or the name of a published stream.
    record : VersionRecord or None
        The version; None for a published stream.
    """

    name: str
    record: VersionRecord | None

    @property
    def key(self) -> tuple[str, str]:
        """What decides the answer."""
        return self.name, self.record.digest if self.record is not None else ""


class Comparisons:
    """The comparisons of a service.

    Comparing versions of a million concepts takes seconds and gigabytes. It runs off the event loop, for at most
    `_MOST_COMPARING` pairs at once, and once for all clients that request the same pair.
    """

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._results: Results[tuple[str, ...], Document] = Results(_CACHED_BYTES, lambda each: len(each.data))
        self._threads = ThreadPoolExecutor(_MOST_COMPARING, thread_name_prefix="compare")
        self._slots = asyncio.Semaphore(_MOST_COMPARING)

    async def close(self) -> None:
        """Stop; a comparison that has not ended is dropped."""
        await self._results.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def get(self, a: Compared, b: Compared) -> Document:
        """Return the comparison as canonical JSON; see `concept_orderings.comparison.compare`.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        return await self._results.get((*a.key, *b.key), partial(self._compare, a, b))

    async def _compare(self, a: Compared, b: Compared) -> Document:
        async with self._slots:
            documents = [await self._documents(each) for each in (a, b)]
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, _compared, (a.name, b.name), documents)

    async def _documents(self, side: Compared) -> VersionDocuments | None:
        return None if side.record is None else await self._versions.documents(side.record)


def _compared(names: tuple[str, str], documents: list[VersionDocuments | None]) -> Document:
    a, b = (_side(name, each) for name, each in zip(names, documents, strict=True))
    data = canonical_json(compare(a, b))
    return Document(data, sha256_hex(data))


def _side(name: str, documents: VersionDocuments | None) -> Side:
    return Side(name, [published_order(name)]) if documents is None else Side.of_version(name, documents)
