"""The two runners of the client's steps, over httpx: one blocks, one awaits. No other module imports httpx."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar

import httpx

from concept_orderings.client.connection import Connection
from concept_orderings.client.steps import Call, Effect, Failed, Hear, Listen, Reply, Request, Send, Sleep, Steps

_Result = TypeVar("_Result")


class Blocking:
    """Run steps with blocking calls. Threads may share it, and so may forked processes: each opens connections."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._process = 0

    def run(self, steps: Steps[_Result]) -> _Result:
        """Run steps to their end, and return their result."""
        events = _Events()
        try:
            effect = next(steps)
            while True:
                try:
                    result = self._do(effect, events)
                except BaseException as error:  # such as Ctrl-C: steps release what they hold
                    effect = steps.throw(error)
                else:
                    effect = steps.send(result)
        except StopIteration as end:
            found: _Result = end.value
            return found
        finally:
            events.close()

    def close(self) -> None:
        """Close all connections of this process."""
        with self._lock:
            if self._client is not None and self._process == os.getpid():
                self._client.close()
            self._client = None

    def _http(self) -> httpx.Client:
        with self._lock:
            if self._client is None or self._process != os.getpid():
                # The connections of a parent process are not closed: it still reads from them.
                self._client, self._process = httpx.Client(**_options(self._connection)), os.getpid()
            return self._client

    def _do(self, effect: Effect, events: "_Events") -> Any:
        match effect:
            case Send(request):
                return self._send(request)
            case Listen(request):
                return self._listen(request, events)
            case Hear():
                return events.next()
            case Sleep(seconds):
                return time.sleep(seconds)
            case Call(function):
                return function()

    def _send(self, request: Request) -> Reply | Failed:
        try:
            return _reply(self._http().send(_built(self._http(), self._connection, request)))
        except _BROKEN as error:
            return Failed(_reason(error, self._connection))

    def _listen(self, request: Request, events: "_Events") -> Reply | Failed:
        events.close()
        http = self._http()
        try:
            answer = http.send(_built(http, self._connection, request), stream=True)
            if not _is_stream(answer):
                answer.read()
                return _reply(answer)
        except _BROKEN as error:
            return Failed(_reason(error, self._connection))
        events.open(answer, self._connection)
        return _head(answer)


class _Events:
    """The answer with a stream of events that is being read, if there is one."""

    def __init__(self) -> None:
        self._answer: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    def open(self, answer: httpx.Response, connection: Connection) -> None:
        self._answer, self._chunks, self._connection = answer, answer.iter_bytes(), connection

    def next(self) -> bytes | Failed | None:
        try:
            return next(self._chunks, None)
        except _BROKEN as error:
            return Failed(_reason(error, self._connection))

    def close(self) -> None:
        if self._answer is not None:
            self._answer.close()
        self._answer, self._chunks = None, iter(())


class Awaiting:
    """Run steps with ``await``, on asyncio. Functions that may wait for the disk run in a thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client: httpx.AsyncClient | None = None

    async def run(self, steps: Steps[_Result]) -> _Result:
        """Run steps to their end, and return their result."""
        events = _AsyncEvents()
        try:
            effect = next(steps)
            while True:
                try:
                    result = await self._do(effect, events)
                except BaseException as error:  # such as a cancellation: steps release what they hold
                    effect = steps.throw(error)
                else:
                    effect = steps.send(result)
        except StopIteration as end:
            found: _Result = end.value
            return found
        finally:
            await events.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.aclose()
        self._client = None

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(**_options(self._connection))
        return self._client

    async def _do(self, effect: Effect, events: "_AsyncEvents") -> Any:
        match effect:
            case Send(request):
                return await self._send(request)
            case Listen(request):
                return await self._listen(request, events)
            case Hear():
                return await events.next()
            case Sleep(seconds):
                return await asyncio.sleep(seconds)
            case Call(function):
                return await asyncio.to_thread(function)

    async def _send(self, request: Request) -> Reply | Failed:
        try:
            return _reply(await self._http().send(_built(self._http(), self._connection, request)))
        except _BROKEN as error:
            return Failed(_reason(error, self._connection))

    async def _listen(self, request: Request, events: "_AsyncEvents") -> Reply | Failed:
        await events.close()
        http = self._http()
        try:
            answer = await http.send(_built(http, self._connection, request), stream=True)
            if not _is_stream(answer):
                await answer.aread()
                return _reply(answer)
        except _BROKEN as error:
            return Failed(_reason(error, self._connection))
        events.open(answer, self._connection)
        return _head(answer)


class _AsyncEvents:
    """The answer with a stream of events that is being read, if there is one."""

    def __init__(self) -> None:
        self._answer: httpx.Response | None = None

    def open(self, answer: httpx.Response, connection: Connection) -> None:
        self._answer, self._connection = answer, connection
        self._chunks: AsyncIterator[bytes] = answer.aiter_bytes()

    async def next(self) -> bytes | Failed | None:
        if self._answer is None:
            return None
        try:
            return await anext(self._chunks, None)
        except _BROKEN as error:
            return Failed(_reason(error, self._connection))

    async def close(self) -> None:
        if self._answer is not None:
            await self._answer.aclose()
        self._answer = None


# Errors of the network, of the protocol, and a body that cannot be unpacked because a part of it is missing.
_BROKEN = (httpx.TransportError, httpx.DecodingError)


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


def _reason(error: Exception, connection: Connection) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {connection.timeout:g} s ({type(error).__name__})"
    return f"{str(error).rstrip('.') or type(error).__name__} ({type(error).__name__})"
