"""Tell whether a name is that of a source of counts, without refusing one that was added a moment ago."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from store.counts_files import CountsFiles
from store.queue import Queue
from store.source_reports import SourceReports
from store.sources import no_such_source

_REPORT_SECONDS = 3.0
"""How long a name waits for the reports of all workers. Workers look once a second whether the API wants a report."""
_POLL_SECONDS = 0.05


class KnownSources:
    """The names of all sources: those that workers report, and the counts files in the object store.

    Methods raise `redis.RedisError` while Redis is away.

    Parameters
    ----------
    reports
        The sources that workers have reported.
    files
        The counts files.
    open_queue
        Returns a queue that every worker reads.
    """

    def __init__(
        self, reports: SourceReports, files: CountsFiles, *, open_queue: Callable[[], Awaitable[Queue]]
    ) -> None:
        self._reports = reports
        self._files = files
        self._open_queue = open_queue

    async def why_unknown(self, name: str) -> str | None:
        """Return None for the name of a source; else sentences that list all sources.

        The result is None also if the workers do not say: if there is none, or if one of them does not answer within
        three seconds, or is of a release that cannot answer. A name that a worker has reported costs one request to
        Redis; an unknown one waits until each worker has read its sources again, because an index may have been built
        after the last report.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        now, known, any_reported = await self._reports.find(name)
        if known or not any_reported or await self._files.exists(name):
            return None
        names = await self._all_names(name, since=now)
        return no_such_source(name, names) if names is not None and name not in names else None

    async def _all_names(self, name: str, *, since: int) -> set[str] | None:
        """Return the names of all sources once all workers have reported since a time, or one has that name.

        Returns
        -------
        set of str, optional
            None if not all workers have reported in time.
        """
        await self._reports.ask_for_reports(since)
        deadline = time.monotonic() + _REPORT_SECONDS
        while time.monotonic() < deadline:
            reported = await self._reports.workers()
            names = {each for worker in reported.values() for each in worker.names}
            if name in names or (
                all(worker.as_of >= since for worker in reported.values())
                and len(reported) >= max(1, await self._workers())
            ):
                return names.union(await self._files.names())
            await asyncio.sleep(_POLL_SECONDS)
        return None

    async def _workers(self) -> int:
        # Also those that have not reported yet, and those of a release that reports no names.
        return await (await self._open_queue()).workers()
