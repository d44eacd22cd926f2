"""A name is called unknown only if every worker has reported since it was asked for, and none has the source."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from redis.asyncio import Redis

from app import known_sources
from app.known_sources import KnownSources
from store.counts_files import CountsFiles, CountsMeaning
from store.objects import Objects, open_objects
from store.queue import Queue
from store.source_reports import SourceReports
from store.sources import SourceReport, SourceState
from store.uploaded_files import UploadedFiles
from store.waiting import cancel_and_wait
from support.keys import KEYS

pytestmark = pytest.mark.anyio


class Workers:
    """A queue that tells how many workers read it."""

    def __init__(self, number: int) -> None:
        self.number = number

    async def workers(self) -> int:
        return self.number


class Place:
    """A Redis, an object store and the API's view of the sources in both."""

    def __init__(self, redis: Redis, objects: Objects) -> None:
        self.redis = redis
        self.files = CountsFiles(objects)
        self.queue = Workers(1)
        self.reports = SourceReports(redis, KEYS)
        self.known = KnownSources(self.reports, self.files, open_queue=self._open_queue)

    async def _open_queue(self) -> Queue:
        return cast("Queue", self.queue)

    async def reported(self, *names: str) -> SourceReports:
        """Report the sources of a new worker, once."""
        worker = SourceReports(self.redis, KEYS)
        await report(worker, names)
        return worker

    @asynccontextmanager
    async def answering(self, worker: SourceReports, *names: str) -> AsyncIterator[None]:
        """Report sources whenever the API asks for a report."""

        async def answer() -> None:
            while True:
                wanted = await worker.wanted()
                if wanted.report_since:
                    await report(worker, names)
                await asyncio.sleep(0.01)

        running = asyncio.create_task(answer())
        try:
            yield
        finally:
            await cancel_and_wait(running)


async def report(worker: SourceReports, names: Iterable[str]) -> None:
    now = (await worker.wanted()).now
    sources = {name: SourceReport(name=name, kind="x", state=SourceState.UNASKED) for name in names}
    await worker.report(sources, as_of=now)


@pytest.fixture
def place(redis: Redis, tmp_path: Path) -> Place:
    return Place(redis, open_objects(str(tmp_path)))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that end soon, for tests in which a report never comes."""
    monkeypatch.setattr(known_sources, "_REPORT_SECONDS", 0.2)


async def test_without_a_worker_no_name_is_unknown(place: Place) -> None:
    assert await place.known.why_unknown("c4") is None


async def test_a_reported_name_is_known_after_one_request(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await place.reported("c4")
    for other in ("workers", "list", "ask_for_reports", "any_reported"):
        monkeypatch.delattr(SourceReports, other)
    monkeypatch.delattr(UploadedFiles, "exists")

    assert await place.known.why_unknown("c4") is None


async def test_an_unknown_name_is_answered_with_all_sources(place: Place) -> None:
    await place.files.create("counted", CountsMeaning(unit="documents", corpus="C4"), {"a": 1})
    place.queue.number = 2
    one, other = await place.reported("wimbd-c4"), await place.reported("sample", "infini-gram")
    async with place.answering(one, "wimbd-c4"), place.answering(other, "sample", "infini-gram"):
        why, far = await place.known.why_unknown("samples"), await place.known.why_unknown("x")

    assert why is not None
    assert far is not None
    names = "The sources are counted, fomo-c4-ranks, infini-gram, sample, wimbd-c4. To add one, upload a counts file"
    assert why.startswith(f"There is no source samples. Did you mean sample? {names} with PUT /v1/sources/samples,")
    assert far.startswith(f"There is no source x. {names} with PUT /v1/sources/x,")


async def test_without_any_source(place: Place) -> None:
    worker = await place.reported()
    async with place.answering(worker):
        why = await place.known.why_unknown("c4")

    assert why is not None
    assert why.startswith("There is no source c4. The sources are fomo-c4-ranks. ")


async def test_a_counts_file_needs_no_report(place: Place) -> None:
    await place.reported("c4")
    await place.files.create("counted", CountsMeaning(unit="documents", corpus="C4"), {"a": 1})

    assert await place.known.why_unknown("counted") is None


async def test_a_source_that_was_added_after_the_last_report_is_known(place: Place) -> None:
    worker = await place.reported("c4")
    async with place.answering(worker, "c4", "built-a-moment-ago"):
        assert await place.known.why_unknown("built-a-moment-ago") is None


async def test_the_source_of_another_worker_is_known(place: Place) -> None:
    place.queue.number = 2
    one, other = await place.reported("a"), await place.reported()
    async with place.answering(one, "a"), place.answering(other, "a", "b"):
        assert await place.known.why_unknown("b") is None


async def test_once_a_worker_has_the_source_no_other_is_waited_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_sources, "_REPORT_SECONDS", 3600)
    place.queue.number = 2
    one, _ = await place.reported("a"), await place.reported("b")
    async with place.answering(one, "a", "c"), asyncio.timeout(60):
        assert await place.known.why_unknown("c") is None


@pytest.mark.usefixtures("short")
async def test_a_worker_that_does_not_report_again_may_have_the_source(place: Place) -> None:
    place.queue.number = 2
    one, _ = await place.reported("a"), await place.reported("b")
    async with place.answering(one, "a"):
        assert await place.known.why_unknown("c") is None


@pytest.mark.usefixtures("short")
async def test_a_worker_of_an_earlier_release_may_have_the_source(place: Place) -> None:
    """It reports its sources, but not which worker has them; the queue counts it."""
    place.queue.number = 2
    worker = await place.reported("a")
    async with place.answering(worker, "a"):
        assert await place.known.why_unknown("c") is None


async def test_a_worker_that_has_left_is_not_waited_for(place: Place) -> None:
    one, other = await place.reported("a"), await place.reported("b")
    await other.leave()
    async with place.answering(one, "a"):
        assert await place.known.why_unknown("c") is not None
