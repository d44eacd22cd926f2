"""Tell clients apart: by their keys, or else by their addresses.

An address that a proxy names in ``X-Forwarded-For`` counts only if the proxy is named in the settings; otherwise any
client could pass for others.
"""

import hashlib
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from starlette.types import Scope

from app.access.keys_file import Key

_Address: TypeAlias = IPv4Address | IPv6Address

_BITS_OF_A_SITE = 64
"""A site has at least as many IPv6 addresses as the other 64 bits allow, so they count as one client."""


class Clients:
    """Tells clients apart.

    Parameters
    ----------
    trusted_proxies
        Networks, such as ``10.0.0.0/8``: proxies in them say for which address they ask.
    """

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        self._trusted = [ip_network(each) for each in trusted_proxies]

    def client_of(self, connection: Scope) -> str:
        """Return a name of the client: ``key NAME`` if the request has a key, else an address; empty if it has none.

        A client at a Unix socket has no address.

        Parameters
        ----------
        connection
            The ASGI scope of the request.
        """
        key = connection.get("state", {}).get("key")
        if isinstance(key, Key):
            return f"key {key.name}"
        peer = _address((connection.get("client") or ("",))[0])
        if peer is None:
            return ""
        return _site(self._asking(peer, _forwarded(connection)))

    def _asking(self, peer: _Address, forwarded: Sequence[str]) -> _Address:
        """Return the address nearest to the service that is not that of a trusted proxy."""
        found = peer
        for each in reversed(forwarded):
            if not self._is_trusted(found) or (address := _address(each)) is None:
                break
            found = address
        return found

    def _is_trusted(self, address: _Address) -> bool:
        return any(address in each for each in self._trusted)


def mark_of(client: str) -> str:
    """Return what the records of jobs have for a client: 16 hexadecimal digits; empty for a client without a name.

    It is a hash, so that the names of keys and most addresses do not stand in Redis in clear; it hides no secret.
    """
    return hashlib.sha256(client.encode()).hexdigest()[:16] if client else ""


def _forwarded(connection: Scope) -> list[str]:
    lines = [value.decode("latin-1") for name, value in connection["headers"] if name == b"x-forwarded-for"]
    return [each.strip() for line in lines for each in line.split(",")]


def _address(text: str) -> _Address | None:
    """Return an address, which may be followed by a port; None for any other text."""
    host = text[1:].partition("]")[0] if text.startswith("[") else text
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        found = ip_address(host)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _site(address: _Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address.packed, _BITS_OF_A_SITE), strict=False))
