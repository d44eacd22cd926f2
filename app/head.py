"""HEAD is GET without the body (RFC 9110, 9.3.2), for every route."""

from starlette.types import ASGIApp, Receive, Scope, Send

IS_HEAD = "concept_orderings.head"
"""In the scope of a HEAD request, for a route whose GET does not end by itself."""


class HeadAsGet:
    """Middleware that lets GET routes answer HEAD; the server itself leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", IS_HEAD: True}
        await self._app(scope, receive, send)
