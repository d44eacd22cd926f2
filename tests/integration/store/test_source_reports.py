"""Reports of workers on their sources are listed together, and expire."""

import asyncio

import pytest
from redis.asyncio import Redis

from store.source_reports import KEPT_SECONDS, WANTED_SECONDS, SourceReports
from store.sources import SourceReport, SourceState
from support.keys import KEYS

pytestmark = pytest.mark.anyio


def unasked(name: str, kind: str) -> SourceReport:
    return SourceReport(name=name, kind=kind, state=SourceState.UNASKED)


async def test_reports_of_several_workers_are_listed_together(redis: Redis) -> None:
    one, other, api = (SourceReports(redis, KEYS) for _ in range(3))
    a, b, both = unasked("a", "x"), unasked("b", "y"), unasked("both", "z")
    await asyncio.gather(one.report({"a": a, "both": both}), other.report({"b": b, "both": both}))
    assert await api.list() == {"a": a, "b": b, "both": both}
    await one.report({"a": unasked("a", "z")})
    assert await api.list() == {"a": unasked("a", "z"), "b": b}
    await one.report({})
    assert await api.list() == {"b": b}


async def test_an_old_report_is_not_listed(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = SourceReports(redis, KEYS)
    await reports.report({"a": unasked("a", "x")})
    seconds, _ = await redis.time()
    monkeypatch.setattr(SourceReports, "_now", lambda _: asyncio.sleep(0, seconds + KEPT_SECONDS + 1))
    assert await reports.list() == {}


async def test_a_report_without_sources_is_remembered_for_30_seconds(redis: Redis) -> None:
    reports = SourceReports(redis, KEYS)
    assert not await reports.any_reported()
    await reports.report({})
    assert await reports.any_reported()
    assert 0 < await redis.ttl(KEYS.sources_reported) <= KEPT_SECONDS == 30


async def test_workers_should_ask_servers_for_two_minutes_after_a_client_listed_the_sources(redis: Redis) -> None:
    reports = SourceReports(redis, KEYS)
    assert not await reports.should_ask_servers()
    await reports.ask_servers()
    assert await reports.should_ask_servers()
    assert 0 < await redis.ttl(KEYS.sources_wanted) <= WANTED_SECONDS == 120
