"""Pages of a version's concepts for people, with filters."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from concept_orderings.canonical import Json
from concept_orderings.catalogue import find_dataset
from concept_orderings.exporters.order import with_task
from store.versions import VersionRecord

Row = dict[str, Json]


@dataclass(frozen=True)
class Filters:
    """What the concepts of a page have in common.

    Attributes
    ----------
    dataset : str
        A dataset, by either name of the catalogue; empty for all.
    text : str
        Text that ``DATASET+++class name`` contains, in upper or lower case; empty for any.
    """

    dataset: str = ""
    text: str = ""

    @property
    def any(self) -> bool:
        """Whether there is a filter."""
        return bool(self.dataset or self.text)

    def matching(self, task: bytes) -> list[Row]:
        """Return the concepts of a task's document that pass."""
        found = find_dataset(self.dataset)
        dataset, text = found.name if found else self.dataset, self.text.casefold()
        document = json.loads(task)
        return [
            with_task(each, document["task"])
            for each in document["concepts"]
            if dataset in ("", each["dataset"]) and text in each["concept"].casefold()
        ]


@dataclass(frozen=True)
class Rows:
    """A page.

    Attributes
    ----------
    total : int
        How many concepts pass the filters.
    rows : list of dict
        Those of the page, in order.
    """

    total: int
    rows: list[Row]


async def find_rows(
    record: VersionRecord, read: Callable[[str], Awaitable[bytes]], filters: Filters, offset: int, limit: int
) -> Rows:
    """Return the concepts `offset` to `offset` + `limit` of those that pass the filters.

    Without a filter only the tasks of the page are read; with one, all of them, one after the other.

    Parameters
    ----------
    record
        The version.
    read
        Returns a task's document by its SHA-256.
    filters, offset, limit
        Which concepts.
    """
    rows: list[Row] = []
    seen = 0
    for size, digest in _tasks(record):
        wanted = seen < offset + limit and (filters.any or seen + size > offset)
        if wanted or filters.any:
            matching = await asyncio.to_thread(filters.matching, await read(digest))
            rows += matching[max(0, offset - seen) : max(0, offset + limit - seen)]
            seen += len(matching)
        else:
            seen += size
    return Rows(seen, rows)


def _tasks(record: VersionRecord) -> Iterator[tuple[int, str]]:
    return ((task.concepts, task.digest) for task in record.tasks)
