"""Clients that open connections and send half a request, while others read."""

import http.client
import selectors
import socket
import threading
import time
from types import TracebackType
from typing import Self

HALF_REQUESTS = (
    b"",
    b"GET /health/live HTTP/1.1\r\nHost: a\r\nX-Slow: ",
    b"POST /v1/streams HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{",
)


class HalfOpen:
    """Connections on which half a request was sent; close them after use.

    Parameters
    ----------
    port
        The port of a server on loopback.
    connections
        How many.
    """

    def __init__(self, port: int, connections: int) -> None:
        self._began = time.monotonic()
        self._waiting = selectors.DefaultSelector()
        for number in range(connections):
            opened = socket.create_connection(("127.0.0.1", port))
            opened.sendall(HALF_REQUESTS[number % len(HALF_REQUESTS)])
            opened.setblocking(False)
            self._waiting.register(opened, selectors.EVENT_READ)
        self._opened = time.monotonic()

    def until_closed(self, seconds: float) -> tuple[float, float]:
        """Wait until the server has closed all; return the seconds since the first and since the last was opened."""
        while left := len(self._waiting.get_map()):
            assert time.monotonic() < self._began + seconds, f"{left} connections are open after {seconds} s"
            for key, _ in self._waiting.select(1.0):
                self._read(key.fileobj)
        now = time.monotonic()
        return now - self._began, now - self._opened

    def _read(self, opened: object) -> None:
        assert isinstance(opened, socket.socket)
        try:
            is_open = bool(opened.recv(65536))
        except ConnectionResetError:
            is_open = False
        if not is_open:
            self._waiting.unregister(opened)
            opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for key in list(self._waiting.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._waiting.close()


class Reader:
    """Another client, which reads on a new connection each time until the block ends.

    Attributes
    ----------
    seconds : list of float
        How long each read took.
    statuses : list of int
        The statuses of all answers; 0 for a connection that was refused without one.
    """

    def __init__(self, port: int, path: str = "/health/live") -> None:
        self.seconds: list[float] = []
        self.statuses: list[int] = []
        self._port = port
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def p99(self) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]

    def _run(self) -> None:
        while not self._stop.wait(0.01):
            began = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            try:
                connection.request("GET", self._path)
                answer = connection.getresponse()
                answer.read()
                self.statuses.append(answer.status)
            except ConnectionError:
                self.statuses.append(0)
            finally:
                connection.close()
            self.seconds.append(time.monotonic() - began)
