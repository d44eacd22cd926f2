"""Serve the application with uvicorn, within bounds on connections, and with an answer for each request at the end."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import cast

import uvicorn
from sse_starlette.sse import AppStatus
from starlette.types import ASGIApp

from app.connections import Connections, Limits, most_connections
from app.descriptors import raise_descriptor_limit
from app.log_limit import limit_logs
from app.settings import AppSettings

_READ_SECONDS = 0.5
"""The longest time, after a stop signal, to accept connections and read requests that had reached the system before."""

_TURNS = 3
"""Turns of the event loop that this takes at least: one accepts, one reads, one starts the work."""

_STOP_SECONDS = 2.4
"""The longest time that answers may take after a stop signal; the launcher kills this process after 4 s."""

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
        Sockets that are bound; other processes may listen on the same.
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
        # Clusters send many requests; the error handlers log every error of the service.
        access_log=settings.log_level == "debug",
        server_header=False,
    )
    limit_logs()
    # By itself, sse-starlette would cut streams at the signal, without the last chunk; `end_waits` ends them.
    AppStatus.disable_automatic_graceful_drain()  # type: ignore[no-untyped-call]
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
        now = asyncio.get_running_loop().time
        end = now() + _STOP_SECONDS
        self._end_waits()
        await self._read_what_has_come()
        self.config.timeout_graceful_shutdown = end - now()  # type: ignore[assignment]  # any number will do
        await super().shutdown(sockets)

    async def _read_what_has_come(self) -> None:
        now = asyncio.get_running_loop().time
        end = now() + _READ_SECONDS
        turns = 0
        while turns < _TURNS or (self._connections.any_awaits_its_first_request() and now() < end):
            await asyncio.sleep(0.02)
            turns += 1
