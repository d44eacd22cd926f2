"""Redis or Valkey: whether it answers, keeps what it is given, has room, and what waits in its queue."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.embedding_generations import EmbeddingGenerations
from store.format import refusal
from store.queue import Queue, make_docket, open_redis
from store.redis_memory import read_memory
from store.runs import JOB
from store.upgrade.running_0_1_0 import find_running
from worker.doctor.findings import Finding, note, ok, wrong
from worker.settings import WorkerSettings

_MB = 1_000_000
_NEARLY_FULL = 0.9


async def examine_redis(settings: WorkerSettings) -> AsyncIterator[Finding]:
    """Examine the server that the settings name; without one, the Valkey that runs on the data directory."""
    url = redis_url(settings)
    if url is None:
        yield note(
            "Redis",
            f"No Valkey runs on {settings.data_dir.absolute()}, and REDIS_URL is not set.",
            "Start the service (concept-orderings serve), or set REDIS_URL.",
        )
        return
    async with open_redis(url) as redis:
        try:
            info: Any = await redis.info()
            yield ok(
                "Redis", f"{_address(url)} answers: {info.get('server_name', 'redis')} {info.get('redis_version')}."
            )
            for finding in _server(info):
                yield finding
            yield await _format(redis, settings)
            for sentence in (await find_running(redis)).warnings:
                yield note("old programs", sentence, "docs/data.md has the steps of the upgrade.")
            async for finding in _queue(redis, url, settings):
                yield finding
            budget = settings.embedding_cache_mb
            size = await EmbeddingGenerations(redis, settings.keys, budget * _MB).size()
            yield ok("embeddings", f"They take {size // _MB:,} of {budget:,} MB; the oldest give way.")
        except (RedisError, OSError) as error:
            yield wrong(
                "Redis",
                f"{_address(url)} does not answer as it should: {error}.",
                "Start it, or correct REDIS_URL; without it no job is done, and finished versions are served.",
            )


def redis_url(settings: WorkerSettings) -> str | None:
    """Return where Redis is; None if the settings name none and no Valkey runs on the data directory."""
    if "redis_url" in settings.model_fields_set:
        return settings.redis_url
    directory = settings.data_dir.absolute() / "valkey"
    try:
        # A long path has its socket elsewhere, and a note that says where.
        socket = Path((directory / "socket").read_text() or directory / "valkey.sock")
    except OSError:
        socket = directory / "valkey.sock"
    return f"unix://{quote(str(socket))}" if socket.is_socket() else None


def _address(url: str) -> str:
    """Return a URL without its password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _server(info: dict[str, Any]) -> list[Finding]:
    found = list[Finding]()
    if int(info.get("aof_enabled", 0)):
        if info.get("aof_last_write_status", "ok") == "ok":
            found.append(ok("persistence", "Each write is kept in an append-only file."))
        else:
            found.append(
                wrong("persistence", "The last write to the append-only file failed.", "Free some disk space.")
            )
    else:
        found.append(
            wrong("persistence", "There is no append-only file: accepted jobs are lost with it.", "Set appendonly yes.")
        )
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        found.append(wrong("eviction", f"maxmemory-policy is {policy}: jobs may be dropped.", "Set it to noeviction."))
    memory = read_memory(info)
    if memory.most == 0:
        found.append(ok("memory of Redis", f"{memory.used // _MB:,} MB are used; there is no maxmemory."))
        return found
    said = f"{memory.used // _MB:,} of {memory.most // _MB:,} MB (maxmemory) are used."
    if memory.used > memory.most * _NEARLY_FULL:
        advice = "Raise maxmemory: when it is full, no job is accepted. A running worker removes embeddings by itself."
        found.append(wrong("memory of Redis", said, advice))
    else:
        found.append(ok("memory of Redis", said))
    return found


async def _format(redis: Redis, settings: WorkerSettings) -> Finding:
    data: Any = await redis.get(settings.keys.format)
    if data is None:
        return note("format in Redis", "There is none yet: nothing of this release has used it under this namespace.")
    if why := refusal(data, "Redis"):
        return wrong("format in Redis", why, "Use the release that it names, or another namespace.")
    return ok("format in Redis", "The data are of this release's format.")


async def _queue(redis: Redis, url: str, settings: WorkerSettings) -> AsyncIterator[Finding]:
    active = await redis.zcard(settings.keys.active(JOB.name))
    async with make_docket(url, settings.keys.queue(JOB.name)) as docket:
        workers = await Queue(docket).workers()
    if workers:
        yield ok("workers", f"{workers} have reported recently.")
    elif active:
        yield wrong("workers", f"None has reported recently, and {active} jobs wait.", "Start one, or see its log.")
    else:
        yield note("workers", "None has reported recently.", "Start one: concept-orderings worker, or serve.")
    yield ok("queue", f"{active} jobs are queued or running.")
