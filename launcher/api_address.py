"""Check the address of the API: whether its port is free, and whether the service is ready."""

import errno
import http.client
import socket

from launcher.errors import CannotRun

READY_TIMEOUT = 2.0
"""Seconds to wait for an answer to one readiness request."""

LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
"""Hosts that mean "all addresses", and the address at which this machine reaches such a server."""


def find_port(host: str, port: int) -> int:
    """Return the port if the API can listen on it, or a free port if `port` is 0.

    Raises
    ------
    CannotRun
        The port is in use or reserved, or the host is not an address of this machine.
    """
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind, protocol) as probe:
                # The API sets the same options: a connection that is still closing does not block the port.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address[0], port, *address[2:]))
                port = probe.getsockname()[1]
    except OSError as error:
        raise CannotRun(_refusal(host, port, error)) from error
    return port


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use by another program; choose another with --port."
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for the system; choose one above 1023 with --port."
    return f"The API cannot listen on {host}, port {port}: {error.strerror}."


def local_url(host: str, port: int) -> str:
    """Return the URL at which this machine reaches the API."""
    host = LOOPBACK.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_ready(host: str, port: int) -> bool:
    """Return whether the API answers that Redis and a worker are available."""
    connection = http.client.HTTPConnection(LOOPBACK.get(host, host), port, timeout=READY_TIMEOUT)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
