"""A local full-text index as a source of counts: documents that contain a phrase."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.errors import SourceError
from concept_orderings.progress import Report, silent
from concept_orderings.queries import Query
from concept_orderings.readings import Readings
from concept_orderings.url_names import URL_NAME
from store.sources import SourceFacts, Unit
from worker.evidence.counts.base import Count
from worker.evidence.counts.spellings import distinct_spellings, sendable
from worker.evidence.local_index import LocalIndex, cutting, layout
from worker.evidence.local_index.layout import Published
from worker.threads import in_thread

_Item_contra = TypeVar("_Item_contra", contravariant=True)

_VERSION = 1
"""Part of the fingerprint. Raise it when a change gives any index another count than before."""

_COUNTED_AT_ONCE = 8192
_QUERY_FORM = "all tokens side by side and in order, cut and lower-cased as by the standard analyser of Elasticsearch"


class LocalIndexSource:
    """An index that ``concept-orderings index`` built.

    Parameters
    ----------
    index
        As it was when it was opened: documents that are added later are not counted.
    """

    def __init__(self, index: LocalIndex) -> None:
        self._index = index

    @classmethod
    async def open(cls, directory: Path) -> "LocalIndexSource":
        """Open the index in a directory.

        Raises
        ------
        SourceError
            ``source_not_configured`` if the directory has no index, ``source_damaged``.
        """
        return cls(await asyncio.to_thread(_OPENED.get, directory))

    async def facts(self) -> SourceFacts:
        """See `CountSource.facts`."""
        return _facts(self._index.name, self._index.published, self._index.warnings)

    def form(self, spelling: str) -> str:
        """See `CountSource.form`; cut as for Elasticsearch: between words, and only if it is far longer than a name."""
        return sendable(spelling)

    async def count(self, queries: Sequence[Query]) -> AsyncIterator[dict[Query, Count]]:
        """See `CountSource.count`."""
        # `LocalIndex.count` shares work between queries of one spelling.
        single = [query for query in queries if len(query.spellings) == 1]
        several = [query for query in queries if len(query.spellings) > 1]
        for part in _parts(single):
            yield await _counted(part, [query.spellings[0] for query in part], self._index.count)
        for part in _parts(several):
            yield await _counted(part, [query.spellings for query in part], self._index.count_any)

    async def readings(self, counts: Mapping[Query, Count]) -> Readings:
        """See `CountSource.readings`: the tokens of each spelling."""
        spellings = distinct_spellings(counts)
        return dict(zip(spellings, await asyncio.to_thread(cutting.tokenise, spellings), strict=True))

    async def aclose(self) -> None:
        """See `CountSource.aclose`; the index stays open for later requests."""


def has_index(directory: Path) -> bool:
    """Tell whether a directory has a published index, damaged or not."""
    return layout.is_published(directory)


def index_names(directory: Path) -> list[str]:
    """Return the names of all published indexes in a directory, damaged or not, sorted."""
    found = [each.name for each in directory.glob("*") if URL_NAME.fullmatch(each.name) and has_index(each)]
    return sorted(found)


def index_facts(directory: Path) -> SourceFacts:
    """Return what the counts of the index in a directory mean, without opening it.

    Raises
    ------
    SourceError
        ``source_not_configured`` if the directory has no index, ``source_damaged``.
    """
    while (published := layout.read(directory)) is not None:
        try:
            layout.check_files(directory, published)
            layout.check_has_documents(directory, published)
            return _facts(directory.name, published, layout.read_warnings(directory, published))
        except SourceError:
            # A build may have published a new index and removed these files since index.json was read.
            if layout.read(directory) == published:
                raise
    raise layout.missing(directory)


def _facts(name: str, published: Published, warnings: tuple[str, ...]) -> SourceFacts:
    index = published.summary
    fingerprint = canonical_json({"kind": "local-index", "index": index.fingerprint, "version": _VERSION})
    return SourceFacts(
        name=name,
        kind="local-index",
        unit=Unit.DOCUMENTS,
        corpus=f"local index {name} of {len(index.shards)} shard{'s'[: len(index.shards) != 1]}",
        documents=index.documents,
        query_form=_QUERY_FORM,
        fingerprint=sha256_hex(fingerprint),
        index=index.fingerprint,
        warnings=warnings,
    )


class _CountAll(Protocol[_Item_contra]):
    """`LocalIndex.count` or `LocalIndex.count_any`."""

    def __call__(self, items: Sequence[_Item_contra], /, *, report: Report) -> list[int]: ...


class _Opened:
    """Keeps the indexes that this process has opened: opening one takes as long as many counts."""

    def __init__(self) -> None:
        self._indexes: dict[Path, LocalIndex] = {}
        self._lock = threading.Lock()

    def get(self, directory: Path) -> LocalIndex:
        """Return the index that is published in a directory at present."""
        with self._lock:
            index = self._indexes.pop(directory, None)
            if index is None or not _is_published(directory, index):
                index = LocalIndex.open(directory)
            self._indexes[directory] = index
            return index


_OPENED = _Opened()


def _is_published(directory: Path, index: LocalIndex) -> bool:
    """Tell whether the directory still has this index, undamaged."""
    try:
        layout.check_files(directory, index.published)
        return layout.read(directory) == index.published
    except SourceError:
        return False


async def _counted(
    queries: Sequence[Query], items: Sequence[_Item_contra], count: _CountAll[_Item_contra]
) -> dict[Query, Count]:
    values = await in_thread(lambda report: count(items, report=report), silent)
    return dict(zip(queries, map(Count, values), strict=True))


def _parts(queries: Sequence[Query]) -> list[Sequence[Query]]:
    return [queries[at : at + _COUNTED_AT_ONCE] for at in range(0, len(queries), _COUNTED_AT_ONCE)]
