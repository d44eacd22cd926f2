"""Counting through the cache on a real Valkey: each query once, whichever worker, source or server fails."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from concept_orderings.errors import BadParameter, Cancelled, SourceError
from concept_orderings.evidence.counted_since import refreshed_since
from concept_orderings.progress import Phase
from concept_orderings.queries import Query
from store.count_cache import CHUNK, UNUSED_SECONDS, CachedCount, CountCache
from store.queue import open_redis
from support.keys import KEYS
from support.letter_source import LetterSource, queries
from support.processes import Valkey
from support.unreachable import unreachable_redis
from support.waiting import until as wait_until
from worker.evidence.counts.base import Count
from worker.evidence.counts.through_cache import SourceCounts, _seconds, count_through_cache

pytestmark = pytest.mark.anyio

FINGERPRINT = "f" * 64
NAMES = queries(*(f"name {number}" for number in range(35)))
LONG = 30.0


@pytest.fixture
def cache(redis: Redis) -> CountCache:
    return CountCache(redis, KEYS)


def check_right(found: SourceCounts, asked: list[Query], source: LetterSource) -> None:
    assert dict(found.counts) == {query: source.right(query) for query in asked}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while not condition():  # noqa: ASYNC110  # no event announces it
            await asyncio.sleep(0.01)


# ---- the cache


SPELLINGS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=3)
COUNTS = st.builds(CachedCount, st.integers(0, 2**53 - 1), st.booleans(), st.integers(0, 2**40))


def test_any_query_and_any_count(valkey: Valkey) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.dictionaries(SPELLINGS.map(Query.of), COUNTS, max_size=9), SPELLINGS.map(Query.of))
    def check(counts: dict[Query, CachedCount], other: Query) -> None:
        async def run() -> None:
            async with open_redis(valkey.url) as redis:
                await redis.flushall()
                cache = CountCache(redis, KEYS)
                assert await cache.put_many(FINGERPRINT, counts)
                assert await cache.get_many(FINGERPRINT, {*counts, other}) == counts
                assert await cache.get_many("e" * 64, [*counts]) == {}

        asyncio.run(run())

    check()


async def test_entries_of_several_commands(cache: CountCache) -> None:
    many = {query: CachedCount(number, False, 9) for number, query in enumerate(queries(*map(str, range(3 * CHUNK))))}
    await cache.put_many(FINGERPRINT, many)
    assert await cache.get_many(FINGERPRINT, [*many, *NAMES]) == many


async def test_counts_older_than_a_time_are_missing(cache: CountCache) -> None:
    stored = {query: CachedCount(1, False, 100 + number) for number, query in enumerate(NAMES)}
    await cache.put_many(FINGERPRINT, stored)
    assert list(await cache.get_many(FINGERPRINT, NAMES, since=110)) == NAMES[10:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: value[:-1],
        lambda value: value + b"\0",
        lambda value: b"",
        lambda value: bytes([value[0] ^ 1]) + value[1:],
        lambda value: value[:-1] + bytes([value[-1] ^ 128]),
        lambda value: value[:16] + bytes([1 - value[16]]) + value[17:],
        lambda value: bytes(len(value)),
        lambda value: b"\xff" * len(value),
    ],
)
async def test_damaged_entries_are_missing_and_counted_again(
    redis: Redis, cache: CountCache, damage: Callable[[bytes], bytes]
) -> None:
    source = LetterSource()
    await count_through_cache(source, NAMES, cache)
    field = NAMES[3].digest
    value = await redis.hget(KEYS.counts(FINGERPRINT), field)
    assert isinstance(value, bytes)
    await redis.hset(KEYS.counts(FINGERPRINT), field, damage(value))
    source.asked.clear()
    check_right(await count_through_cache(source, NAMES, cache), NAMES, source)
    assert source.asked == [NAMES[3]]
    counted_again = await redis.hget(KEYS.counts(FINGERPRINT), field)
    assert isinstance(counted_again, bytes)
    # Behind the count stands the time.
    assert counted_again[:8] == value[:8]


async def test_a_count_under_another_query_or_source_is_missing(redis: Redis, cache: CountCache) -> None:
    await cache.put_many(FINGERPRINT, {NAMES[0]: CachedCount(7, False, 9)})
    value = await redis.hget(KEYS.counts(FINGERPRINT), NAMES[0].digest)
    await redis.hset(KEYS.counts(FINGERPRINT), NAMES[1].digest, value)
    await redis.hset(KEYS.counts("e" * 64), NAMES[0].digest, value)
    assert set(await cache.get_many(FINGERPRINT, NAMES)) == {NAMES[0]}
    assert await cache.get_many("e" * 64, NAMES) == {}


class RecordedPhases(list[tuple[Phase, int, int]]):
    """A progress report that records its calls, each with the phase."""

    phase = Phase.WAITING

    def enter(self, phase: Phase) -> None:
        self.phase = phase

    def __call__(self, done: int, total: int) -> None:
        self.append((self.phase, done, total))


async def test_counting_begins_once_the_source_has_said_what_it_is(cache: CountCache) -> None:
    source, report = LetterSource(), RecordedPhases()
    source.facts_held = asyncio.Event()
    counting = asyncio.create_task(count_through_cache(source, NAMES, cache, report=report))
    async with asyncio.timeout(30):
        while len(report) < 3:  # noqa: ASYNC110  # reported four times a second
            await asyncio.sleep(0.01)
    assert {phase for phase, _, _ in report} == {Phase.WAITING}
    source.facts_held.set()
    await counting
    assert report[-1] == (Phase.COUNTING, len(NAMES), len(NAMES))


async def test_lost_entries_are_counted_again(redis: Redis, cache: CountCache) -> None:
    source = LetterSource()
    await count_through_cache(source, NAMES, cache)
    await redis.hdel(KEYS.counts(FINGERPRINT), *(name.digest for name in NAMES[5:9]))
    source.asked.clear()
    check_right(await count_through_cache(source, NAMES, cache), NAMES, source)
    assert sorted(source.asked) == sorted(NAMES[5:9])


async def put_string(redis: Redis, key: str) -> None:
    await redis.set(key, b"x")


async def put_list(redis: Redis, key: str) -> None:
    await redis.rpush(key, b"x")


@pytest.mark.parametrize("put", [put_string, put_list])
@pytest.mark.parametrize("key", [KEYS.counts(FINGERPRINT), KEYS.count_claims(FINGERPRINT)])
async def test_a_key_of_another_type_is_replaced(
    redis: Redis, cache: CountCache, key: str, put: Callable[[Redis, str], Awaitable[None]]
) -> None:
    await put(redis, key)
    source = LetterSource()
    check_right(await count_through_cache(source, NAMES, cache), NAMES, source)
    check_right(await count_through_cache(source, NAMES, cache), NAMES, source)
    assert len(source.asked) == len(NAMES)


async def test_counts_expire_with_their_ttl_or_after_half_a_year_without_use(redis: Redis, cache: CountCache) -> None:
    limited, for_ever = KEYS.counts(FINGERPRINT), KEYS.counts("e" * 64)
    await count_through_cache(LetterSource(ttl_seconds=3600), NAMES, cache)
    await count_through_cache(LetterSource(fingerprint="e" * 64), NAMES, cache)
    assert 3500 < await redis.ttl(limited) <= 3600
    assert UNUSED_SECONDS - 100 < await redis.ttl(for_ever) <= UNUSED_SECONDS
    # A look-up extends the life of counts that stay valid, and not of those with a ttl.
    await redis.expire(limited, 1000)
    await redis.expire(for_ever, 1000)
    await count_through_cache(LetterSource(ttl_seconds=3600), NAMES, cache)
    await count_through_cache(LetterSource(fingerprint="e" * 64), NAMES[:1], cache)
    assert 900 < await redis.ttl(limited) <= 1000
    assert UNUSED_SECONDS - 100 < await redis.ttl(for_ever) <= UNUSED_SECONDS


# ---- counting with the cache


async def test_each_query_is_counted_once_ever(cache: CountCache) -> None:
    source = LetterSource()
    first = await count_through_cache(source, NAMES[:20], cache)
    check_right(first, NAMES[:20], source)
    assert (await source.facts(), first.first <= first.last) == (first.facts, True)
    check_right(await count_through_cache(source, NAMES, cache), NAMES, source)
    again = await count_through_cache(source, NAMES[:20], cache)
    assert (dict(again.counts), dict(again.times)) == (dict(first.counts), dict(first.times))
    assert sorted(source.asked) == sorted(NAMES)


async def test_other_tasks_run_between_batches() -> None:
    """Also if the source never waits."""
    source, turns = LetterSource(batch=1), list[int]()

    async def look() -> None:
        while len(source.asked) < len(NAMES):
            turns.append(len(source.asked))
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await count_through_cache(source, NAMES, None)
    await looking
    assert set(range(1, len(NAMES))) <= set(turns)


async def test_without_a_cache_everything_is_counted() -> None:
    source = LetterSource()
    for _ in range(2):
        check_right(await count_through_cache(source, NAMES, None), NAMES, source)
    assert len(source.asked) == 2 * len(NAMES)


async def test_while_redis_is_away_everything_is_counted() -> None:
    source = LetterSource()
    check_right(await count_through_cache(source, NAMES, CountCache(unreachable_redis(), KEYS)), NAMES, source)


async def test_approximate_stays_approximate(cache: CountCache) -> None:
    asked = queries("~about", "exactly")
    for _ in range(2):
        found = await count_through_cache(LetterSource(), asked, cache)
        assert [found.counts[query].approximate for query in asked] == [True, False]


async def test_empty_spellings_count_0_and_are_never_sent(cache: CountCache) -> None:
    source = LetterSource()
    nothing, empty, partly, whole = Query(()), Query.of([""]), Query.of(["", "dog"]), Query.of(["dog"])
    found = await count_through_cache(source, [nothing, empty, partly, whole], cache)
    assert [found.counts[query].value for query in (nothing, empty, partly, whole)] == [0, 0, 3, 3]
    assert source.asked == [whole]


async def test_no_queries_have_no_counts(cache: CountCache) -> None:
    found = await count_through_cache(LetterSource(), [], cache)
    assert (dict(found.counts), found.first) == ({}, found.last)


async def test_counts_older_than_the_ttl_are_counted_again(cache: CountCache) -> None:
    now = int(time.time())
    old = {query: CachedCount(1, False, now - 100) for query in NAMES[:10]}
    new = {query: CachedCount(2, False, now - 10) for query in NAMES[10:]}
    await cache.put_many(FINGERPRINT, {**old, **new})
    source = LetterSource(ttl_seconds=50)
    found = await count_through_cache(source, NAMES, cache)
    assert sorted(source.asked) == sorted(NAMES[:10])
    assert {found.counts[query].value for query in NAMES[10:]} == {2}
    assert found.first < found.last


async def test_a_refresh_counts_older_queries_again_and_only_once(cache: CountCache) -> None:
    source = LetterSource()
    old = {query: CachedCount(1, False, 1_700_000_000) for query in NAMES}
    await cache.put_many(FINGERPRINT, old)
    source.plus = 5
    since = "2024-01-31T12:00:00Z"
    for _ in range(2):
        found = await count_through_cache(source, NAMES, cache, counted_since=since)
        check_right(found, NAMES, source)
        assert found.first >= since
    assert len(source.asked) == len(NAMES)


async def test_a_clock_that_is_behind_still_counts_each_query_once(cache: CountCache) -> None:
    source = LetterSource()
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 30))
    for _ in range(2):
        assert (await count_through_cache(source, NAMES, cache, counted_since=since)).first == since
    assert len(source.asked) == len(NAMES)


async def test_a_refresh_takes_no_count_that_was_asked_before_it(redis: Redis) -> None:
    """Also if the answer comes after it."""
    before, after = LetterSource(batch=50), LetterSource(batch=50)
    put, answer = asyncio.Event(), asyncio.Event()

    async def slowly(asked: Sequence[Query]) -> AsyncIterator[dict[Query, Count]]:
        put.set()
        await answer.wait()
        yield {query: Count(1) for query in asked}

    before.count = slowly  # type: ignore[method-assign]
    counting = asyncio.create_task(count_through_cache(before, NAMES, CountCache(redis, KEYS)))
    await put.wait()
    since, after.plus = refreshed_since(datetime.now(UTC)), 5
    # So that the time of the answer would be late enough.
    await asyncio.to_thread(wait_until, lambda: time.time() > _seconds(since), "the next second has begun")
    refreshing = asyncio.create_task(count_through_cache(after, NAMES, CountCache(redis, KEYS), counted_since=since))
    answer.set()
    found = await refreshing
    check_right(found, NAMES, after)
    assert found.first >= since
    assert (await counting).last < since


async def test_queries_that_were_not_sent_have_no_time_of_counting(cache: CountCache) -> None:
    old = 1_700_000_000
    await cache.put_many(FINGERPRINT, {NAMES[0]: CachedCount(7, False, old)})
    found = await count_through_cache(LetterSource(), [NAMES[0], Query(())], cache)
    assert (found.first, found.last) == ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z")


async def test_a_source_may_say_when_its_counts_were_made(cache: CountCache) -> None:
    source = LetterSource()
    source.counted_at = "2024-01-31T12:00:00Z"
    for since in ("", "2025-01-31T12:00:00Z"):
        found = await count_through_cache(source, NAMES, cache, counted_since=since)
        assert {found.first, found.last, *found.times.values()} == {source.counted_at}
    # They are valid whatever `counted_since` is.
    assert len(source.asked) == len(NAMES)


@pytest.mark.parametrize("since", ["2999-01-01T00:00:00Z", "yesterday", "2024-01-31", "2024-02-31T00:00:00Z"])
async def test_an_invalid_or_future_time_is_refused(cache: CountCache, since: str) -> None:
    source = LetterSource()
    with pytest.raises(BadParameter, match="counted_since"):
        await count_through_cache(source, NAMES, cache, counted_since=since)
    assert source.asked == []


# ---- what goes wrong in between


async def test_counts_before_an_error_are_cached(cache: CountCache) -> None:
    source = LetterSource()
    source.fails_after = 2
    with pytest.raises(SourceError) as caught:
        await count_through_cache(source, NAMES, cache)
    assert (caught.value.code, source.closed) == ("source_unavailable", 1)
    source.fails_after = None
    check_right(await count_through_cache(source, NAMES, cache), NAMES, source)
    assert sorted(source.asked) == sorted(NAMES)


async def test_a_source_that_leaves_out_a_query_is_unavailable(cache: CountCache) -> None:
    source = LetterSource()
    source.forgets = set(NAMES[3:12])
    with pytest.raises(SourceError, match=r"'name .* and 4 more") as caught:
        await count_through_cache(source, NAMES, cache)
    assert caught.value.code == "source_unavailable"
    assert set(await cache.get_many(FINGERPRINT, NAMES)) == {*NAMES} - source.forgets


async def test_counts_of_other_queries_are_ignored(cache: CountCache) -> None:
    source = LetterSource()
    source.adds = {Query.of(["unasked"]): Count(5)}
    check_right(await count_through_cache(source, NAMES, cache), NAMES, source)
    assert await cache.get_many(FINGERPRINT, queries("unasked")) == {}


@pytest.mark.parametrize("value", [-1, 2**53, 1.5, True, "3", None])
async def test_an_impossible_count_is_refused(cache: CountCache, value: object) -> None:
    source = LetterSource(batch=100)
    source.adds = {NAMES[0]: Count(value)}  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="'name 0'") as caught:
        await count_through_cache(source, NAMES, cache)
    assert caught.value.code == "source_damaged"
    assert NAMES[0] not in await cache.get_many(FINGERPRINT, NAMES)


async def test_progress_is_reported_and_never_goes_back(cache: CountCache) -> None:
    source, reports = LetterSource(), list[tuple[int, int]]()
    await count_through_cache(source, NAMES[:7], cache)
    await count_through_cache(source, NAMES, cache, report=lambda done, total: reports.append((done, total)))
    assert reports[0] == (0, 35)
    assert reports[1] == (7, 35)
    assert reports[-1] == (35, 35)
    assert reports == sorted(reports)


async def test_a_report_stops_a_source_that_is_silent(redis: Redis) -> None:
    cache, source = CountCache(redis, KEYS, lease_seconds=LONG), LetterSource()
    source.held = asyncio.Event()

    def report(done: int, total: int) -> None:
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        await count_through_cache(source, NAMES, cache, report=report)
    assert source.closed == 1
    source.held.set()
    # The claims were released, too: the next count does not wait for the lease to end.
    async with asyncio.timeout(LONG / 3):
        check_right(await count_through_cache(source, NAMES, cache), NAMES, source)
    assert sorted(source.asked) == sorted(NAMES)


async def test_a_cancelled_task_releases_its_claims_and_closes_the_source(redis: Redis) -> None:
    cache, source = CountCache(redis, KEYS, lease_seconds=LONG), LetterSource()
    source.held = asyncio.Event()
    task = asyncio.create_task(count_through_cache(source, NAMES, cache))
    await until(lambda: len(source.asked) == 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed == 1
    source.held.set()
    async with asyncio.timeout(LONG / 3):
        check_right(await count_through_cache(source, NAMES, cache), NAMES, source)


@pytest.mark.parametrize("kept", [True, False], ids=["with a cache", "without"])
async def test_counts_from_before_and_after_a_change_are_not_mixed(redis: Redis, kept: bool) -> None:
    cache, source = CountCache(redis, KEYS) if kept else None, LetterSource()
    source.held = asyncio.Event()
    done: list[int] = []
    counting = asyncio.create_task(count_through_cache(source, NAMES, cache, report=lambda n, _: done.append(n)))
    await until(lambda: done[-1:] == [10])
    source.fingerprint, source.plus = "e" * 64, 5
    source.held.set()
    with pytest.raises(SourceError, match="changed while it was counted") as caught:
        await counting
    assert (caught.value.code, source.closed) == ("source_unavailable", 1)
    # The cache has the counts from before the change under the old fingerprint, and none under the new one.
    was = LetterSource()
    found = await CountCache(redis, KEYS).get_many(FINGERPRINT, NAMES)
    assert {query: Count(each.value) for query, each in found.items()} == (
        {query: was.right(query) for query in source.asked[:10]} if kept else {}
    )
    assert await CountCache(redis, KEYS).get_many("e" * 64, NAMES) == {}
    check_right(await count_through_cache(source, NAMES, cache), NAMES, source)


async def test_a_count_larger_than_the_number_of_documents_is_refused(cache: CountCache) -> None:
    source = LetterSource()
    source.documents = max(source.right(query).value for query in NAMES)
    check_right(await count_through_cache(source, NAMES, cache), NAMES, source)
    source.fingerprint, source.documents = "e" * 64, source.documents - 1
    with pytest.raises(SourceError, match="more than its 6 documents contain 'name 10', 'name 11'") as caught:
        await count_through_cache(source, NAMES, cache)
    assert caught.value.code == "source_damaged"
    assert not any(count.value > 6 for count in (await cache.get_many("e" * 64, NAMES)).values())


@pytest.mark.parametrize("kept", [0, 10], ids=["at first", "again"])
async def test_a_report_stops_a_source_that_does_not_say_what_it_is(cache: CountCache, kept: int) -> None:
    source = LetterSource()
    source.facts_held = asyncio.Event()
    if kept:
        source.facts_held.set()
        source.held = asyncio.Event()
    reports: list[int] = []

    def report(done: int, total: int) -> None:
        reports.append(done)
        if done < kept:
            return
        if source.held is not None and not source.held.is_set():
            source.facts_held = asyncio.Event()
            source.held.set()
        elif len(reports) > 3:
            raise Cancelled

    async with asyncio.timeout(LONG):
        with pytest.raises(Cancelled):
            await count_through_cache(source, NAMES, cache, report=report)
    assert len(await cache.get_many(FINGERPRINT, NAMES)) == kept


# ---- several at once


async def test_two_workers_count_the_same_queries_once(redis: Redis) -> None:
    first, second = LetterSource(), LetterSource()
    first.held = asyncio.Event()
    counting = asyncio.create_task(count_through_cache(first, NAMES, CountCache(redis, KEYS, lease_seconds=LONG)))
    await until(lambda: len(first.asked) == 10)
    reports: list[tuple[int, int]] = []
    others = queries("only", "here")
    waiting = asyncio.create_task(
        count_through_cache(
            second,
            [*NAMES, *others],
            CountCache(redis, KEYS, lease_seconds=LONG),
            report=lambda done, total: reports.append((done, total)),
        )
    )
    # It has counted its own queries by then, and found those that the other has stored.
    await until(lambda: (12, 37) in reports)
    first.held.set()
    check_right(await counting, NAMES, first)
    check_right(await waiting, [*NAMES, *others], second)
    assert sorted(first.asked) == sorted(NAMES)
    assert sorted(second.asked) == sorted(others)


async def test_many_at_once_count_everything_once(redis: Redis) -> None:
    sources = [LetterSource(batch=3) for _ in range(8)]
    parts = [NAMES[number : number + 28] for number in range(8)]
    found = await asyncio.gather(
        *(count_through_cache(each, part, CountCache(redis, KEYS)) for each, part in zip(sources, parts, strict=True))
    )
    for source, part, counted in zip(sources, parts, found, strict=True):
        check_right(counted, part, source)
    assert sorted(query for each in sources for query in each.asked) == sorted(NAMES)


async def test_a_waiting_worker_takes_over_what_the_other_failed_to_count(redis: Redis) -> None:
    first, second = LetterSource(), LetterSource()
    first.held, first.fails_after = asyncio.Event(), 2
    counting = asyncio.create_task(count_through_cache(first, NAMES, CountCache(redis, KEYS, lease_seconds=LONG)))
    await until(lambda: len(first.asked) == 10)
    waiting = asyncio.create_task(count_through_cache(second, NAMES, CountCache(redis, KEYS, lease_seconds=LONG)))
    first.held.set()
    with pytest.raises(SourceError):
        await counting
    check_right(await waiting, NAMES, second)
    assert sorted(first.asked + second.asked) == sorted(NAMES)


async def test_claims_of_a_killed_holder_expire(redis: Redis) -> None:
    """Their holder renews no lease, as after kill -9, and the lease expires."""
    lease = 0.4
    dead, source = CountCache(redis, KEYS, lease_seconds=lease), LetterSource()
    async with dead.claims(FINGERPRINT) as claims:
        renewing = next(each for each in asyncio.all_tasks() if "_renew_every" in repr(each.get_coro()))
        renewing.cancel()
        assert await claims.claim(NAMES) == NAMES
        async with CountCache(redis, KEYS).claims(FINGERPRINT) as others:
            assert await others.claim(NAMES) == []
        async with asyncio.timeout(LONG):
            check_right(await count_through_cache(source, NAMES, CountCache(redis, KEYS)), NAMES, source)


async def test_a_lease_is_renewed_while_its_holder_counts(redis: Redis) -> None:
    async with CountCache(redis, KEYS, lease_seconds=3).claims(FINGERPRINT) as claims:
        await claims.claim(NAMES)
        [holder] = await redis.keys(KEYS.claim_holder("*"))
        least = await redis.pttl(holder)

        async def renewed() -> bool:
            nonlocal least
            left = await redis.pttl(holder)
            least, was = min(least, left), least
            return bool(left > was)

        async with asyncio.timeout(LONG):
            while not await renewed():
                pass
    async with CountCache(redis, KEYS).claims(FINGERPRINT) as others:
        assert await others.claim(NAMES) == NAMES


async def test_a_holder_of_claims_can_stop_while_redis_does_not_answer(valkey: Valkey) -> None:
    """Also with a client that waits long for an answer."""
    async with Redis.from_url(valkey.url, socket_timeout=4 * LONG) as redis:
        try:
            async with asyncio.timeout(LONG), CountCache(redis, KEYS, lease_seconds=LONG).claims(FINGERPRINT) as claims:
                await claims.claim(NAMES)
                valkey.process.signal(signal.SIGSTOP)
        finally:
            valkey.process.signal(signal.SIGCONT)
        # Once it answers, the claims are still dropped.
        async with asyncio.timeout(LONG / 3):
            while await redis.keys(KEYS.claim_holder("*")):
                pass


async def test_claims_are_of_one_source(redis: Redis) -> None:
    cache = CountCache(redis, KEYS)
    async with cache.claims(FINGERPRINT) as claims, cache.claims("e" * 64) as others:
        assert await claims.claim(NAMES) == NAMES
        assert await others.claim(NAMES) == NAMES
        assert await claims.claim(NAMES) == NAMES


async def test_a_holder_releases_only_its_own_claims(redis: Redis) -> None:
    cache = CountCache(redis, KEYS)
    async with cache.claims(FINGERPRINT) as claims, cache.claims(FINGERPRINT) as others:
        await claims.claim(NAMES[:5])
        await others.release(NAMES)
        assert await others.claim(NAMES) == NAMES[5:]
        await claims.release(NAMES[:2])
        assert await others.claim(NAMES) == [*NAMES[:2], *NAMES[5:]]


async def test_nothing_is_left_of_claims_when_all_is_counted(redis: Redis, cache: CountCache) -> None:
    await count_through_cache(LetterSource(), NAMES, cache)
    assert await redis.keys("*") == [KEYS.counts(FINGERPRINT).encode()]


async def test_a_full_redis_only_stores_no_counts(redis: Redis) -> None:
    source = LetterSource()
    source.held = asyncio.Event()
    counting = asyncio.create_task(count_through_cache(source, NAMES, CountCache(redis, KEYS)))
    await until(lambda: len(source.asked) == 10)
    await redis.config_set("maxmemory", "1")
    try:
        source.held.set()
        check_right(await counting, NAMES, source)
    finally:
        await redis.config_set("maxmemory", "0")
