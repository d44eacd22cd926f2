"""The outermost layer: each request has an id, which its answer repeats, and is counted with its route and status."""

import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from store.figures import count, observe
from store.figures.declared import REQUEST_SECONDS, REQUESTS
from store.request_id import REQUEST_ID

_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
_OTHER = "other"

_FIXED = [(b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"), (b"referrer-policy", b"no-referrer")]
"""Fields of all answers: browsers take them for nothing but what they are, and for no part of another site's page."""


class Observed:
    """Stands in front of everything else.

    The id is the client's, if the request has one in ``X-Request-ID`` (1 to 128 letters, digits, dots, underscores and
    hyphens); else it is a new one. The answer has it in the same field, and ``traceparent`` (W3C Trace Context) as the
    request has it.

    Parameters
    ----------
    app
        The application with all its other layers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it when its answer is complete."""
        if connection["type"] != "http":
            return await self._app(connection, receive, send)
        began = time.perf_counter()
        repeated = _repeated(connection)
        REQUEST_ID.set(repeated[0][1].decode("ascii"))
        # What the server answers by itself if the application fails before its answer begins.
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # A new message: answers that are kept are sent to others too.
                message = {**message, "headers": [*message["headers"], *repeated]}
            await send(message)

        try:
            await self._app(connection, receive, send_with_id)
        finally:
            route = route_of(connection)
            method = connection["method"]
            count(REQUESTS, route, method if method in _METHODS else _OTHER, str(status))
            observe(REQUEST_SECONDS, time.perf_counter() - began, route)


def route_of(connection: Connection) -> str:
    """Return the path of the route that answered a request, with its parameters in braces; ``other`` for any else.

    The router writes it into the connection.
    """
    return getattr(connection.get("route"), "path", _OTHER)


def _repeated(connection: Connection) -> list[tuple[bytes, bytes]]:
    """Return the fields of the answer: the id of the request first."""
    given = trace = b""
    for name, value in connection["headers"]:
        if name == b"x-request-id":
            given = value
        elif name == b"traceparent":
            trace = value
    identifier = given if _ID.fullmatch(given) else secrets.token_hex(16).encode()
    fields = [(b"x-request-id", identifier), *_FIXED]
    if _TRACEPARENT.fullmatch(trace):
        fields.append((b"traceparent", trace))
    return fields
