"""A proxy in front of a real Elasticsearch, which makes it slow, busy, broken or incomplete.

    with FaultProxy(node.url) as proxy:
        proxy.inject(status(503), times=2)             # the next two searches
        proxy.inject(items(busy, every=3), times=None) # then a third of the results in each response
        ...  # send requests to proxy.url

A fault that changes results also changes their numbers, as a server that lost a shard does: so a client that takes a
partial answer for a whole one has a wrong count.
"""

import asyncio
import gzip
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp import web

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "upgrade"})


@dataclass(frozen=True)
class Answer:
    """A response of the server, unchanged: the body may be compressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        packed = self.headers.get("Content-Encoding") == "gzip"
        return json.loads(gzip.decompress(self.body) if packed else self.body)

    def plain(self, body: bytes) -> "Answer":
        """Return the response with another body, which is not compressed."""
        headers = {name: value for name, value in self.headers.items() if name != "Content-Encoding"}
        return replace(self, headers=headers, body=body)


@dataclass(frozen=True)
class Recorded:
    """A request, and the connection by which it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: tuple[str, int]

    @property
    def text(self) -> str:
        packed = self.headers.get("Content-Encoding") == "gzip"
        return (gzip.decompress(self.body) if packed else self.body).decode()

    @property
    def searches(self) -> list[dict[str, Any]]:
        """The searches of an ``_msearch``, without the header lines."""
        return [json.loads(line) for line in self.text.splitlines()[1::2]]


class Cut(Exception):
    """Ends the connection after a part of a response, or without one."""

    def __init__(self, sent: Answer | None = None) -> None:
        self.sent = sent


Fetch = Callable[[], Awaitable[Answer]]
Fault = Callable[[Fetch], Awaitable[Answer]]
Change = Callable[[dict[str, Any]], dict[str, Any] | None]


