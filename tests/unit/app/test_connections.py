"""Bounds on connections, with real sockets; the time of a check is given, so that no test waits for a deadline."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from app.connections import Connections, Limits, most_connections

LIMITS = Limits(most=100, most_refused=100, header_seconds=10.0, body_seconds=20.0)
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Server:
    """A server in this event loop whose application answers a request once its body has come and `answers` is set."""

    def __init__(self, limits: Limits) -> None:
        self.connections = Connections(limits)
        self.state = ServerState()
        self.answers = asyncio.Event()
        self.answers.set()
        self.reads = asyncio.Event()
        self.reads.set()
        self.answer = b"done"
        self.disconnected = 0
        config = uvicorn.Config(self.application, interface="asgi3", ws="none", log_config=None)
        config.load()
        self._make = lambda: self.connections.protocol(config=config, server_state=self.state, app_state={})

    async def application(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.reads.wait()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnected += 1
                return
            if not message["more_body"]:
                break
        await self.answers.wait()
        length = str(len(self.answer)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": self.answer})

    async def start(self) -> asyncio.Server:
        self._server = await asyncio.get_running_loop().create_server(self._make, "127.0.0.1", 0)
        return self._server

    async def open(self) -> "Client":
        return Client(*await asyncio.open_connection(*self._server.sockets[0].getsockname()))

    async def connect(self, sent: bytes) -> "Client":
        """Open a connection that the server accepts, and send some bytes that it reads."""
        before = len(self.state.connections)
        client = await self.open()
        await until(lambda: len(self.state.connections) > before)
        await client.send(sent)
        return client

    def check(self, after: float) -> None:
        self.connections.check(self.state.connections, asyncio.get_running_loop().time() + after)


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def settle(self) -> None:
        """Let the server read what was sent: it runs in the same event loop."""
        for _ in range(10):
            await asyncio.sleep(0.0005)

    async def send(self, sent: bytes) -> None:
        self.writer.write(sent)
        await self.settle()

    async def answer(self) -> bytes:
        """Return what comes until the server closes the connection."""
        try:
            return await asyncio.wait_for(self.reader.read(), 5)
        except ConnectionResetError:
            return b""

    async def is_open(self) -> bool:
        await self.settle()
        return not self.reader.at_eof() and self.reader.exception() is None


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # nothing signals it
            await asyncio.sleep(0.001)


@asynccontextmanager
async def serving(limits: Limits = LIMITS) -> AsyncIterator[Server]:
    server = Server(limits)
    listening = await server.start()
    try:
        yield server
    finally:
        server.answers.set()
        server.reads.set()
        listening.close()
        for each in list(server.state.connections):
            each.transport.abort()
        await until(lambda: not server.state.connections and not server.connections.refused)
        await listening.wait_closed()


def run(test: Callable[[Server], Awaitable[None]], limits: Limits = LIMITS) -> None:
    async def inside() -> None:
        async with serving(limits) as server:
            await test(server)

    asyncio.run(inside())
    gc.collect()


def code_of(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(body)["code"]


def test_a_header_that_is_not_complete_in_time_is_answered_with_408() -> None:
    async def test(server: Server) -> None:
        slow = await server.connect(GET[:-2])
        server.check(after=9)
        assert await slow.is_open()
        server.check(after=11)
        assert code_of(await slow.answer()) == (408, "request_timeout")

    run(test)


def test_bytes_of_a_header_do_not_put_off_its_deadline() -> None:
    async def test(server: Server) -> None:
        slow = await server.connect(GET[:-2])
        for after in range(0, 10, 3):
            server.check(after)
            await slow.send(b"X: 1\r\n")
        server.check(after=11)
        assert code_of(await slow.answer()) == (408, "request_timeout")

    run(test)


def test_a_connection_that_sends_nothing_is_closed_without_an_answer() -> None:
    async def test(server: Server) -> None:
        silent = await server.connect(b"")
        server.check(after=11)
        assert await silent.answer() == b""

    run(test)


def test_the_header_of_a_second_request_has_a_deadline_of_its_own() -> None:
    async def test(server: Server) -> None:
        slow = await server.connect(GET)
        server.check(after=1)
        await slow.send(GET[:-2])
        server.check(after=30)
        assert await slow.is_open(), "the time counts from the first check that finds the header begun"
        server.check(after=41)
        answer = await slow.answer()
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"HTTP/1.1 408" in answer

    run(test)


def test_a_body_whose_next_byte_does_not_come_is_answered_with_408_and_the_application_learns_of_it() -> None:
    async def test(server: Server) -> None:
        slow = await server.connect(POST + b"12345")
        server.check(after=0)
        server.check(after=19)
        assert await slow.is_open()
        server.check(after=21)
        assert code_of(await slow.answer()) == (408, "request_timeout")
        await until(lambda: server.disconnected == 1)

    run(test)


def test_a_byte_of_a_body_puts_off_its_deadline() -> None:
    async def test(server: Server) -> None:
        slow = await server.connect(POST + b"12345")
        loop = asyncio.get_running_loop()
        (connection,) = server.state.connections
        server.check(after=0)
        connection.loop = _Later(loop, 15.0)  # type: ignore[assignment]
        await slow.send(b"6")
        server.check(after=21)
        assert await slow.is_open()
        connection.loop = loop
        await slow.send(b"7890")
        assert (await slow.reader.readline()).startswith(b"HTTP/1.1 200")

    run(test)


class _Later:
    """An event loop whose time is some seconds ahead."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds

    def time(self) -> float:
        return self._loop.time() + self._seconds

    def __getattr__(self, name: str) -> object:
        return getattr(self._loop, name)


