"""Connections of clients: how many, and how long one may take to send a request or to read an answer.

uvicorn has no such bounds. So a client that opens thousands of connections, and sends nothing or half a header on each,
would take the place of all others. `Connection` adds the bounds to uvicorn's protocol; `Connections` counts.
"""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, TypeAlias

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.errors import RETRY_SECONDS, problem

_MOST_HEADER_BYTES = 64 * 1024
"""The largest header, and the most that may come between two parts of a body, such as the fields after the last."""

_MOST_PIPELINED = 32
"""Requests that a client may send on a connection before it has the answer to the first."""

_SEND_SECONDS = 60.0
"""How long a client may take none of the bytes that were sent to it."""

_LINGER_SECONDS = 1.0
"""How long a refused connection stays open, so that the client can read why."""

_EVICTABLE_SECONDS = 0.1
"""The age from which a connection without a request gives way to a new one when there are too many."""

_Waiting: TypeAlias = Literal["", "header", "body"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on connections.

    Attributes
    ----------
    most : int
        Connections of this process at once.
    most_refused : int
        Refused connections beside them whose clients get an answer; those over it are closed at once.
    header_seconds : float
        From the beginning of a header, or of a connection, to the end of the header.
    body_seconds : float
        From one byte of a body to the next.
    """

    most: int
    most_refused: int
    header_seconds: float
    body_seconds: float


def most_connections(wanted: int, descriptors: int) -> tuple[int, int]:
    """Return how many connections to serve, and how many refused ones to answer beside them.

    An eighth of the descriptors, and 64, are left for files and Redis, and an eighth for connections that the system
    has accepted and this process has not yet counted.
    """
    return max(16, min(wanted, descriptors * 11 // 16 - 64)), max(8, min(512, descriptors // 16))


class Connections:
    """The connections of this process.

    Parameters
    ----------
    limits
        The bounds on them.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.refused = 0
        self._young: dict[Connection, float] = {}
        """Since when a connection is open; those that have sent a request leave when the oldest is looked for."""

    def protocol(self, **arguments: Any) -> "Connection":
        """Make the protocol of a new connection, with the arguments that uvicorn gives to its own protocol."""
        return Connection(self, **arguments)

    def admit(self, connection: "Connection", now: float) -> bool:
        """Return whether there is room for a new connection; close the oldest without a request if there is none."""
        if len(connection.connections) >= self.limits.most and not self._evict(now):
            _log.warning("%d connections are open, which is the limit; another was refused", self.limits.most)
            return False
        self._young[connection] = now
        return True

    def forget(self, connection: "Connection") -> None:
        """Note that a connection is closed."""
        self._young.pop(connection, None)

    def any_awaits_its_first_request(self) -> bool:
        """Return whether a connection has not sent the header of a request."""
        return any(not each.has_sent_a_request for each in self._young)

    def _evict(self, now: float) -> bool:
        while self._young:
            oldest, since = next(iter(self._young.items()))
            if oldest.has_sent_a_request:
                del self._young[oldest]
                continue
            if now - since < _EVICTABLE_SECONDS:
                return False
            del self._young[oldest]
            oldest.drop()
            return True
        return False

    def check(self, connections: Collection[Any], now: float) -> None:
        """Close those whose client is too slow. Called each second: a timer for each request would slow all reads."""
        for each in list(connections):
            if isinstance(each, Connection):
                each.check(now)


class Connection(HttpToolsProtocol):
    """A connection, as uvicorn's protocol and within bounds.

    What it waits for is read from the state of uvicorn's protocol once a second, so that requests which come in one
    piece take no more time than without bounds.
    """

    def __init__(self, all_connections: Connections, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._all = all_connections
        self._waiting: _Waiting = "header"
        self._waiting_cycle: object = None
        self._since = 0.0
        self._unsent = 0
        self._unsent_since = 0.0
        self._silent_bytes = 0
        self._body_came = False

    @property
    def has_sent_a_request(self) -> bool:
        """Whether the header of a request has come, now or before."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Count a new connection, or refuse it."""
        self._since = self.loop.time()
        if self._all.admit(self, self._since):
            super().connection_made(transport)
        else:
            self.transport = transport
            _Refused.take(transport, self._all, TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._all.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come; refuse a header, and requests in a row, without end."""
        before = self.cycle
        super().data_received(data)
        if self._body_came or self.cycle is not before:
            self._body_came = False
            self._silent_bytes = 0
            if len(self.pipeline) > _MOST_PIPELINED:
                self.drop()
        else:
            self._silent_bytes += len(data)
            if self._silent_bytes > _MOST_HEADER_BYTES:
                self._refuse(HEADER_TOO_LARGE)

    def on_body(self, body: bytes) -> None:
        """Note that a part of a body has come."""
        self._body_came = True
        self._since = self.loop.time()
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP with a problem document, as all errors of this service."""
        self._refuse(NOT_HTTP)

    def check(self, now: float) -> None:
        """Close the connection if its client is too slow."""
        if self._takes_nothing(now):
            return self.drop()
        waiting = self._waits_for()
        if waiting != self._waiting or self.cycle is not self._waiting_cycle:
            self._waiting, self._waiting_cycle, self._since = waiting, self.cycle, now
        elif waiting == "header" and now - self._since >= self._all.limits.header_seconds:
            # Without the beginning of a header there is no request that an answer could be for.
            return self._refuse(HEADER_TOO_SLOW) if self._header_has_begun() else self.drop()
        elif waiting == "body" and now - self._since >= self._all.limits.body_seconds:
            return self._refuse(BODY_TOO_SLOW)
        return None

    def drop(self) -> None:
        """Close the connection without an answer."""
        self.transport.abort()

    def _header_has_begun(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return self.scope is not (None if cycle is None else cycle.scope)

    def _waits_for(self) -> _Waiting:
        """Return what the client must send next; nothing while it waits for an answer, or is idle between requests."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None:
            return "header"
        if cycle.response_complete:
            return "header" if self.timeout_keep_alive_task is None else ""
        # The client cannot send more of a body that is not read, or for which it awaits a 100 (Continue).
        is_due = cycle.more_body and not self.flow.read_paused and not cycle.waiting_for_100_continue
        return "body" if is_due else ""

    def _takes_nothing(self, now: float) -> bool:
        """Return whether the client has taken none of the bytes that wait for it, for too long."""
        unsent, before = self.transport.get_write_buffer_size(), self._unsent
        self._unsent = unsent
        if not unsent or not before or unsent < before:
            self._unsent_since = now
        return now - self._unsent_since >= _SEND_SECONDS

    def _refuse(self, answer: bytes) -> None:
        """End the connection with an answer; the application learns of a disconnection."""
        if self.transport.is_closing() or self.parser is None:
            return
        cycle: RequestResponseCycle | None = self.cycle
        # While an earlier request waits for its answer, the client would take this one for it.
        is_next = cycle is None or cycle.response_complete or (cycle.more_body and not cycle.response_started)
        if self.pipeline or not is_next:
            self.drop()
            return
        self._unset_keepalive_if_required()
        self.connection_lost(ConnectionAbortedError())
        _Refused.take(self.transport, self._all, answer)


class _Refused(asyncio.Protocol):
    """A connection that gets an answer, and is closed when the client has read it, or after a second.

    Closed at once, with bytes of the client not read, the answer would be lost: the system resets the connection.
    """

    def __init__(self, transport: asyncio.Transport, connections: Connections) -> None:
        self._connections = connections
        self._end = asyncio.get_running_loop().call_later(_LINGER_SECONDS, transport.abort)

    @classmethod
    def take(cls, transport: asyncio.Transport, connections: Connections, answer: bytes) -> None:
        """Take over a connection; if too many are refused at once, close it without an answer."""
        if connections.refused >= connections.limits.most_refused:
            transport.abort()
            return
        connections.refused += 1
        transport.set_protocol(cls(transport, connections))
        transport.write(answer)
        transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._end.cancel()
        self._connections.refused -= 1


def _answer(status: HTTPStatus, code: str, detail: str, *, retry: bool = False) -> bytes:
    """Return a problem document as the bytes that a connection ends with."""
    fields = {"Connection": "close", **({"Retry-After": str(RETRY_SECONDS)} if retry else {})}
    answer = problem(status, code, detail, headers=fields)
    head = b"".join(b"%b: %b\r\n" % field for field in answer.raw_headers)
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status, status.phrase.encode(), head, bytes(answer.body))


TOO_MANY = _answer(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "too_many_connections",
    "The service has as many connections as it may; try again after the seconds in Retry-After.",
    retry=True,
)
HEADER_TOO_LARGE = _answer(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "header_too_large",
    f"The header of the request is over the limit of {_MOST_HEADER_BYTES} bytes.",
)
HEADER_TOO_SLOW = _answer(
    HTTPStatus.REQUEST_TIMEOUT, "request_timeout", "The header of the request was not complete in time; send it again."
)
BODY_TOO_SLOW = _answer(
    HTTPStatus.REQUEST_TIMEOUT,
    "request_timeout",
    "No further byte of the body came in time; send the request again.",
)
NOT_HTTP = _answer(
    HTTPStatus.BAD_REQUEST, "not_http", "What came is not a request of HTTP/1.1; its header cannot be read."
)
