"""Answer HEAD as GET without the body (RFC 9110, 9.3.2), for every route."""

from starlette.types import ASGIApp, Receive, Scope, Send

IS_HEAD = "concept_orderings.head"
"""A key in the scope of a HEAD request, for a route whose GET is an endless stream."""


class HeadAsGet:
    """Middleware that passes a HEAD request to the GET route; the server then leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with HEAD replaced by GET."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            as_get = {**scope, "method": "GET", IS_HEAD: True}
            await self._app(as_get, receive, send)
            scope["route"] = as_get.get("route")
        else:
            await self._app(scope, receive, send)
