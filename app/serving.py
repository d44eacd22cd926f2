"""Serve the application with uvicorn, within bounds on connections, and with an answer for each request at the end."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from app.connections import Connections, Limits, most_connections
from app.descriptors import raise_descriptor_limit
from app.log_limit import limit_logs
from app.settings import AppSettings

_DRAIN_SECONDS = 0.1
"""How long new connections are accepted, and requests read, after a stop signal.

What had reached the system before the signal is then in the process, and gets an answer.
"""

_STOP_SECONDS = 2
"""The longest time that answers may take after a stop signal."""

_log = logging.getLogger("uvicorn.error")


def serve(
    app: ASGIApp,
    settings: AppSettings,
    *,
    host: str,
    port: int,
    end_waits: Callable[[], None],
    sockets: Sequence[socket.socket] | None = None,
) -> bool:
    """Serve until SIGTERM or Ctrl-C; return whether the service could start.

    Parameters
    ----------
    app
        The application.
    settings
        The bounds on connections, and the log level.
    host, port
        Where to listen, unless `sockets` are given.
    end_waits
        Called when the service stops, to end the waits of requests and the streams of events.
    sockets
        Sockets that listen already.
    """
    descriptors = raise_descriptor_limit()
    most, most_refused = most_connections(settings.max_connections, descriptors)
    connections = Connections(
        Limits(
            most=most,
            most_refused=most_refused,
            header_seconds=settings.header_seconds,
            body_seconds=settings.body_seconds,
        )
    )
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        # Its loggers write as all others do, see `store.logs`.
        log_config=None,
        log_level=settings.log_level,
        # uvicorn calls it like a class, with the same arguments.
        http=cast("type[asyncio.Protocol]", connections.protocol),
        # The service has no WebSockets.
        ws="none",
        # Else a client on this machine could name any address as its own.
        proxy_headers=False,
        backlog=min(2048, max(16, descriptors // 8)),
        timeout_graceful_shutdown=_STOP_SECONDS,
        # Clusters send many requests; the error handlers log every error of the service.
        access_log=settings.log_level == "debug",
        server_header=False,
    )
    limit_logs()
    if most < settings.max_connections:
        _log.warning("At most %d connections are served, because the process may open %d files", most, descriptors)
    server = _Server(config, connections, end_waits)
    server.run(sockets=None if sockets is None else list(sockets))
    return server.started


class _Server(uvicorn.Server):
    """uvicorn's server, which also checks connections, and ends waits when it stops."""

    def __init__(self, config: uvicorn.Config, connections: Connections, end_waits: Callable[[], None]) -> None:
        super().__init__(config)
        self._connections = connections
        self._end_waits = end_waits

    async def on_tick(self, counter: int) -> bool:
        """Check the connections each second; uvicorn calls this ten times a second."""
        if counter % 10 == 0:
            self._connections.check(self.server_state.connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer the requests that have come, then stop."""
        self._end_waits()
        await asyncio.sleep(_DRAIN_SECONDS)
        await super().shutdown(sockets)
