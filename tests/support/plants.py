"""Pickles that create a file when they are loaded, and the places in Redis that a worker of Docket 0.27 reads."""

import pickle
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import Redis

Plant = Callable[["Redis", str, str, str, bytes], None]
"""Writes a pickle into Redis. Arguments: a client, the queue's name, its task, the key of a task, the pickle."""

FIELDS = ("args", "kwargs", "key", "when", "function", "attempt", "generation", "traceparent")
RUN_FIELDS = (
    *("state", "worker", "started_at", "completed_at", "error", "result_key", "when", "known", "stream_id"),
    *("function", "args", "kwargs", "generation"),
)
PROGRESS_FIELDS = ("current", "total", "message", "updated_at", "generation")
STRIKE_FIELDS = ("value", "direction", "operator", "function", "parameter")

LOADED = {
    *(f"{field} of a message in the stream" for field in ("args", "kwargs")),
    *(f"{field} of a parked task" for field in ("args", "kwargs")),
    "value of a strike",
}
"""The places whose pickles such a worker loads without our codec."""


class _Touch:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self._path,)


def bomb(path: Path, protocol: int = pickle.DEFAULT_PROTOCOL) -> bytes:
    """Return a pickle that creates an empty file when it is loaded."""
    return pickle.dumps(_Touch(path), protocol=protocol)


def plants(dumps: Callable[[object], bytes]) -> Iterator[tuple[str, Plant]]:
    """Yield the name of each place and a function that plants there; `dumps` writes the other, valid values."""
    for field in FIELDS:
        yield f"{field} of a message in the stream", _in_stream(field, dumps)
        yield f"{field} of a parked task", _parked(field, dumps)
    for field in RUN_FIELDS:
        yield f"{field} of a task's record", _in_hash("runs", field, dumps)
    for field in PROGRESS_FIELDS:
        yield f"{field} of a task's progress", _in_hash("progress", field, dumps)
    for field in STRIKE_FIELDS:
        yield f"{field} of a strike", _strike(field, dumps)
    for part in ("known", "stream-id", "leases"):
        yield f"the key {part}", _plain(part)
    yield "a message without any field", _empty
    yield "arguments that are a number", _in_stream("args", dumps, lambda data: dumps(5))
    yield "a time before all time", _in_stream("when", dumps, lambda data: b"0001-01-01T00:00:00")
    yield "a word to cancel", _publish


def message(task: str, key: str, dumps: Callable[[object], bytes], fields: Mapping[str, Any]) -> dict[Any, Any]:
    """Return a task's message as Docket writes it, with other values for some fields."""
    good: dict[str, Any] = {
        "key": key.encode(),
        "when": datetime.now(UTC).isoformat().encode(),
        "function": task.encode(),
        "args": dumps(("unknown", 1)),
        "kwargs": dumps({}),
        "attempt": b"1",
        "generation": b"0",
    }
    return {**good, **fields}


def _in_stream(
    field: str, dumps: Callable[[object], bytes], value: Callable[[bytes], bytes] = lambda data: data
) -> Plant:
    def plant(redis: "Redis", queue: str, task: str, key: str, data: bytes) -> None:
        redis.xadd(f"{queue}:stream", message(task, f"{key}-{field}", dumps, {field: value(data)}))

    return plant


def _parked(field: str, dumps: Callable[[object], bytes]) -> Plant:
    def plant(redis: "Redis", queue: str, task: str, key: str, data: bytes) -> None:
        parked = f"{key}-parked-{field}"
        redis.hset(f"{queue}:{parked}", mapping=message(task, parked, dumps, {field: data}))
        redis.zadd(f"{queue}:queue", {parked: time.time() - 1})

    return plant


def _in_hash(kind: str, field: str, dumps: Callable[[object], bytes]) -> Plant:
    def plant(redis: "Redis", queue: str, task: str, key: str, data: bytes) -> None:
        planted = f"{key}-{kind}-{field}"
        redis.hset(f"{queue}:runs:{planted}", "generation", "1")
        redis.hset(f"{queue}:{kind}:{planted}", mapping={field: data})
        redis.xadd(f"{queue}:stream", message(task, planted, dumps, {"generation": b"1"}))

    return plant


def _strike(field: str, dumps: Callable[[object], bytes]) -> Plant:
    def plant(redis: "Redis", queue: str, task: str, key: str, data: bytes) -> None:
        good: dict[Any, Any] = {
            "direction": b"strike",
            "parameter": b"job",
            "operator": b"==",
            "value": dumps("nothing"),
        }
        redis.xadd(f"{queue}:strikes", {**good, field: data})

    return plant


def _plain(part: str) -> Plant:
    def plant(redis: "Redis", queue: str, task: str, key: str, data: bytes) -> None:
        redis.set(f"{queue}:{part}:{key}", data)

    return plant


def _empty(redis: "Redis", queue: str, task: str, key: str, data: bytes) -> None:
    redis.xadd(f"{queue}:stream", {data: data})


def _publish(redis: "Redis", queue: str, task: str, key: str, data: bytes) -> None:
    redis.publish(f"{queue}:cancel:{key}", data)
