"""Answers that never change are kept in memory, and sent again before the request reaches the router.

Training jobs read the same tasks over and over, from hundreds of ranks. Routing, parameters and dependencies take ten
times as long as sending the bytes, so a second request of a kind takes none of them. What a URL answers is decided by
the routes alone: an answer is kept only if they called it immutable.
"""

from typing import NamedTuple, TypeAlias

from cachetools import LRUCache
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEPT_BYTES = 64 * 1024 * 1024
LARGEST_BYTES = 8 * 1024 * 1024
"""The largest body that is kept; of a larger one, sending takes nearly all of the time."""

_ENTRY_BYTES = 2048
"""What an answer takes beside its body."""

_LARGEST_KEY = 1024
"""The most characters of a request by which its answer is kept: clients choose them, and the entry has them."""

_STATUSES = (200, 304)
_FIELDS = (b"accept", b"accept-encoding", b"if-none-match")
"""The fields of a request that decide an answer, beside Range."""

_VARY = frozenset(["", "accept", "accept-encoding"])
"""What the Vary of an answer that is kept may name."""

_Key: TypeAlias = tuple[bytes | None, ...]


class KeptAnswer(NamedTuple):
    """The two messages of an answer, and the route that made it."""

    start: Message
    body: Message
    route: object


class KeptAnswers:
    """Stands in front of an application, and keeps its immutable answers to GET and the 304 in their place.

    Requests with Range, or with a field of the header twice, always go to the router.

    Parameters
    ----------
    app
        The application that answers what is not kept.
    most_bytes
        The size of all kept answers together; those that were used least recently are dropped first.
    """

    def __init__(self, app: ASGIApp, most_bytes: int = KEPT_BYTES) -> None:
        self._app = app
        self._kept: LRUCache[_Key, KeptAnswer] = LRUCache(most_bytes, getsizeof=_size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a kept answer, or pass the request on and keep what is answered."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return await self._app(scope, receive, send)
        fields: dict[bytes, bytes] = dict(scope["headers"])
        if b"range" in fields or len(fields) != len(scope["headers"]):
            return await self._app(scope, receive, send)
        key: _Key = scope["raw_path"], scope["query_string"], *map(fields.get, _FIELDS)
        kept: KeptAnswer | None = self._kept.get(key)
        if kept is None:
            return await self._app(scope, receive, self._recorder(key, scope, send))
        # As the router does: the layers in front count requests by route.
        scope["route"] = kept.route
        # Copies: the layers in front add to the fields of the message itself.
        await send({**kept.start})
        return await send({**kept.body})

    def _recorder(self, key: _Key, scope: Scope, send: Send) -> Send:
        """Return a `send` that also keeps the answer, if it never changes and its body comes in one message."""
        start: Message | None = None
        is_short = sum(len(each or b"") for each in key) <= _LARGEST_KEY

        async def record(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = {**message} if is_short and _never_changes(message) else None
            elif start is not None:
                if not message.get("more_body", False) and len(message["body"]) <= LARGEST_BYTES:
                    self._kept[key] = KeptAnswer(start, message, scope.get("route"))
                start = None
            await send(message)

        return record


def _never_changes(start: Message) -> bool:
    fields: dict[bytes, bytes] = dict(start["headers"])
    vary = {each.strip().lower() for each in fields.get(b"vary", b"").decode("latin-1").split(",")}
    return start["status"] in _STATUSES and b"immutable" in fields.get(b"cache-control", b"") and vary <= _VARY


def _size(answer: KeptAnswer) -> int:
    return _ENTRY_BYTES + len(answer.body["body"])
