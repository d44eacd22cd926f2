"""The addresses of the API: the sockets that its processes share, one for each process's health, and its URL."""

import errno
import http.client
import socket
from collections.abc import Sequence
from typing import Any, Self

from launcher.errors import CannotRun
from launcher.signs_of_life import Answer, Inherited

READY_TIMEOUT = 2.0
"""Seconds to wait for an answer to one readiness request."""

LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
"""Hosts that mean "all addresses", and the address at which this machine reaches such a server."""


class Listeners:
    """Sockets that are bound to an address, for all processes of the API; a context manager.

    The processes inherit the sockets and listen on them. A connection goes to any process that accepts it, and one that
    comes while a process is started again waits for the others, or for it.

    Parameters
    ----------
    host, port
        The address; port 0 takes a free one.

    Attributes
    ----------
    host : str
        As it was given.
    port : int
        The port.

    Raises
    ------
    CannotRun
        The port is in use or reserved, or the host is not an address of this machine.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._sockets: list[socket.socket] = []
        try:
            for family, kind, protocol, _, address in socket.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            ):
                self._bind(socket.socket(family, kind, protocol), address)
        except OSError as error:
            self.close()
            raise CannotRun(_refusal(host, port, error)) from error

    def _bind(self, new: socket.socket, address: tuple[Any, ...]) -> None:
        self._sockets.append(new)
        # A connection that is still closing does not block the port.
        new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if new.family == socket.AF_INET6:
            new.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        new.bind((address[0], self.port, *address[2:]))
        self.port = new.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What the processes inherit."""
        return tuple(each.fileno() for each in self._sockets)

    @property
    def url(self) -> str:
        """The URL at which this machine reaches the API."""
        host = LOOPBACK.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def close(self) -> None:
        """Close the sockets here; the processes that have them go on."""
        for each in self._sockets:
            each.close()


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use by another program; choose another with --port."
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for the system; choose one above 1023 with --port."
    return f"The API cannot listen on {host}, port {port}: {error.strerror}."


def listening(descriptors: Sequence[int]) -> tuple[str, ...]:
    """Return the arguments with which a process of the API listens on sockets that it inherits."""
    return tuple(part for each in descriptors for part in ("--fd", str(each)))


def is_ready(url: str) -> bool:
    """Return whether the API answers that Redis and a worker are available."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=READY_TIMEOUT)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Health:
    """The health route of one process of the API, on a port of its own: the shared one leads to any process."""

    def __init__(self) -> None:
        self._address: tuple[str, int] | None = None

    def open(self) -> Inherited:
        """Return a new socket for the next process: connections that the last one left behind end with the old one."""
        with socket.socket() as new:
            new.bind(("127.0.0.1", 0))
            self._address = new.getsockname()
            descriptor = new.detach()
        return Inherited(arguments=listening([descriptor]), descriptors=(descriptor,))

    def ask(self, seconds: float) -> Answer:
        """Request the health route; any answer counts, and so does a connection that the process closes."""
        assert self._address is not None
        connection = http.client.HTTPConnection(*self._address, timeout=seconds)
        try:
            connection.request("GET", "/health/live")
            connection.getresponse()
        except TimeoutError:
            return Answer.MISSING
        except ConnectionRefusedError:
            return Answer.NOT_LISTENING
        except (OSError, http.client.HTTPException):
            return Answer.GIVEN
        finally:
            connection.close()
        return Answer.GIVEN
