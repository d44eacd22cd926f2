"""Reports of workers on their sources are listed together, and expire."""

import asyncio
from unittest.mock import ANY

import pytest
from redis.asyncio import Redis

from store.source_reports import KEPT_SECONDS, WANTED_SECONDS, SourceReports
from store.sources import SourceReport, SourceState
from support.keys import KEYS

pytestmark = pytest.mark.anyio


def unasked(name: str, kind: str) -> SourceReport:
    return SourceReport(name=name, kind=kind, state=SourceState.UNASKED)


async def report(reports: SourceReports, sources: dict[str, SourceReport]) -> int:
    """Report sources as of now; return that time."""
    now = (await reports.wanted()).now
    await reports.report(sources, as_of=now)
    return now


async def test_reports_of_several_workers_are_listed_together(redis: Redis) -> None:
    one, other, api = (SourceReports(redis, KEYS) for _ in range(3))
    a, b, both = unasked("a", "x"), unasked("b", "y"), unasked("both", "z")
    await asyncio.gather(report(one, {"a": a, "both": both}), report(other, {"b": b, "both": both}))
    assert await api.list() == {"a": a, "b": b, "both": both}
    await report(one, {"a": unasked("a", "z")})
    assert await api.list() == {"a": unasked("a", "z"), "b": b}
    await report(one, {})
    assert await api.list() == {"b": b}


async def test_an_old_report_is_not_listed(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = SourceReports(redis, KEYS)
    await report(reports, {"a": unasked("a", "x")})
    seconds, _ = await redis.time()
    monkeypatch.setattr(SourceReports, "_now", lambda _: asyncio.sleep(0, seconds + KEPT_SECONDS + 1))
    assert await reports.list() == {}


@pytest.mark.parametrize(
    "value",
    [
        '[{now}, {"name": "new", "kind": "x", "state": "asleep"}]',
        "[{now}, 7]",
        "[{now}]",
        "no JSON",
        '{"a": 1}',
        b"\xff",
    ],
)
async def test_a_report_that_cannot_be_read_hides_no_other(redis: Redis, value: str | bytes) -> None:
    reports = SourceReports(redis, KEYS)
    await report(reports, {"a": unasked("a", "x")})
    seconds, _ = await redis.time()
    data = value.replace("{now}", str(seconds)) if isinstance(value, str) else value
    await redis.hset(KEYS.sources, "new", data)
    assert await reports.list() == {"a": unasked("a", "x")}


async def test_a_report_without_sources_is_remembered_for_30_seconds(redis: Redis) -> None:
    reports = SourceReports(redis, KEYS)
    assert not await reports.any_reported()
    await report(reports, {})
    assert await reports.any_reported()
    assert 0 < await redis.ttl(KEYS.sources_reported) <= KEPT_SECONDS == 30


async def test_workers_should_ask_servers_for_two_minutes_after_a_client_listed_the_sources(redis: Redis) -> None:
    reports = SourceReports(redis, KEYS)
    assert not (await reports.wanted()).servers
    await reports.ask_servers()
    assert (await reports.wanted()).servers
    assert 0 < await redis.ttl(KEYS.sources_wanted) <= WANTED_SECONDS == 120


async def test_one_request_finds_a_name(redis: Redis) -> None:
    reports, api = SourceReports(redis, KEYS), SourceReports(redis, KEYS)
    now, known, any_reported = await api.find("a")
    assert (known, any_reported) == (False, False)
    as_of = await report(reports, {"a": unasked("a", "x")})
    assert now < as_of
    assert await api.find("a") == (ANY, True, True)
    assert await api.find("b") == (ANY, False, True)


async def test_a_name_in_an_old_report_is_not_found(redis: Redis) -> None:
    reports = SourceReports(redis, KEYS)
    now = (await reports.wanted()).now
    await reports.report({"old": unasked("old", "x")}, as_of=now - (KEPT_SECONDS + 1) * 10**6)
    assert await reports.find("old") == (ANY, False, True)
    assert await reports.workers() == {}
    assert await redis.hlen(KEYS.source_reporters) == 0, "the field of a dead worker is removed"


async def test_each_worker_s_names_are_known_also_when_another_worker_drops_one(redis: Redis) -> None:
    one, other, api = (SourceReports(redis, KEYS) for _ in range(3))
    shared = {"shared": unasked("shared", "x")}
    await report(one, shared)
    as_of = await report(other, shared)
    await report(one, {})
    assert sorted(each.names for each in (await api.workers()).values()) == [(), ("shared",)]
    assert max(each.as_of for each in (await api.workers()).values()) > as_of


async def test_a_worker_that_leaves_is_not_waited_for(redis: Redis) -> None:
    one, other = SourceReports(redis, KEYS), SourceReports(redis, KEYS)
    await report(one, {"a": unasked("a", "x")})
    await report(other, {})
    await one.leave()
    assert [each.names for each in (await other.workers()).values()] == [()]


async def test_reports_are_wanted_since_a_time(redis: Redis) -> None:
    reports = SourceReports(redis, KEYS)
    before = await reports.wanted()
    assert before.report_since == 0
    await reports.ask_for_reports(before.now)
    wanted = await reports.wanted()
    assert wanted.report_since == before.now < wanted.now
    assert not wanted.servers, "a name that is looked for makes workers ask no server"
    assert 0 < await redis.ttl(KEYS.sources_asked) <= 10
