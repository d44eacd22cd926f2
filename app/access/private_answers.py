"""Answers that only the bearer of a key may have are kept out of shared caches."""

from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection


class PrivateAnswers:
    """Stands in front of an application whose answers need a key, and makes ``public`` answers ``private``.

    A proxy may keep an answer that is called ``public`` and give it to others, also if the request had a key.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def send_private(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    (name, value.replace(b"public", b"private") if name == b"cache-control" else value)
                    for name, value in message["headers"]
                ]
            await send(message)

        await self._app(connection, receive, send_private)
