"""Sources of counts, without HTTP: list them, look at the counts of one, and store counts files."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from app.file_reading import FileReading
from app.known_sources import KnownSources
from app.source_schemas import source_resource
from app.uploaded_counts import read_counts
from app.waiting import until_final
from concept_orderings.counts_request import CountsRequest, parse_counts_request
from concept_orderings.errors import StoreError
from concept_orderings.json_text import parse_json
from concept_orderings.queries import Query
from store.counts_files import CountsFile, CountsFiles, CountsMeaning
from store.looks import Look, LookAnswer
from store.queue import Queue
from store.runs import Record, RunChanges, Runs
from store.source_reports import SourceReports
from store.sources import SourceReport, SourceState
from store.uploaded_files import Stored

_ANSWER_SECONDS = 3.0
"""How long a list waits for the answers of servers that no worker has asked yet."""
_POLL_SECONDS = 0.1
_RECORDS_READ_AT_ONCE = 32


class Limits(NamedTuple):
    """Limits for looks that are queued, running, or finished and not fetched.

    Attributes
    ----------
    active : int
        For all together.
    of_client : int
        For those of one client.
    """

    active: int
    of_client: int


class Sources:
    """The sources that workers report, the counts files in the object store, and looks at the counts of both.

    Methods raise `redis.RedisError` while Redis is away.

    Attributes
    ----------
    known : KnownSources
        Tells whether a name is that of a source.

    Parameters
    ----------
    reports
        The sources that workers have reported.
    looks
        The records of looks.
    changes
        The changes of looks.
    files
        The counts files.
    reading
        Reads uploads.
    open_queue
        Returns the queue of looks.
    limits
        For looks.
    """

    def __init__(
        self,
        reports: SourceReports,
        looks: Runs,
        changes: RunChanges,
        files: CountsFiles,
        reading: FileReading,
        *,
        open_queue: Callable[[], Awaitable[Queue]],
        limits: Limits,
    ) -> None:
        self.known = KnownSources(reports, files, open_queue=open_queue)
        self._reports = reports
        self._looks = looks
        self._changes = changes
        self._files = files
        self._open_queue = open_queue
        self._limits = limits
        self._reading = reading

    async def all(self) -> list[SourceReport]:
        """Return reports on all counts files, and on the sources that workers have, which go before a file of the name.

        This waits at most `_ANSWER_SECONDS` for servers that no worker has asked yet.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        reported, files = await asyncio.gather(self._reported(), self._counts_files())
        for name in reported.keys() & files.keys():
            reported[name] = replace(reported[name], hides_counts_file=True)
        return list({**files, **reported}.values())

    async def exists(self, name: str) -> bool:
        """Return whether a source of this name exists: one that a worker reported, or a counts file."""
        return name in await self._reports.list() or name in await self._files.names()

    async def kind_reported(self, name: str) -> str | None:
        """Return the kind of the source that workers report under this name; None if they report none."""
        reported = (await self._reports.list()).get(name)
        return None if reported is None else reported.kind

    async def any_reported(self) -> bool:
        """Return whether a worker has reported its sources in the last 30 seconds."""
        return await self._reports.any_reported()

    async def look(self, source: str, request: CountsRequest, seconds: float, client: str = "") -> Record:
        """Ask a source for counts; return the look once it is finished, or in its present state after `seconds`.

        Raises
        ------
        QueueFull
            If as many looks are active as the settings allow, or as many of the client.
        """
        submission = await asyncio.to_thread(lambda: _look(source, request).submission(client=client))
        deadline = time.monotonic() + seconds
        while True:
            await self._looks.submit(submission, most_active=self._limits.active, most_of_client=self._limits.of_client)
            look = await self._looks.get(submission.id)
            if look is not None and not look.state.final:
                # Also for a look that was recorded before: the process that did so may have died before queueing it.
                await (await self._open_queue()).add(look.id, look.run)
                look = await until_final(self._looks, self._changes, look, deadline - time.monotonic())
            # None: another client with the same request has fetched the answer, which deletes the look. A new look is
            # quick, since its counts are in the cache.
            if look is not None:
                break
        if look.state.final:
            await self._looks.fetched(look)
        return look

    async def workers(self) -> int:
        """Return how many workers take looks."""
        return await (await self._open_queue()).workers()

    async def store_file(
        self, name: str, meaning: CountsMeaning, body: bytes, media_type: str
    ) -> tuple[CountsFile, Stored]:
        """Read a counts file, and store it unless its name is taken.

        Raises
        ------
        BadCountsFile
            See `app.uploaded_counts.read_counts`.
        StoreError
            ``counts_file_damaged`` or ``store_unavailable``.
        """
        counts = await self._reading.run(partial(read_counts, body, media_type, meaning.size))
        return await self._files.create(name, meaning, counts)

    async def delete_file(self, name: str) -> bool:
        """Delete a counts file; return whether there was one.

        Raises
        ------
        StoreError
            See `UploadedFiles.delete`.
        """
        return await self._files.delete(name)

    async def _reported(self) -> dict[str, SourceReport]:
        """Return the sources that workers report, after their servers have answered or `_ANSWER_SECONDS` are over."""
        await self._reports.ask_servers()
        deadline = time.monotonic() + _ANSWER_SECONDS
        while True:
            reported = await self._reports.list()
            if not any(each.state is SourceState.UNASKED for each in reported.values()) or time.monotonic() > deadline:
                return reported
            await asyncio.sleep(_POLL_SECONDS)

    async def _counts_files(self) -> dict[str, SourceReport]:
        names = await self._files.names()
        found: dict[str, SourceReport] = {}
        for start in range(0, len(names), _RECORDS_READ_AT_ONCE):
            batch = names[start : start + _RECORDS_READ_AT_ONCE]
            found.update(zip(batch, await asyncio.gather(*map(self._counts_file, batch)), strict=True))
        return found

    async def _counts_file(self, name: str) -> SourceReport:
        try:
            record = await self._files.record(name)
            if record is None:
                raise StoreError("counts_file_damaged", f"The record of {name} is gone.")
        except StoreError as error:
            if error.may_pass:
                raise
            return SourceReport.unavailable(name, "file", error)
        return SourceReport.available(record.facts)


