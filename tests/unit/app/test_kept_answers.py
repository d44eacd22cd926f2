"""Immutable answers are sent from memory, byte for byte as the router sent them; nothing else is kept."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kept_answers import LARGEST_BYTES, KeptAnswers

IMMUTABLE = ("cache-control", "public, max-age=31536000, immutable")
Fields = Sequence[tuple[str, str]]


class Router:
    """An application that answers each request with the same status, fields and body, and counts the requests."""

    def __init__(self, fields: Fields = (IMMUTABLE,), status: int = 200, bodies: Sequence[bytes] = (b"task",)) -> None:
        self.fields = [(name.encode(), value.encode()) for name, value in fields]
        self.status = status
        self.bodies = bodies
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await send({"type": "http.response.start", "status": self.status, "headers": self.fields})
        for number, body in enumerate(self.bodies, start=1):
            await send({"type": "http.response.body", "body": body, "more_body": number < len(self.bodies)})


def get(answers: ASGIApp, path: str = "/task", fields: Fields = (), method: str = "GET") -> list[Message]:
    """Return the messages that answer a request."""
    messages: list[Message] = []
    raw_path, _, query = path.encode().partition(b"?")
    headers = [(name.encode(), value.encode()) for name, value in fields]
    scope = {"type": "http", "method": method, "raw_path": raw_path, "query_string": query, "headers": headers}

    async def receive() -> Message:
        raise AssertionError("a GET has no body")

    async def send(message: Message) -> None:
        messages.append(message)

    async def ask() -> None:
        await answers(scope, receive, send)

    asyncio.run(ask())
    return messages


@pytest.mark.parametrize("status", [200, 304])
def test_an_immutable_answer_is_sent_again_without_the_router(status: int) -> None:
    router = Router([IMMUTABLE, ("etag", '"1"'), ("vary", "Accept, Accept-Encoding")], status)
    answers = KeptAnswers(router)
    first = get(answers)
    assert (router.asked, first[0]["status"], first[1]["body"]) == (1, status, b"task")
    assert get(answers) == first
    assert router.asked == 1


OTHER_REQUESTS = [
    ("/other", [], "GET"),
    ("/task?v=1", [], "GET"),
    ("/task", [("accept", "text/csv")], "GET"),
    ("/task", [("accept-encoding", "gzip")], "GET"),
    ("/task", [("if-none-match", '"1"')], "GET"),
    ("/task", [("range", "bytes=0-1")], "GET"),
    ("/task", [("accept", "text/csv"), ("accept", "text/html")], "GET"),
    ("/task", [], "HEAD"),
    ("/task", [], "POST"),
]


@pytest.mark.parametrize(("path", "fields", "method"), OTHER_REQUESTS)
def test_another_request_is_answered_by_the_router(path: str, fields: Fields, method: str) -> None:
    router = Router()
    answers = KeptAnswers(router)
    get(answers)
    get(answers, path, fields, method)
    assert router.asked == 2


@pytest.mark.parametrize("fields", [[("range", "bytes=0-1")], [("accept", "text/csv"), ("accept", "text/html")]])
def test_answers_to_ranges_and_to_fields_given_twice_are_not_kept(fields: Fields) -> None:
    router = Router()
    answers = KeptAnswers(router)
    get(answers, fields=fields)
    get(answers, fields=fields)
    assert router.asked == 2


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE"])
def test_answers_to_other_methods_are_not_kept(method: str) -> None:
    router = Router()
    answers = KeptAnswers(router)
    get(answers, method=method)
    get(answers, method=method)
    assert router.asked == 2


@pytest.mark.parametrize(
    "router",
    [
        Router([("cache-control", "public, no-cache")]),
        Router([]),
        Router([IMMUTABLE, ("vary", "Cookie")]),
        Router([IMMUTABLE, ("vary", "*")]),
        Router(status=206),
        Router(status=404),
        Router(bodies=[b"one", b"two"]),
        Router(bodies=[bytes(LARGEST_BYTES + 1)]),
    ],
    ids=["no-cache", "no Cache-Control", "Vary: Cookie", "Vary: *", "206", "404", "two messages", "too large"],
)
def test_other_answers_are_not_kept(router: Router) -> None:
    answers = KeptAnswers(router)
    assert get(answers) == get(answers)
    assert router.asked == 2


def test_the_least_recently_used_answers_are_dropped() -> None:
    router = Router(bodies=[bytes(8000)])
    answers = KeptAnswers(router, most_bytes=25_000)
    for path in ("/a", "/b", "/a", "/c", "/a", "/b"):
        get(answers, path)
    assert router.asked == 4


def test_what_layers_in_front_add_to_an_answer_is_not_kept() -> None:
    lab = "https://lab.example.org"
    answers = KeptAnswers(Router([IMMUTABLE, ("vary", "Accept-Encoding")]))
    browser = CORSMiddleware(answers, allow_origins=[lab])

    for origin in (lab, None, lab, None):
        start, _ = get(browser, fields=[] if origin is None else [("origin", origin)])
        fields = dict(start["headers"])
        assert fields[b"vary"] == b"Accept-Encoding, Origin"
        assert fields.get(b"access-control-allow-origin") == (None if origin is None else lab.encode())
    start, _ = get(answers)
    assert dict(start["headers"])[b"vary"] == b"Accept-Encoding"


@pytest.mark.parametrize("field", ["accept", "if-none-match", "accept-encoding"])
def test_an_answer_to_a_long_request_is_not_kept(field: str) -> None:
    router = Router()
    answers = KeptAnswers(router)
    for text, asked in [("x" * 1000, 1), ("x" * 1000, 1), ("x" * 2000, 2), ("x" * 2000, 3)]:
        get(answers, fields=[(field, text)])
        assert router.asked == asked
