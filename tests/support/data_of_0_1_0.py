"""The data directory that release 0.1.0 left behind when all its processes were killed; see tests/fixtures/0.1.0.

`FACTS` describes its contents, and `unpack` extracts it. `ServedData` runs the current service on it, and
`kill_while_moving` kills that service while it starts.
"""

import contextlib
import json
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil
from redis import Redis
from redis.exceptions import RedisError

from support.keys import KEYS
from support.processes import Process
from support.requests_of_0_1_0 import DEFAULTS, FIXTURE
from support.waiting import until

FACTS: dict[str, Any] = json.loads((FIXTURE / "data.json").read_text(encoding="utf-8"))

_LINE_END = b"\r\n"


def unpack(directory: Path, *, seconds_ago: float = 60.0) -> Path:
    """Write the data directory to `directory`/data, and return it.

    Redis keys expire at a time of the clock. All such times are moved, so that the archive never grows old.

    Parameters
    ----------
    directory
        Where to write; made if it is missing.
    seconds_ago
        How long ago the processes seem to have been killed.
    """
    data = directory / "data"
    with tarfile.open(FIXTURE / "data.tar.xz") as archive:
        archive.extractall(data, filter="tar")
    log = append_only_file(data)
    commands = _parsed(log.read_bytes())
    seconds = time.time() - seconds_ago - FACTS["stopped_at"]
    log.write_bytes(b"".join(_written(_moved(each, seconds)) for each in commands))
    return data


def append_only_file(data: Path) -> Path:
    """Return the file in which Valkey has all the commands that wrote to it."""
    (log,) = (data / "valkey" / "appendonlydir").glob("*.incr.aof")
    return log


def write_before_start(data: Path, *command: bytes) -> None:
    """Add a Redis command to those that Valkey reads at its next start."""
    with append_only_file(data).open("ab") as log:
        log.write(_written(command))


def _parsed(log: bytes) -> Iterator[list[bytes]]:
    """Yield the commands of an append-only file: ``*2 $3 DEL $1 a``, each part on a line of its own."""
    at = 0

    def number() -> int:
        nonlocal at
        end = log.index(_LINE_END, at)
        start, at = at + 1, end + len(_LINE_END)
        return int(log[start:end])

    while at < len(log):
        command = []
        for _ in range(number()):
            size = number()
            command.append(log[at : at + size])
            at += size + len(_LINE_END)
        yield command


def _written(command: Sequence[bytes]) -> bytes:
    parts = [f"*{len(command)}".encode()]
    for each in command:
        parts += [f"${len(each)}".encode(), each]
    return _LINE_END.join(parts) + _LINE_END


def _moved(command: list[bytes], seconds: float) -> list[bytes]:
    """Return a command with its times of expiry, delivery and submission moved; most commands have none."""
    match command:
        case [b"PEXPIREAT", key, time]:
            return [b"PEXPIREAT", key, _later(time, 1000 * seconds)]
        case [*first, b"PXAT", time]:
            return [*first, b"PXAT", _later(time, 1000 * seconds)]
        case [b"XCLAIM", *_]:
            at = command.index(b"TIME") + 1
            return [*command[:at], _later(command[at], 1000 * seconds), *command[at + 1 :]]
        case [b"HSET", *first, b"asked", time]:
            return [b"HSET", *first, b"asked", _later(time, seconds)]
        case [b"ZADD", b"concept-orderings:counting:active", time, identifier]:
            return [b"ZADD", b"concept-orderings:counting:active", _later(time, seconds), identifier]
        case _:
            return command


def _later(time: bytes, by: float) -> bytes:
    return str(int(time) + round(by)).encode()


def kill_while_moving(data: Path, directory: Path, *, moved: int) -> None:
    """Start the current service on a data directory, and kill -9 all its processes once that many jobs are moved.

    The jobs are moved within a fraction of a second, so some more than `moved` may be moved by then, or all.
    """
    process = Process("killed", _serve(data), {}, directory)
    socket = data / "valkey" / "valkey.sock"

    def is_moved() -> bool:
        process.check()
        try:
            with Redis(unix_socket_path=str(socket)) as client:
                return len(client.keys(KEYS.record("job", "*"))) > moved
        except RedisError:
            return False  # Valkey is not up yet

    until(is_moved, f"more than {moved} jobs are moved")
    tree = psutil.Process(process.pid)
    for each in [*tree.children(recursive=True), tree]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()


def _serve(data: Path) -> list[str]:
    return [sys.executable, "-P", "-m", "concept_orderings.cli", "serve", "--port", "0", "--data-dir", str(data)]


class ServedData:
    """The current ``concept-orderings serve`` on a data directory.

    Parameters
    ----------
    data
        The data directory.
    directory
        Where its log goes.
    settings
        Environment variables.
    """

    def __init__(self, data: Path, directory: Path, **settings: str) -> None:
        self.data = data
        self.process = Process("serve", _serve(data), settings, directory)
        until(lambda: "Swagger UI: " in self.process.text() or self.process.check(), "the service is ready")
        url = self.process.text().partition("Swagger UI: ")[2].partition("/docs")[0]
        self.http = httpx.Client(base_url=url, timeout=60.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.http.close()
        self.process.stop()

    def post(self, body: dict[str, Any], *, wait: int = 60) -> httpx.Response:
        """Post a request as 0.1.0 understood it, and wait for its version."""
        if body["ordering"]["kind"] == "similarity":
            body = {**body, "ordering": {**DEFAULTS, **body["ordering"]}}
        return self.http.post("/v1/streams", json=body, headers={"Prefer": f"wait={wait}"})

    def job(self, url: str) -> dict[str, Any]:
        """Return a job."""
        answer = self.http.get(url)
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def finished(self, url: str) -> dict[str, Any]:
        """Return a job once it is over."""

        def over() -> dict[str, Any] | None:
            job = self.job(url)
            return job if job["state"] in ("succeeded", "failed", "cancelled") else None

        # In a fresh checkout the path search is compiled first.
        job = until(over, f"{url} is over", deadline=180.0)
        assert job is not None
        return job
