"""Run the client's steps: with blocking calls, or with ``await``.

httpx is imported at the first request: that takes longer than reading a task from a warm cache, and on a host with
512 ranks most send no request at all.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from concept_orderings.client.connection import Connection
from concept_orderings.client.steps import Call, Effect, Hear, Listen, Send, Sleep, Steps

if TYPE_CHECKING:
    from concept_orderings.client.transport import AsyncEvents, AsyncHttp, Events, Http

_Result = TypeVar("_Result")


class Blocking:
    """Run steps with blocking calls. Threads may share it, and so may forked processes: each opens connections."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._http: Http | None = None
        self._process = 0

    def __del__(self) -> None:
        # A stream keeps its client: most programs never close one.
        with suppress(Exception):
            self.close()

    def run(self, steps: Steps[_Result]) -> _Result:
        """Run steps to their end, and return their result."""
        heard = _Heard()
        try:
            effect = next(steps)
            while True:
                try:
                    result = self._do(effect, heard)
                except BaseException as error:  # such as Ctrl-C: steps release what they hold
                    effect = steps.throw(error)
                else:
                    effect = steps.send(result)
        except StopIteration as end:
            found: _Result = end.value
            return found
        finally:
            heard.replace(None)

    def close(self) -> None:
        """Close all connections of this process."""
        with self._lock:
            if self._http is not None and self._process == os.getpid():
                self._http.close()
            self._http = None

    def _do(self, effect: Effect, heard: "_Heard") -> Any:
        match effect:
            case Send(request):
                return self._connected().send(request)
            case Listen(request):
                heard.replace(None)
                answer, events = self._connected().listen(request)
                heard.replace(events)
                return answer
            case Hear():
                return None if heard.events is None else heard.events.next()
            case Sleep(seconds):
                return time.sleep(seconds)
            case Call(function):
                return function()

    def _connected(self) -> "Http":
        with self._lock:
            if self._http is None or self._process != os.getpid():
                from concept_orderings.client.transport import Http  # noqa: PLC0415

                # The connections of a parent process are not closed: it still reads from them.
                self._http, self._process = Http(self._connection), os.getpid()
            return self._http


class _Heard:
    """The stream of events that steps listen to, if there is one."""

    def __init__(self) -> None:
        self.events: Events | None = None

    def replace(self, events: "Events | None") -> None:
        if self.events is not None:
            self.events.close()
        self.events = events


class Awaiting:
    """Run steps with ``await``, on asyncio. Functions that may wait for the disk run in a thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._http: AsyncHttp | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, steps: Steps[_Result]) -> _Result:
        """Run steps to their end, and return their result."""
        heard = _AsyncHeard()
        try:
            effect = next(steps)
            while True:
                try:
                    result = await self._do(effect, heard)
                except BaseException as error:  # such as a cancellation: steps release what they hold
                    effect = steps.throw(error)
                else:
                    effect = steps.send(result)
        except StopIteration as end:
            found: _Result = end.value
            return found
        finally:
            await heard.replace(None)

    async def close(self) -> None:
        """Close all connections."""
        if self._http is not None and self._loop is asyncio.get_running_loop():
            await self._http.close()
        self._http = None

    async def _do(self, effect: Effect, heard: "_AsyncHeard") -> Any:
        match effect:
            case Send(request):
                return await self._connected().send(request)
            case Listen(request):
                await heard.replace(None)
                answer, events = await self._connected().listen(request)
                await heard.replace(events)
                return answer
            case Hear():
                return None if heard.events is None else await heard.events.next()
            case Sleep(seconds):
                return await asyncio.sleep(seconds)
            case Call(function):
                return await _in_thread(function)

    def _connected(self) -> "AsyncHttp":
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            from concept_orderings.client.transport import AsyncHttp  # noqa: PLC0415

            # The connections of another `asyncio.run` ended with it.
            self._http, self._loop = AsyncHttp(self._connection), loop
        return self._http


async def _in_thread(function: Callable[[], Any]) -> Any:
    """Call a function in a thread. A task that is cancelled waits for its end, so that steps release what it holds."""
    work = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([work])
        raise


class _AsyncHeard:
    """The stream of events that steps listen to, if there is one."""

    def __init__(self) -> None:
        self.events: AsyncEvents | None = None

    async def replace(self, events: "AsyncEvents | None") -> None:
        if self.events is not None:
            await self.events.close()
        self.events = events
