"""Programs under test as processes, each with its log."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import redis

from launcher import valkey as embedded_valkey
from support.documented import check_documented
from support.waiting import until

ROOT = Path(__file__).parents[2]
OWN_SETTINGS = ("REDIS_URL", "CONCEPT_ORDERINGS_")


class Process:
    """A program that a test starts, stops and kills."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], directory: Path) -> None:
        self.log = directory / f"{name}.{time.monotonic_ns()}.log"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(OWN_SETTINGS)}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**inherited, "PYTHONPATH": str(ROOT), **environment},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def running(self) -> bool:
        return self._process.poll() is None

    def check(self) -> bool:
        """Fail with the log if the program has ended; else return False, so that a wait goes on."""
        assert self.running(), f"{self._process.args!r} ended with {self._process.returncode}:\n{self.text()}"
        return False

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        if self.running():
            self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Send SIGTERM, and return the exit status."""
        if self.running():
            self._process.terminate()
        return self.wait()

    def wait(self, seconds: float = 30.0) -> int:
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running {seconds} s after SIGTERM or a wait:\n{self.text()}") from None


class Valkey:
    """A Valkey on a Unix socket; a durable one keeps its data when it is killed and started again.

    Parameters
    ----------
    durable
        Whether it writes to its directory.
    data
        The directory of another Valkey, which is copied first; only for a durable one.
    """

    def __init__(self, *, durable: bool, data: Path | None = None) -> None:
        # A socket's path may have about 100 bytes only, too few for the test's own directory.
        self._directory = tempfile.TemporaryDirectory(prefix="co-valkey-")
        self.directory = Path(self._directory.name)
        if data is not None:
            shutil.copytree(data, self.directory, dirs_exist_ok=True)
        self.socket = self.directory / "socket"
        options = dict(embedded_valkey.OPTIONS)
        if not durable:
            options |= {"appendonly": "no", "appendfsync": "no"}
        binary = embedded_valkey.program(self.directory, self.socket).command[0]
        self._command = [binary, *(part for key, value in options.items() for part in (f"--{key}", value))]
        self._process: Process | None = None
        self.start()

    @property
    def url(self) -> str:
        return embedded_valkey.url(self.socket)

    @property
    def process(self) -> Process:
        assert self._process is not None
        return self._process

    def start(self) -> None:
        command = [*self._command, "--dir", str(self.directory), "--unixsocket", str(self.socket)]
        self._process = Process("valkey", command, {}, self.directory)
        until(lambda: embedded_valkey.answers(self.socket) or self.process.check(), "Valkey answers")

    def client(self) -> "redis.Redis":
        return redis.Redis.from_url(self.url)

    def keys(self) -> set[bytes]:
        with self.client() as client:
            return set(client.keys("*"))

    def kill(self) -> None:
        self.process.kill()

    def close(self) -> None:
        self.kill()
        self._directory.cleanup()


class Api:
    """``python -m app``, or another program with its arguments, on a free port.

    Parameters
    ----------
    environment
        Its settings.
    directory
        Where its logs go.
    program
        The arguments of Python.
    start
        Whether to start it at once.
    """

    process: Process

    def __init__(
        self,
        environment: Mapping[str, str],
        directory: Path,
        *,
        program: Sequence[str] = ("-m", "app"),
        start: bool = True,
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = environment
        self._directory = directory
        self._program = program
        self.http = httpx.Client(
            base_url=self.url,
            timeout=60.0,
            # Most tests compare digests of documents with entity tags, which those of compressed forms are not.
            headers={"Accept-Encoding": "identity"},
            event_hooks={"response": [check_documented]},
        )
        if start:
            self.start()

    def start(self) -> None:
        command = [sys.executable, *self._program, "--port", str(self.port)]
        self.process = Process("api", command, self._environment, self._directory)
        until(self._answers, "the API answers")

    def _answers(self) -> bool:
        self.process.check()
        try:
            return httpx.get(f"{self.url}/health/live").status_code == 200
        except httpx.TransportError:
            return False

    def close(self) -> None:
        self.http.close()
        self.process.kill()
