"""A real HTTP server with the documents of a `ScriptedService`, which cuts, delays, packs and redirects its answers.

with LyingServer(service) as server:
    server.lie("/v1/streams/a/versions/1", cut, status(503))   # each of these once, then the truth
"""

import gzip
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self, TypeAlias

from concept_orderings.client.steps import Reply, Request
from support.scripted_service import ScriptedService


class LyingServer:
    """Answers with a service's documents, and first with the lies of a test.

    Attributes
    ----------
    url : str
    seen : list of Request
        What was received, in order.
    connections : set
        The addresses that requests came from.
    end : Event
        Ends the lies that keep silent.
    """

    def __init__(self, service: ScriptedService) -> None:
        self.service = service
        self.seen: list[Request] = []
        self.connections: set[object] = set()
        self.end = threading.Event()
        self.lies: dict[str, list[Lie]] = defaultdict(list)
        self.guard = threading.Lock()
        self._http = _Http(self)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end.set()
        self._http.shutdown()
        self._http.server_close()

    def lie(self, path: str, *lies: "Lie") -> None:
        """Answer the next requests of a path with lies, each once."""
        self.lies[path].extend(lies)

    def paths(self) -> list[str]:
        return [each.path for each in self.seen]


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 600

    def __init__(self, owner: LyingServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), Answering)


class Answering(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: _Http

    def do_GET(self) -> None:
        owner = self.server.owner
        size = int(self.headers.get("content-length", 0))
        headers = {name.title(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(size))
        with owner.guard:
            owner.seen.append(request)
            owner.connections.add(self.client_address)
            lies = owner.lies[self.path]
            lie = lies.pop(0) if lies else None
            reply = owner.service.answer(request)
        if lie is None:
            self.send(reply)
        else:
            lie(self, reply)

    do_POST = do_DELETE = do_GET  # noqa: N815

    def send(self, reply: Reply, length: int | None = None) -> None:
        """Send an answer, which says that it has `length` bytes."""
        self.head(reply.status, {**reply.headers, "content-length": str(length or len(reply.content))})
        self.wfile.write(reply.content)

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()

    def log_message(self, *arguments: object) -> None:
        """Keep the output of tests short."""


Lie: TypeAlias = Callable[[Answering, Reply], None]


def cut(handler: Answering, reply: Reply) -> None:
    """Send half of the body, and die."""
    handler.send(Reply(reply.status, reply.headers, reply.content[: len(reply.content) // 2]), len(reply.content))
    handler.close_connection = True


def half(handler: Answering, reply: Reply) -> None:
    """Send half of the body as if it were the whole."""
    handler.send(Reply(reply.status, reply.headers, reply.content[: len(reply.content) // 2]))


def die(handler: Answering, reply: Reply) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


def keep_silent(handler: Answering, reply: Reply) -> None:
    """Send the head and nothing more."""
    handler.head(200, {"content-length": str(len(reply.content))})
    handler.server.owner.end.wait(60)
    handler.close_connection = True


def drip(handler: Answering, reply: Reply) -> None:
    """Send a byte now and then, and never all."""
    handler.head(200, {"content-length": str(len(reply.content))})
    for i in range(len(reply.content) - 1):
        handler.wfile.write(reply.content[i : i + 1])
        handler.wfile.flush()
        if handler.server.owner.end.wait(0.02):
            break
    handler.close_connection = True


def pack(handler: Answering, reply: Reply) -> None:
    """Send the body compressed, asked or not; the entity tag is that of the packed bytes in a real service."""
    headers = {name: value for name, value in reply.headers.items() if name != "etag"}
    handler.send(Reply(reply.status, {**headers, "content-encoding": "gzip"}, gzip.compress(reply.content)))


def pack_half(handler: Answering, reply: Reply) -> None:
    """Send the first half of the compressed body as if it were the whole."""
    packed = gzip.compress(reply.content)
    handler.send(Reply(reply.status, {"content-encoding": "gzip"}, packed[: len(packed) // 2]))


def status(number: int, **headers: str) -> Lie:
    """Answer with a status; underscores in the names of headers are hyphens."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, reply: handler.send(Reply(number, sent, b""))