def status(code: int, *, headers: Mapping[str, str] | None = None, error: str = "injected") -> Fault:
    """Answer with an error in the form of Elasticsearch, without a request to the server."""
    body = json.dumps({"error": {"type": error, "reason": "as the test wants it"}, "status": code}).encode()
    product = {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch"}
    return says(code, body, {**product, **(headers or {})})


def says(code: int, body: bytes, headers: Mapping[str, str]) -> Fault:
    """Answer with anything, without a request to the server."""

    async def fault(fetch: Fetch) -> Answer:
        return Answer(code, headers, body)

    return fault


def slow(seconds: float) -> Fault:
    """Answer late."""

    async def fault(fetch: Fetch) -> Answer:
        await asyncio.sleep(seconds)
        return await fetch()

    return fault


async def hang(fetch: Fetch) -> Answer:
    """Never answer."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError


async def drop(fetch: Fetch) -> Answer:
    """Close the connection without a response."""
    raise Cut


async def truncated(fetch: Fetch) -> Answer:
    """Close the connection in the middle of the answer."""
    raise Cut(await fetch())


async def broken_json(fetch: Fetch) -> Answer:
    """Answer with a complete response of half of the JSON."""
    answer = await fetch()
    text = json.dumps(answer.json())
    return answer.plain(text[: len(text) // 2].encode())


def items(change: Change, *, every: int = 1) -> Fault:
    """Change the first of every `every` results of an ``_msearch``."""

    async def fault(fetch: Fetch) -> Answer:
        answer = await fetch()
        content = answer.json()
        results = content.get("responses", [])
        content["responses"] = [change(each) if at % every == 0 else each for at, each in enumerate(results)]
        return answer.plain(json.dumps(content).encode())

    return fault


def results(change: Callable[[list[Any]], list[Any]]) -> Fault:
    """Change the list of an ``_msearch``'s results."""

    async def fault(fetch: Fetch) -> Answer:
        answer = await fetch()
        content = answer.json()
        return answer.plain(json.dumps({**content, "responses": change(content.get("responses", []))}).encode())

    return fault


too_few = results(lambda given: given[1:])
too_many = results(lambda given: [*given[:1], *given])


def item_status(code: int, error: str) -> Change:
    """Answer one search with an error, and the others with their results."""
    return lambda item: {"error": {"type": error, "reason": "as the test wants it"}, "status": code}


busy = item_status(429, "es_rejected_execution_exception")
unavailable = item_status(503, "search_phase_execution_exception")


def _fewer(item: dict[str, Any]) -> dict[str, Any]:
    """Halve the number of documents, or make it 1 if it is 0: never the true count."""
    hits = item.get("hits")
    if hits is None:
        return item
    value = hits["total"]["value"]
    return {**item, "hits": {**hits, "total": {**hits["total"], "value": value // 2 if value else 1}}}


def timed_out(item: dict[str, Any]) -> dict[str, Any]:
    return {**_fewer(item), "timed_out": True}


def shard_failed(item: dict[str, Any]) -> dict[str, Any]:
    failures = [{"shard": 1, "reason": {"type": "no_shard_available_action_exception", "reason": None}}]
    return {**_fewer(item), "_shards": {"total": 2, "successful": 1, "skipped": 0, "failed": 1, "failures": failures}}


def shard_lost(item: dict[str, Any]) -> dict[str, Any]:
    """Leave out a shard without reporting that it failed."""
    return {**_fewer(item), "_shards": {"total": 2, "successful": 1, "skipped": 0, "failed": 0}}


def no_shards(item: dict[str, Any]) -> dict[str, Any]:
    return {**_fewer(item), "_shards": {"total": 0, "successful": 0, "skipped": 0, "failed": 0}}


def cluster_skipped(item: dict[str, Any]) -> dict[str, Any]:
    return {**_fewer(item), "_clusters": {"total": 2, "successful": 1, "skipped": 1}}


def ended_early(item: dict[str, Any]) -> dict[str, Any]:
    return {**_fewer(item), "terminated_early": True}


def inexact(item: dict[str, Any]) -> dict[str, Any]:
    fewer = _fewer(item)
    if "hits" not in fewer:
        return item
    return {**fewer, "hits": {**fewer["hits"], "total": {**fewer["hits"]["total"], "relation": "gte"}}}


@dataclass
class _Rule:
    fault: Fault
    path: str
    said: str
    after: int
    times: int | None

    def applies(self, request: Recorded) -> bool:
        """Tell whether the rule applies to a request, and count the request if it does."""
        if self.path not in request.path or self.said not in request.text or self.times == 0:
            return False
        if self.after:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class _State:
    """The state that tests set and read from other threads while the proxy runs."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    rules: list[_Rule] = field(default_factory=list)
    requests: list[Recorded] = field(default_factory=list)
    now: int = 0
    most: int = 0


class FaultProxy:
    """An HTTP proxy on a free port of 127.0.0.1, which runs in its own thread.

    Parameters
    ----------
    upstream : str
        URL of the server behind it.
    delay : float
        Seconds by which each response is delayed.
    tls : ssl.SSLContext, optional
        Context to serve HTTPS; requests to the server behind it use HTTP.

    Attributes
    ----------
    url : str
        Its address.
    """

    def __init__(self, upstream: str, *, delay: float = 0.0, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.delay = delay
        self._upstream = upstream.rstrip("/")
        self._state = _State()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._thread.start()
        self.url = self._run(self._start())

    def inject(
        self, fault: Fault, *, times: int | None = 1, path: str = "_msearch", said: str = "", after: int = 0
    ) -> None:
        """Apply a fault to requests; requests with an earlier fault are not counted.

        Parameters
        ----------
        fault
            The fault.
        times
            The number of requests that get it; None for all.
        path
            Only for requests with this text in their path.
        said
            Only for requests with this text in their body; requests for the facts have no phrase.
        after
            The number of such requests that pass first.
        """
        with self._state.lock:
            self._state.rules.append(_Rule(fault, path, said, after, times))

    def calm(self) -> None:
        """Drop all faults and all noted requests."""
        with self._state.lock:
            self._state.rules.clear()
            self._state.requests.clear()
            self._state.most = self._state.now

    def requests(self, path: str = "_msearch") -> list[Recorded]:
        """Return the requests with a text in their path, in the order in which they came."""
        with self._state.lock:
            return [each for each in self._state.requests if path in each.path]

    @property
    def most_at_once(self) -> int:
        """The most requests at one time."""
        return self._state.most

    @property
    def now(self) -> int:
        """The number of requests that are neither answered nor cancelled by their client."""
        return self._state.now

    def close(self) -> None:
        """Stop the proxy, also while requests hang."""
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> "FaultProxy":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _start(self) -> str:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None)
        )
        application = web.Application(client_max_size=2**30)
        application.router.add_route("*", "/{path:.*}", self._handle)
        # Requests that hang are cancelled with their client, and with the proxy.
        self._runner = web.AppRunner(
            application, auto_decompress=False, handler_cancellation=True, shutdown_timeout=0.01, access_log=None
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        state = self._state
        with state.lock:
            state.now += 1
            state.most = max(state.most, state.now)
            recorded = _recorded(request, body)
            state.requests.append(recorded)
            fault = next((rule.fault for rule in state.rules if rule.applies(recorded)), None)
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
            return await self._answer(request, body, fault)
        finally:
            with state.lock:
                state.now -= 1

    async def _answer(self, request: web.Request, body: bytes, fault: Fault | None) -> web.StreamResponse:
        async def fetch() -> Answer:
            return await self._fetch(request, body)

        try:
            answer = await (fault(fetch) if fault else fetch())
        except Cut as cut:
            return await _cut(request, cut.sent)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def _fetch(self, request: web.Request, body: bytes) -> Answer:
        async with self._session.request(
            request.method, self._upstream + request.path_qs, data=body, headers=_end_to_end(request.headers)
        ) as response:
            return Answer(response.status, _end_to_end(response.headers), await response.read())


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}


def _recorded(request: web.Request, body: bytes) -> Recorded:
    assert request.transport is not None
    return Recorded(
        request.method, request.path, dict(request.headers), body, request.transport.get_extra_info("peername")
    )


async def _cut(request: web.Request, sent: Answer | None) -> web.StreamResponse:
    """End the connection: at once, or after half of a response whose header has the whole length."""
    response = web.StreamResponse()
    if sent is not None:
        response = web.StreamResponse(status=sent.status, headers=sent.headers)
        response.content_length = len(sent.body)
        await response.prepare(request)
        await response.write(sent.body[: len(sent.body) // 2])
    assert request.transport is not None
    request.transport.close()
    return response
