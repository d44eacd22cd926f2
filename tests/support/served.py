"""``concept-orderings serve`` as a user runs it: a supervisor with Valkey, a worker and the API on a data directory."""

import os
import signal
import socket
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from support.processes import Process
from support.waiting import until


class Served:
    """A service that a test starts on a data directory, also more than once.

    Parameters
    ----------
    data
        The data directory.
    logs
        Where the output of the supervisor goes.
    settings
        Environment variables.
    """

    process: Process

    def __init__(self, data: Path, logs: Path, **settings: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.data = data
        self._logs = logs
        self._settings = {"CONCEPT_ORDERINGS_DEVICE": "cpu", **settings}
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            print(self.process.text()[-4000:])
            for log in sorted((self.data / "logs").glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}")
        self.http.close()
        self.stop()

    def start(self) -> Self:
        """Start it; it need not be ready when this returns."""
        arguments = ["-m", "concept_orderings.cli", "serve", "--port", str(self.port), "--data-dir", str(self.data)]
        self.process = Process("serve", [sys.executable, *arguments], self._settings, self._logs)
        return self

    def stop(self) -> int:
        """Send SIGTERM; return the exit status."""
        return self.process.stop()

    def kill(self, name: str) -> None:
        """Kill one of its programs with SIGKILL: api, worker or valkey."""
        os.kill(int((self.data / "run" / f"{name}.lock").read_text()), signal.SIGKILL)

    def status(self, path: str) -> int:
        """Return the status of a GET; 0 while the API does not answer."""
        try:
            return self.http.get(path).status_code
        except httpx.TransportError:
            return 0

    def until_ready(self, *, deadline: float = 60.0) -> None:
        """Wait until jobs can be done."""
        self._until_ok("/health/ready", deadline)

    def until_alive(self, *, deadline: float = 60.0) -> None:
        """Wait until the API answers."""
        self._until_ok("/health/live", deadline)

    def _until_ok(self, path: str, deadline: float) -> None:
        until(lambda: self.status(path) == 200 or self.process.check(), f"{path} is 200", deadline=deadline)

    def post(self, body: object, *, wait: int | None = None) -> httpx.Response:
        """Post a request for a stream."""
        headers = {"Prefer": f"wait={wait}"} if wait is not None else {}
        return self.http.post("/v1/streams", json=body, headers=headers)