@pytest.mark.parametrize("sent", [POST + b"1234567890", GET])
def test_waiting_for_an_answer_has_no_deadline(sent: bytes) -> None:
    async def test(server: Server) -> None:
        server.answers.clear()
        waiting = await server.connect(sent)
        for after in (0, 100, 1000):
            server.check(after)
        assert await waiting.is_open()
        server.answers.set()
        assert (await waiting.reader.readline()).startswith(b"HTTP/1.1 200")

    run(test)


def test_an_idle_connection_between_requests_is_not_cut() -> None:
    async def test(server: Server) -> None:
        idle = await server.connect(GET)
        for after in (0, 100, 1000):
            server.check(after)
        assert await idle.is_open()

    run(test)


def test_a_body_that_the_application_does_not_read_is_not_cut() -> None:
    async def test(server: Server) -> None:
        server.reads.clear()
        body = bytes(100_000)
        waiting = await server.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + body)
        expecting = await server.connect(POST.replace(b"Host", b"Expect: 100-continue\r\nHost"))
        for after in (0, 100, 1000):
            server.check(after)
        assert await waiting.is_open()
        assert await expecting.is_open()
        server.reads.set()
        await waiting.send(body)
        assert (await waiting.reader.readline()).startswith(b"HTTP/1.1 200")
        assert (await expecting.reader.readline()).startswith(b"HTTP/1.1 100")

    run(test)


def test_a_client_that_takes_nothing_of_an_answer_is_cut() -> None:
    async def test(server: Server) -> None:
        server.answer = bytes(64_000_000)
        lazy = await server.connect(GET)
        lazy.writer.transport.pause_reading()  # type: ignore[attr-defined]
        server.check(after=0)
        server.check(after=59)
        assert len(server.state.connections) == 1
        server.check(after=61)
        await until(lambda: not server.state.connections)

    run(test)


def test_a_header_without_end_is_refused() -> None:
    async def test(server: Server) -> None:
        endless = await server.connect(b"GET / HTTP/1.1\r\n")
        for _ in range(8):
            await endless.send(b"X: " + b"a" * 10_000 + b"\r\n")
        assert code_of(await endless.answer()) == (431, "header_too_large")

    run(test)


