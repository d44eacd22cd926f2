"""Requests over httpx, blocking and awaited. No other module imports httpx."""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx

from concept_orderings.client.connection import Connection
from concept_orderings.client.errors import BadArgument
from concept_orderings.client.steps import Failed, Reply, Request

# Errors of the network, of the protocol, and a body that cannot be unpacked because a part of it is missing.
_BROKEN = (httpx.TransportError, httpx.DecodingError)
# Errors of arguments and of the environment, such as a proxy that is no address, or a host that no name can be.
_NOT_SET_UP = (httpx.InvalidURL, ValueError, OSError)
_NOT_SENT = (httpx.InvalidURL, ValueError)


class Http:
    """Sends requests, and blocks until they are answered."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        try:
            self._client = httpx.Client(**_options(connection))
        except _NOT_SET_UP as error:
            raise _not_set_up(error) from error

    def send(self, request: Request) -> Reply | Failed:
        """Return the answer, received to its end."""
        answer = self._begun(request)
        return answer if isinstance(answer, Failed) else self._received(answer)

    def listen(self, request: Request) -> "tuple[Reply | Failed, Events | None]":
        """Return the head of the answer, and its events; the whole answer if it has none."""
        answer = self._begun(request)
        if isinstance(answer, Failed):
            return answer, None
        return (
            (_head(answer), Events(answer, self._connection)) if _is_stream(answer) else (self._received(answer), None)
        )

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _begun(self, request: Request) -> httpx.Response | Failed:
        try:
            return self._client.send(_built(self._client, self._connection, request), stream=True)
        except _BROKEN as error:
            return _failed(error, self._connection)
        except _NOT_SENT as error:
            raise _not_sent(error, self._connection, request) from error

    def _received(self, answer: httpx.Response) -> Reply | Failed:
        assert isinstance(answer.stream, httpx.SyncByteStream)
        answer.stream = _Paced(answer.stream, self._connection)
        try:
            answer.read()
            return _reply(answer)
        except _BROKEN as error:
            return _failed(error, self._connection, answer.num_bytes_downloaded)
        finally:
            answer.close()


class Events:
    """An answer with a stream of events."""

    def __init__(self, answer: httpx.Response, connection: Connection) -> None:
        self._answer = answer
        self._connection = connection
        self._chunks = answer.iter_bytes()

    def next(self) -> bytes | Failed | None:
        """Return the next bytes; None at the end."""
        try:
            return next(self._chunks, None)
        except _BROKEN as error:
            return _failed(error, self._connection)

    def close(self) -> None:
        """Leave the rest of it."""
        self._answer.close()


class AsyncHttp:
    """Sends requests, and awaits the answers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        try:
            self._client = httpx.AsyncClient(**_options(connection))
        except _NOT_SET_UP as error:
            raise _not_set_up(error) from error

    async def send(self, request: Request) -> Reply | Failed:
        """Return the answer, received to its end."""
        answer = await self._begun(request)
        return answer if isinstance(answer, Failed) else await self._received(answer)

    async def listen(self, request: Request) -> "tuple[Reply | Failed, AsyncEvents | None]":
        """Return the head of the answer, and its events; the whole answer if it has none."""
        answer = await self._begun(request)
        if isinstance(answer, Failed):
            return answer, None
        if _is_stream(answer):
            return _head(answer), AsyncEvents(answer, self._connection)
        return await self._received(answer), None

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _begun(self, request: Request) -> httpx.Response | Failed:
        try:
            return await self._client.send(_built(self._client, self._connection, request), stream=True)
        except _BROKEN as error:
            return _failed(error, self._connection)
        except _NOT_SENT as error:
            raise _not_sent(error, self._connection, request) from error

    async def _received(self, answer: httpx.Response) -> Reply | Failed:
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        answer.stream = _AsyncPaced(answer.stream, self._connection)
        try:
            await answer.aread()
            return _reply(answer)
        except _BROKEN as error:
            return _failed(error, self._connection, answer.num_bytes_downloaded)
        finally:
            await answer.aclose()


class AsyncEvents:
    """An answer with a stream of events."""

    def __init__(self, answer: httpx.Response, connection: Connection) -> None:
        self._answer = answer
        self._connection = connection
        self._chunks = answer.aiter_bytes()

    async def next(self) -> bytes | Failed | None:
        """Return the next bytes; None at the end."""
        try:
            return await anext(self._chunks, None)
        except _BROKEN as error:
            return _failed(error, self._connection)

    async def close(self) -> None:
        """Leave the rest of it."""
        await self._answer.aclose()


class TooSlow(httpx.TransportError):
    """A body comes in pieces that are never late, and has too few bytes for its time."""


class _Pace:
    """Refuses a body that takes longer than `Connection.timeout` and its bytes at `Connection.min_speed`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._begun = time.monotonic()
        self._received = 0

    def count(self, part: bytes) -> None:
        self._received += len(part)
        spent, allowed = time.monotonic() - self._begun, self._connection.seconds_for(self._received)
        if spent > allowed:
            raise TooSlow(f"too slow, {self._received:,} bytes in {spent:.1f} s")


class _Paced(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, connection: Connection) -> None:
        self._stream = stream
        self._pace = _Pace(connection)

    def __iter__(self) -> Iterator[bytes]:
        for part in self._stream:
            yield part
            self._pace.count(part)

    def close(self) -> None:
        self._stream.close()


class _AsyncPaced(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, connection: Connection) -> None:
        self._stream = stream
        self._pace = _Pace(connection)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part
            self._pace.count(part)

    async def aclose(self) -> None:
        await self._stream.aclose()


def _options(connection: Connection) -> dict[str, Any]:
    # Redirections are followed by the steps, which look where they lead.
    return {"timeout": connection.timeout, "proxy": connection.proxy, "follow_redirects": False}


def _built(http: httpx.Client | httpx.AsyncClient, connection: Connection, request: Request) -> httpx.Request:
    headers = connection.headers(request)
    return http.build_request(request.method, connection.target(request), headers=headers, content=request.content)


def _is_stream(answer: httpx.Response) -> bool:
    return str(answer.headers.get("content-type", "")).startswith("text/event-stream")


def _head(answer: httpx.Response) -> Reply:
    return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, b"")


def _reply(answer: httpx.Response) -> Reply:
    head = _head(answer)
    return Reply(head.status, head.headers, answer.content)


def _not_set_up(error: Exception) -> BadArgument:
    return BadArgument.of(
        f"Connections cannot be set up: {error}. Look at proxy, or at HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, "
        "SSL_CERT_FILE and SSL_CERT_DIR in the environment."
    )


def _not_sent(error: Exception, connection: Connection, request: Request) -> BadArgument:
    return BadArgument.of(f"{connection.shown(request)!r} is no address that a request can be sent to: {error}.")


def _failed(error: Exception, connection: Connection, received: int = 0) -> Failed:
    name = type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return Failed(f"no answer within {connection.timeout:g} s ({name})", received)
    # One that is too slow would be so again: what came of it is no progress.
    return Failed(f"{str(error).rstrip('.') or name} ({name})", 0 if isinstance(error, TooSlow) else received)
