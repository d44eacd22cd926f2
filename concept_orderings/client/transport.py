"""Requests over httpx, blocking and awaited. No other module imports httpx."""

from typing import Any

import httpx

from concept_orderings.client.connection import Connection
from concept_orderings.client.steps import Failed, Reply, Request

# Errors of the network, of the protocol, and a body that cannot be unpacked because a part of it is missing.
_BROKEN = (httpx.TransportError, httpx.DecodingError)


class Http:
    """Sends requests, and blocks until they are answered."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = httpx.Client(**_options(connection))

    def send(self, request: Request) -> Reply | Failed:
        """Return the answer, received to its end."""
        try:
            return _reply(self._client.send(_built(self._client, self._connection, request)))
        except _BROKEN as error:
            return _failed(error, self._connection)

    def listen(self, request: Request) -> "tuple[Reply | Failed, Events | None]":
        """Return the head of the answer, and its events; the whole answer if it has none."""
        try:
            answer = self._client.send(_built(self._client, self._connection, request), stream=True)
            if _is_stream(answer):
                return _head(answer), Events(answer, self._connection)
            answer.read()
            return _reply(answer), None
        except _BROKEN as error:
            return _failed(error, self._connection), None

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


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
        self._client = httpx.AsyncClient(**_options(connection))

    async def send(self, request: Request) -> Reply | Failed:
        """Return the answer, received to its end."""
        try:
            return _reply(await self._client.send(_built(self._client, self._connection, request)))
        except _BROKEN as error:
            return _failed(error, self._connection)

    async def listen(self, request: Request) -> "tuple[Reply | Failed, AsyncEvents | None]":
        """Return the head of the answer, and its events; the whole answer if it has none."""
        try:
            answer = await self._client.send(_built(self._client, self._connection, request), stream=True)
            if _is_stream(answer):
                return _head(answer), AsyncEvents(answer, self._connection)
            await answer.aread()
            return _reply(answer), None
        except _BROKEN as error:
            return _failed(error, self._connection), None

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


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


def _options(connection: Connection) -> dict[str, Any]:
    # Redirections are followed by the steps, which look where they lead.
    return {"timeout": connection.timeout, "proxy": connection.proxy, "follow_redirects": False}


def _built(http: httpx.Client | httpx.AsyncClient, connection: Connection, request: Request) -> httpx.Request:
    headers = {**connection.headers(), **request.headers}
    return http.build_request(request.method, connection.full(request.path), headers=headers, content=request.content)


def _is_stream(answer: httpx.Response) -> bool:
    return str(answer.headers.get("content-type", "")).startswith("text/event-stream")


def _head(answer: httpx.Response) -> Reply:
    return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, b"")


def _reply(answer: httpx.Response) -> Reply:
    head = _head(answer)
    return Reply(head.status, head.headers, answer.content)


def _failed(error: Exception, connection: Connection) -> Failed:
    name = type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return Failed(f"no answer within {connection.timeout:g} s ({name})")
    return Failed(f"{str(error).rstrip('.') or name} ({name})")
