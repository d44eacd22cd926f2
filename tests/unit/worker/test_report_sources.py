"""The reports of a worker on its sources, also when requests to them fail."""

import asyncio
from typing import cast

import pytest

from store.source_reports import SourceReports, Wanted
from store.sources import SourceState
from store.waiting import cancel_and_wait
from support.letter_source import LetterSource
from support.ticks import ticks
from worker.evidence.counts.base import CountSource
from worker.report_sources import SourceReporter
from worker.settings import WorkerSettings

pytestmark = pytest.mark.anyio


class Broken:
    """Settings of a source whose requests fail with an unforeseen error."""

    kind = "elasticsearch"

    def __init__(self) -> None:
        self.opened = 0

    def open(self, name: str, *, attempts: int) -> CountSource:
        self.opened += 1
        source = LetterSource()

        async def facts() -> None:
            raise OverflowError("s3cret")

        source.facts = facts  # type: ignore[method-assign,assignment]
        return source


async def test_an_unforeseen_failure_of_a_source_is_reported_and_not_retried_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = Broken()
    monkeypatch.setattr("worker.report_sources.read_sources", lambda _: {"broken": broken})
    reporter = SourceReporter(WorkerSettings(), cast("SourceReports", None))

    async with asyncio.timeout(30):
        while (reported := (await reporter.sources(ask=True))["broken"]).state is SourceState.UNASKED:  # noqa: ASYNC110  # no event announces it
            await asyncio.sleep(0)

    assert reported.state is SourceState.UNAVAILABLE
    assert reported.error is not None
    assert reported.error["code"] == "source_unavailable"
    assert "OverflowError" in str(reported.error["detail"])
    assert "s3cret" not in str(reported.error["detail"])
    await reporter.sources(ask=True)
    await asyncio.sleep(0)
    assert broken.opened == 1


class Away:
    """The reports while Redis is away."""

    def __init__(self) -> None:
        self.asked = 0

    async def wanted(self) -> Wanted:
        self.asked += 1
        raise ConnectionError("no Redis")

    async def leave(self) -> None:
        raise ConnectionError("no Redis")


async def test_a_failed_report_is_retried_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.report_sources._POLL_SECONDS", 3600)
    away = Away()
    reporter = SourceReporter(WorkerSettings(), cast("SourceReports", away))
    reporter._answered.set()  # as an answer does that could not be reported
    running = asyncio.create_task(reporter.run())
    await ticks(50)

    assert away.asked == 1
    await cancel_and_wait(running)


async def test_after_it_is_stopped_it_sends_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    class Slow(Broken):
        def open(self, name: str, *, attempts: int) -> CountSource:
            source = LetterSource()

            async def facts() -> None:
                begun.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.set()

            source.facts = facts  # type: ignore[method-assign,assignment]
            return source

    class Asking(Away):
        async def wanted(self) -> Wanted:
            return Wanted(now=1, servers=True, report_since=0)

        async def report(self, sources: object, *, as_of: int) -> None:
            """Drop the report."""

    monkeypatch.setattr("worker.report_sources.read_sources", lambda _: {"slow": Slow()})
    reporter = SourceReporter(WorkerSettings(), cast("SourceReports", Asking()))
    running = asyncio.create_task(reporter.run())
    async with asyncio.timeout(30):
        await begun.wait()
    await cancel_and_wait(running)

    assert running.cancelled()
    assert ended.is_set()


class Reported:
    """The reports while the API asks for one from time to time."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.report_since = 0
        self.now = 0
        self.left = False

    async def wanted(self) -> Wanted:
        self.now += 10
        return Wanted(now=self.now, servers=False, report_since=self.report_since)

    async def report(self, sources: object, *, as_of: int) -> None:
        self.times.append(as_of)

    async def leave(self) -> None:
        self.left = True


async def test_a_report_is_made_at_once_when_the_api_wants_one_since_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.report_sources.read_sources", lambda _: {})
    monkeypatch.setattr("worker.report_sources._REPORT_SECONDS", 3600)
    monkeypatch.setattr("worker.report_sources._POLL_SECONDS", 0)
    reports = Reported()
    running = asyncio.create_task(SourceReporter(WorkerSettings(), cast("SourceReports", reports)).run())

    async def until_polled(times: int) -> None:
        async with asyncio.timeout(30):
            while reports.now < 10 * times:  # noqa: ASYNC110  # no event announces it
                await asyncio.sleep(0)

    await until_polled(5)
    assert reports.times == [10]
    reports.report_since = asked = reports.now
    await until_polled(reports.now // 10 + 5)
    assert reports.times == [10, asked + 10]
    await cancel_and_wait(running)
    assert reports.left
