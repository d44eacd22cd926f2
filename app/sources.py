"""Sources of counts, without HTTP: which there are, and looks at the counts of one."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from app.bodies import decoded
from app.waiting import until_final
from concept_orderings.counts_request import CountsRequest, parse_counts_request
from concept_orderings.errors import StoreError
from concept_orderings.evidence.counts import IN_REQUEST
from concept_orderings.queries import Query
from store.counts_files import QUERY_FORM, CountsFile, CountsFiles
from store.looks import Look, LookAnswer
from store.queue import Queue
from store.runs import Record, RunChanges, Runs
from store.source_reports import SourceReports

_ASKED_WITHIN_SECONDS = 3.0
_LOOK_SECONDS = 0.1
_READ_AT_ONCE = 32


class Sources:
    """The sources that workers report, the counts files in the object store, and looks at the counts of both.

    Methods raise `redis.RedisError` while Redis is away.

    Parameters
    ----------
    reports, files
        Which sources there are.
    looks, changes
        The looks, and what wakes those who wait for one.
    open_queue
        Returns the queue of looks, once Redis is there.
    most_active
        How many looks may be queued, running, or finished and not fetched.
    """

    def __init__(
        self,
        reports: SourceReports,
        looks: Runs,
        changes: RunChanges,
        files: CountsFiles,
        *,
        open_queue: Callable[[], Awaitable[Queue]],
        most_active: int,
    ) -> None:
        self._reports = reports
        self._looks = looks
        self._changes = changes
        self._files = files
        self._open_queue = open_queue
        self._most_active = most_active

    async def all(self) -> list[dict[str, Any]]:
        """Return all sources by name; wait at most three seconds for servers that no worker has asked yet.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        reported, files = await asyncio.gather(self._reported(), self._counts_files())
        for name in reported.keys() & files.keys():
            reported[name] = _name_conflict(name, reported[name])
        found = {**files, **reported, IN_REQUEST: _IN_REQUEST}
        return [found[name] for name in sorted(found)]

    async def exists(self, name: str) -> bool:
        """Tell whether a source has this name: one that a worker reported, or a counts file."""
        return name in await self._reports.list() or name in await self._files.names()

    async def kind_reported(self, name: str) -> str | None:
        """Return the kind of the source that workers report under a name; None if they report none."""
        reported = (await self._reports.list()).get(name)
        return None if reported is None else str(reported["kind"])

    async def any_reported(self) -> bool:
        """Tell whether a worker has reported its sources in the last 30 seconds."""
        return await self._reports.any_reported()

    async def look(self, source: str, request: CountsRequest, seconds: float) -> Record:
        """Ask a source for counts, and return the look once it is finished, or as it stands after some seconds.

        Raises
        ------
        QueueFull
            If there are as many looks as the service takes.
        """
        asked = await asyncio.to_thread(lambda: _look(source, request).submission())
        deadline = time.monotonic() + seconds
        while True:
            await self._looks.submit(asked, most_active=self._most_active)
            look = await self._looks.get(asked.id)
            if look is not None and not look.state.final:
                # Also for one recorded before: the process that recorded it may have died before it was queued.
                await (await self._open_queue()).add(look.id, look.run)
                look = await until_final(self._looks, self._changes, look, deadline - time.monotonic())
            # Else a client that waited for the same has fetched the answer, and it is forgotten: the counts are kept.
            if look is not None:
                break
        if look.state.final:
            await self._looks.fetched(look)
        return look

    async def _reported(self) -> dict[str, dict[str, Any]]:
        """Return what workers report, once they have asked the servers behind their sources, or after three seconds."""
        await self._reports.ask_servers()
        deadline = time.monotonic() + _ASKED_WITHIN_SECONDS
        while True:
            reported = await self._reports.list()
            if not any(each["state"] == "unasked" for each in reported.values()) or time.monotonic() > deadline:
                return reported
            await asyncio.sleep(_LOOK_SECONDS)

    async def _counts_files(self) -> dict[str, dict[str, Any]]:
        names = await self._files.names()
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(names), _READ_AT_ONCE):
            some = names[start : start + _READ_AT_ONCE]
            found.update(zip(some, await asyncio.gather(*map(self._counts_file, some)), strict=True))
        return found

    async def _counts_file(self, name: str) -> dict[str, Any]:
        try:
            record = await self._files.record(name)
        except StoreError as error:
            if error.code == "store_unavailable":
                raise
            return _unavailable(name, "file", error.code, error.detail)
        if record is None:
            return _unavailable(name, "file", "counts_file_damaged", f"The record of {name} is gone.")
        return counts_file_source(record)


_IN_REQUEST = {
    "name": IN_REQUEST,
    "kind": IN_REQUEST,
    "state": "available",
    "corpus": "the counts that are given with the classes",
}


def counts_file_source(record: CountsFile) -> dict[str, Any]:
    """Return a counts file as the source that it is."""
    return {
        "name": record.name,
        "kind": "file",
        "state": "available",
        "unit": record.meaning.unit,
        "corpus": record.meaning.corpus,
        "documents": record.meaning.documents,
        "tokens": record.meaning.tokens,
        "query_form": QUERY_FORM,
        "fingerprint": record.fingerprint,
        "counted_at": record.counted_at,
    }


def read_counts_request(body: bytes) -> CountsRequest:
    """Decode and check a request for counts; of up to 100,000 names, so not on the event loop.

    Raises
    ------
    ValueError, RecursionError
        If the body is not JSON.
    InvalidInput
        See `app.bodies.decoded` and `concept_orderings.counts_request.parse_counts_request`.
    """
    return parse_counts_request(decoded(body)).as_of(datetime.now(UTC))


def counts_answer(request: CountsRequest, look: Record) -> bytes:
    """Return the answer of a look as it is served; of up to 100,000 counts, so not on the event loop."""
    assert look.result is not None  # it has succeeded
    answer = LookAnswer.from_bytes(look.result)
    by_query = dict(zip(_distinct(request), answer.counts, strict=True))
    unit = answer.facts["unit"]
    counts = [
        {
            "name": name,
            "query": by_query[query].asked.as_json(),
            "count": by_query[query].value,
            "unit": unit,
            "approximate": by_query[query].approximate,
            "counted_at": by_query[query].counted_at,
        }
        for name, query in zip(request.names, request.queries, strict=True)
    ]
    source = {**answer.facts, "state": "available", "error": None}
    return json.dumps({"source": source, "counted_since": request.counted_since, "counts": counts}).encode()


def _look(source: str, request: CountsRequest) -> Look:
    return Look(source, tuple(_distinct(request)), request.counted_since)


def _distinct(request: CountsRequest) -> list[Query]:
    return sorted(set(request.queries), key=lambda query: query.spellings)


def _name_conflict(name: str, reported: Mapping[str, Any]) -> dict[str, Any]:
    detail = f"{name} is the name of a counts file, too, and a name must stand for one source: rename this one."
    return _unavailable(name, str(reported["kind"]), "source_not_configured", detail)


def _unavailable(name: str, kind: str, code: str, detail: str) -> dict[str, Any]:
    return {"name": name, "kind": kind, "state": "unavailable", "error": {"code": code, "detail": detail}}