def test_large_bodies_and_many_requests_in_a_row_are_not_taken_for_a_header_without_end() -> None:
    async def test(server: Server) -> None:
        client = await server.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(10):
            await client.send(bytes(100_000))
        assert (await client.reader.readline()).startswith(b"HTTP/1.1 200")
        await client.reader.readuntil(b"done")
        long = GET[:-2] + b"X: " + b"a" * 10_000 + b"\r\n\r\n"
        for _ in range(20):
            await client.send(long)
            assert (await client.reader.readline()).startswith(b"HTTP/1.1 200")
            await client.reader.readuntil(b"done")

    run(test)


def test_requests_in_a_row_without_end_are_cut() -> None:
    async def test(server: Server) -> None:
        server.answers.clear()
        impatient = await server.connect(GET * 1000)
        assert await impatient.answer() == b""

    run(test)


def test_what_is_not_http_gets_a_problem_document() -> None:
    async def test(server: Server) -> None:
        assert code_of(await (await server.connect(b"nonsense\r\n\r\n")).answer()) == (400, "not_http")
        damaged = await server.connect(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\nno size\r\n"
        )
        assert code_of(await damaged.answer()) == (400, "not_http")
        await until(lambda: server.disconnected == 1)

    run(test)


def test_nonsense_after_a_request_is_not_answered_in_its_place() -> None:
    async def test(server: Server) -> None:
        server.answers.clear()
        client = await server.connect(GET + b"nonsense\r\n\r\n")
        assert await client.answer() == b""

    run(test)


def test_over_the_limit_a_connection_is_refused_while_the_others_are_served() -> None:
    async def test(server: Server) -> None:
        server.answers.clear()
        served = [await server.connect(GET) for _ in range(3)]
        refused = await server.open()
        await refused.send(GET)
        answer = await refused.answer()
        assert code_of(answer) == (503, "too_many_connections")
        assert b"retry-after: 5" in answer.lower()
        server.answers.set()
        for each in served:
            assert (await each.reader.readline()).startswith(b"HTTP/1.1 200")
        served[0].writer.close()
        await until(lambda: len(server.state.connections) == 2)
        assert (await (await server.connect(GET)).reader.readline()).startswith(b"HTTP/1.1 200")

    run(test, Limits(most=3, most_refused=5, header_seconds=10, body_seconds=20))


def test_beyond_the_refused_ones_that_get_an_answer_connections_are_closed_at_once() -> None:
    async def test(server: Server) -> None:
        server.answers.clear()
        served = await server.connect(GET)
        refused = [await server.open() for _ in range(4)]
        answers = [await each.answer() for each in refused]
        assert await served.is_open()
        assert [bool(each) for each in answers] == [True, True, False, False]

    run(test, Limits(most=1, most_refused=2, header_seconds=10, body_seconds=20))


def test_the_oldest_connection_without_a_request_gives_way_to_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.connections._EVICTABLE_SECONDS", 0.0)

    async def test(server: Server) -> None:
        served = await server.connect(GET)
        await served.reader.readuntil(b"done")
        oldest, other = await server.connect(b""), await server.connect(GET[:9])
        new = await server.open()
        await new.send(GET)
        assert (await new.reader.readline()).startswith(b"HTTP/1.1 200")
        assert await oldest.answer() == b""
        assert await other.is_open()
        assert await served.is_open()

    run(test, Limits(most=3, most_refused=5, header_seconds=10, body_seconds=20))


@pytest.mark.parametrize("descriptors", [64, 256, 1024, 4096, 20_000, 1 << 20])
def test_connections_leave_descriptors_for_files(descriptors: int) -> None:
    most, most_refused = most_connections(10_000, descriptors)
    assert most == min(10_000, max(16, descriptors * 11 // 16 - 64))
    if descriptors > 128:
        # The last eighth is that of connections which the system has accepted.
        assert most + most_refused + descriptors // 8 + 64 <= descriptors
    assert most_connections(20, 1 << 20)[0] == 20
