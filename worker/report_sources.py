"""Report to the API, through Redis, the sources of counts that this worker has, and what their counts mean."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from redis.exceptions import RedisError

from concept_orderings.errors import ConceptOrderingsError, SourceError
from store.source_reports import SourceReports
from store.sources import SourceReport, SourceState
from store.waiting import cancel_and_wait, wait_for_event
from worker.evidence.counts import ambiguous
from worker.evidence.counts.local_index import index_facts, index_names
from worker.evidence.counts.settings import SourceSettings, read_sources
from worker.hidden_paths import error_without_paths
from worker.settings import WorkerSettings

_POLL_SECONDS = 1.0
_REPORT_SECONDS = 5.0
_ASK_AGAIN_SECONDS = 60.0
_ANSWER_SECONDS = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Asked:
    """The last answer of a server about itself."""

    when: float
    settings: SourceSettings
    report: SourceReport


class SourceReporter:
    """Reports the sources every five seconds; every second while clients list them, and when the API asks for it.

    Local indexes are read each time. Servers are asked only while clients list the sources, and at most once a minute,
    so that an idle worker asks no server.
    """

    def __init__(self, settings: WorkerSettings, reports: SourceReports) -> None:
        self._settings = settings
        self._reports = reports
        self._asked: dict[str, _Asked] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._answered = asyncio.Event()

    async def run(self) -> None:
        """Report for ever; a repeated error, such as one in the file of sources, is logged once."""
        try:
            await self._run()
        finally:
            await cancel_and_wait(*self._asking.values())
            with suppress(RedisError, OSError):
                await self._reports.leave()

    async def _run(self) -> None:
        last, reported, trouble = -_REPORT_SECONDS, 0, ""
        while True:
            try:
                wanted = await self._reports.wanted()
                at_once = wanted.servers or wanted.report_since > reported or self._answered.is_set()
                if at_once or time.monotonic() - last >= _REPORT_SECONDS:
                    self._answered.clear()
                    await self._reports.report(await self.sources(ask=wanted.servers), as_of=wanted.now)
                    last, reported = time.monotonic(), wanted.now
                trouble = ""
            except Exception as error:
                if str(error) != trouble:
                    _log.warning("cannot report the sources of counts: %s", error)
                trouble = str(error)
                # While an answer is unreported, the wait below returns at once: without this pause, the loop would
                # spin.
                await asyncio.sleep(_POLL_SECONDS)
            await wait_for_event(self._answered, _POLL_SECONDS)

    async def sources(self, *, ask: bool) -> dict[str, SourceReport]:
        """Return the reports of all sources; with `ask`, begin to ask servers whose answer is a minute old."""
        configured = read_sources(self._settings)
        self._asked = {name: each for name, each in self._asked.items() if configured.get(name) == each.settings}
        if ask:
            self._begin_to_ask(configured)
        known = {name: self._known(name, settings) for name, settings in configured.items()}
        for name, index in (await asyncio.to_thread(_local, self._settings)).items():
            twice = SourceReport.unavailable(name, "local-index", ambiguous(name))
            known[name] = twice if name in configured else index
        return {name: _for_clients(each) for name, each in known.items()}

    def _begin_to_ask(self, configured: Mapping[str, SourceSettings]) -> None:
        now = time.monotonic()
        for name, settings in configured.items():
            is_old = name not in self._asked or now - self._asked[name].when >= _ASK_AGAIN_SECONDS
            if is_old and name not in self._asking:
                self._asking[name] = asyncio.create_task(self._ask(name, settings))

    def _known(self, name: str, settings: SourceSettings) -> SourceReport:
        if name in self._asked:
            return self._asked[name].report
        return SourceReport(name=name, kind=settings.kind, state=SourceState.UNASKED)

    async def _ask(self, name: str, settings: SourceSettings) -> None:
        try:
            # One attempt: a client that lists the sources wants to see the reason of a failure without delay.
            source = settings.open(name, attempts=1)
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    report = SourceReport.available(await source.facts())
            finally:
                await source.aclose()
        except ConceptOrderingsError as error:
            report = SourceReport.unavailable(name, settings.kind, error)
        except TimeoutError:
            late = SourceError("source_unavailable", f"{name} has not answered for {_ANSWER_SECONDS:.0f} seconds.")
            report = SourceReport.unavailable(name, settings.kind, late)
        except Exception as error:
            # Stored like an answer, or the server would be asked every second. The text of the error goes to the log
            # alone, since it may hold a secret.
            _log.exception("asking the source %s failed", name)
            report = SourceReport.unavailable(name, settings.kind, _asking_failed(name, error))
        finally:
            del self._asking[name]
        self._asked[name] = _Asked(time.monotonic(), settings, report)
        self._answered.set()


def _for_clients(report: SourceReport) -> SourceReport:
    return report if report.error is None else replace(report, error=error_without_paths(report.error))


def _asking_failed(name: str, error: Exception) -> SourceError:
    return SourceError("source_unavailable", f"Asking {name} failed with {type(error).__name__}; see the worker's log.")


def _local(settings: WorkerSettings) -> dict[str, SourceReport]:
    """Return the reports of the local indexes."""
    known: dict[str, SourceReport] = {}
    for name in index_names(settings.indexes_dir):
        try:
            known[name] = SourceReport.available(index_facts(settings.index_dir(name)))
        except SourceError as error:
            known[name] = SourceReport.unavailable(name, "local-index", error)
    return known
