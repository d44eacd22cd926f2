"""A counts file as a source: counts made elsewhere, uploaded once under a name."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from concept_orderings.apostrophes import by_text
from concept_orderings.errors import SourceError, StoreError
from concept_orderings.look_alikes import first_beside
from concept_orderings.queries import Query, folded
from concept_orderings.readings import Readings
from concept_orderings.text import shown
from store.counts_files import CountsFile, CountsFiles
from store.sources import SourceFacts, Unit
from worker.evidence.counts.base import Count

_MOST_NAMED = 20
_COUNTED_AT_ONCE = 8192


class CountsFileSource:
    """A counts file as a source of counts; `open` reads one from the store.

    Parameters
    ----------
    record
        The record of the file.
    counts
        Its counts, by folded name.
    """

    def __init__(self, record: CountsFile, counts: Mapping[str, int]) -> None:
        self._record = record
        self._counts = counts
        self._unit = Unit(record.meaning.unit)

    @classmethod
    async def open(cls, name: str, files: CountsFiles) -> "CountsFileSource | None":
        """Read a counts file; return None if there is none of that name.

        Raises
        ------
        SourceError
            ``source_damaged``.
        StoreError
            ``store_unavailable``.
        """
        try:
            record = await files.record(name)
            return None if record is None else cls(record, await _LAST_READ.counts(record, files))
        except StoreError as error:
            if error.code == "counts_file_damaged":
                raise SourceError("source_damaged", error.detail) from error
            raise

    async def facts(self) -> SourceFacts:
        """See `CountSource.facts`."""
        return self._record.facts

    def form(self, spelling: str) -> str:
        """See `CountSource.form`; the names in counts files are folded."""
        return folded(spelling)

    async def count(self, queries: Sequence[Query]) -> AsyncIterator[dict[Query, Count]]:
        """See `CountSource.count`.

        Raises
        ------
        SourceError
            ``source_incomplete`` if the file lacks names; ``source_refused`` for a query of several names in a file
            that counts documents, of which it cannot know how many contain any of them.
        """
        await asyncio.to_thread(self._refuse, queries)
        for at in range(0, len(queries), _COUNTED_AT_ONCE):
            chunk = queries[at : at + _COUNTED_AT_ONCE]
            yield {query: Count(sum(map(self._counts.__getitem__, self._found(query)))) for query in chunk}

    async def readings(self, counts: Mapping[Query, Count]) -> Readings:
        """See `CountSource.readings`; a file does not say how its names were read."""
        del counts
        return {}

    async def aclose(self) -> None:
        """See `CountSource.aclose`; nothing is open."""

    def _found(self, query: Query) -> list[str]:
        """Return the spellings whose counts add up to that of a query.

        Of spellings that differ in their apostrophes alone, a file needs to have only one: the count is that of those
        which its uploader counted.
        """
        if len(query.spellings) == 1:
            return [*query.spellings]
        return [each for group in by_text(query.spellings) for each in self._counted(group)]

    def _counted(self, group: Sequence[str]) -> Sequence[str]:
        """Return the spellings of one name that the file has; if it has none, one that it lacks.

        In a file of documents, those that are in no document are left out beside one that is in some.
        """
        found = [each for each in group if each in self._counts] or group[:1]
        if self._unit is Unit.DOCUMENTS and len(found) > 1:
            return [each for each in found if self._counts[each]] or found[:1]
        return found

    def _refuse(self, queries: Sequence[Query]) -> None:
        self._refuse_several_spellings(queries)
        self._refuse_missing(queries)

    def _refuse_several_spellings(self, queries: Sequence[Query]) -> None:
        if self._unit is Unit.OCCURRENCES:
            return
        several = [query for query in queries if len(self._found(query)) > 1]
        if several:
            names = ", ".join(shown(each) for each in several[0].spellings)
            raise SourceError(
                "source_refused",
                f"The counts file {self._record.name} has the number of documents that contain each name. The number "
                f"that contain any of several names ({names}; {len(several)} such queries) cannot be computed from it. "
                "Give each of these concepts a query of one name, and a file that has its count.",
                queries=several,
            )

    def _refuse_missing(self, queries: Sequence[Query]) -> None:
        found = (each for query in queries for each in self._found(query))
        missing = dict.fromkeys(each for each in found if each not in self._counts)
        if missing:
            named = first_beside(list(missing), self._counts, _MOST_NAMED)
            raise SourceError(
                "source_incomplete",
                f"The counts file {self._record.name} has no counts for {len(missing)} of the requested names: "
                f"{named}. Upload a file with these names, under another name of its own; the count of a name "
                "that does not occur is 0.",
                queries=[query for query in queries if not missing.keys().isdisjoint(query.spellings)],
            )


class _LastRead:
    """Keeps the counts that this process read last: reading a million takes a second, and they never change."""

    def __init__(self) -> None:
        self._digest = ""
        self._counts: Mapping[str, int] = {}

    async def counts(self, record: CountsFile, files: CountsFiles) -> Mapping[str, int]:
        """Return the counts of a file.

        Raises
        ------
        StoreError
            See `CountsFiles.content`.
        """
        if record.digest != self._digest:
            self._digest, self._counts = record.digest, await files.content(record)
        return self._counts


_LAST_READ = _LastRead()
