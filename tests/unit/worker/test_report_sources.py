"""What a worker reports of its sources, however they fail when they are asked."""

import asyncio
from typing import cast

import pytest

from store.source_reports import SourceReports
from support.counting_source import CountingSource
from worker.evidence.counts.base import CountSource
from worker.report_sources import SourceReporter
from worker.settings import WorkerSettings

pytestmark = pytest.mark.anyio


class Broken:
    """A source's settings; asking the source fails as nobody foresaw."""

    kind = "elasticsearch"

    def __init__(self) -> None:
        self.opened = 0

    def open(self, name: str, *, attempts: int) -> CountSource:
        self.opened += 1
        source = CountingSource()

        async def facts() -> None:
            raise OverflowError("s3cret")

        source.facts = facts  # type: ignore[method-assign,assignment]
        return source


async def test_a_source_that_fails_as_nobody_foresaw_is_reported_and_not_asked_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = Broken()
    monkeypatch.setattr("worker.report_sources.read_sources", lambda _: {"broken": broken})
    reporter = SourceReporter(WorkerSettings(), cast("SourceReports", None))

    async with asyncio.timeout(30):
        while (reported := (await reporter.sources(ask=True))["broken"])["state"] == "unasked":  # noqa: ASYNC110  # nobody announces it
            await asyncio.sleep(0)

    assert (reported["state"], reported["error"]["code"]) == ("unavailable", "source_unavailable")
    assert "OverflowError" in reported["error"]["detail"]
    assert "s3cret" not in reported["error"]["detail"]
    await reporter.sources(ask=True)
    await asyncio.sleep(0)
    assert broken.opened == 1