def read_counts_request(body: bytes) -> CountsRequest:
    """Decode and check a request for counts.

    It may have 100,000 names, so call this off the event loop.

    Raises
    ------
    ValueError, RecursionError
        If the body is not JSON.
    InvalidInput
        See `concept_orderings.json_text.parse_json` and `concept_orderings.counts_request.parse_counts_request`.
    """
    return parse_json(body, partial(parse_counts_request, now=datetime.now(UTC)))


def counts_answer(request: CountsRequest, look: Record) -> bytes:
    """Return the answer of a succeeded look as JSON.

    It may have 100,000 counts, so call this off the event loop.
    """
    assert look.result is not None  # the look has succeeded
    answer = LookAnswer.from_bytes(look.result)
    by_query = dict(zip(_distinct(request), answer.counts, strict=True))
    unit = answer.facts.unit
    counts = [
        {
            "name": name,
            "query": by_query[query].query.as_json(),
            "count": by_query[query].value,
            "unit": unit,
            "approximate": by_query[query].approximate,
            "counted_at": by_query[query].counted_at,
            "asked": by_query[query].asked,
        }
        for name, query in zip(request.names, request.queries, strict=True)
    ]
    source = source_resource(SourceReport.available(answer.facts)).model_dump()
    return json.dumps({"source": source, "counted_since": request.counted_since, "counts": counts}).encode()


def _look(source: str, request: CountsRequest) -> Look:
    return Look(source, tuple(_distinct(request)), request.counted_since)


def _distinct(request: CountsRequest) -> list[Query]:
    return sorted(set(request.queries), key=lambda query: query.spellings)
