"""Requests that are not answered when the server stops."""

import asyncio
import logging
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import RETRY_SECONDS, problem

_log = logging.getLogger(__name__)


class AnswersWhenStopped:
    """Answers a request that the server cancels because it stops: a 503 with Retry-After, and no traceback in the log.

    Parameters
    ----------
    app
        The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; answer it if it is cancelled before its answer begins."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        has_begun = False

        async def note(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, note)
        except asyncio.CancelledError:
            if has_begun:
                raise
            # As it came: characters that are decoded might be line breaks.
            path = scope["raw_path"].decode("latin-1")
            _log.warning("%s %s was not answered in time, because the service stops", scope["method"], path)
            await _stopped()(scope, receive, send)
        return None


def _stopped() -> Response:
    # Made for each request, whose id it has.
    return problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "stopping",
        "The service stops, and could not answer in time; try again after the seconds in Retry-After.",
        headers={"Retry-After": str(RETRY_SECONDS), "Connection": "close"},
    )
