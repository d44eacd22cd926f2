"""What a page of another site may not do through the browser of a person who reaches this service.

A browser sends requests for any page that it shows. It says so: in ``Origin`` and ``Sec-Fetch-Site`` (Fetch Metadata).
Other programs send neither, and nothing changes for them.
"""

import ipaddress
from collections.abc import Collection, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from cachetools import LRUCache
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from app.access.listening import is_loopback
from app.errors import problem

_KNOWN_HOSTS = 1000
_LONGEST_HOST = 300
"""No name with a port is longer (RFC 1035); those that were checked are kept."""

_OWN_SITE = ("", "same-origin", "none")
"""Values of Sec-Fetch-Site: no browser, a page of this service, or an address that a person typed."""


class FromOwnPages:
    """Stands in front of an application, and refuses what pages of other sites ask for.

    Parameters
    ----------
    app
        The application that answers the others.
    origins
        Origins whose pages may use the service, such as ``https://lab.example.org``.
    hosts
        Names of this service beside addresses and localhost. A request that arrives on loopback must name one of them:
        else a page whose name is made to point at 127.0.0.1 would be taken for a page of this service.
    only_hosts
        Whether requests that arrive elsewhere must do so too.
    """

    def __init__(
        self, app: ASGIApp, *, origins: Collection[str], hosts: Collection[str], only_hosts: bool = False
    ) -> None:
        self._app = app
        self._origins = frozenset(each.lower() for each in origins)
        self._hosts = frozenset(each.lower() for each in hosts)
        self._only_hosts = only_hosts
        self._known: LRUCache[tuple[bytes, str], bool] = LRUCache(_KNOWN_HOSTS)

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        refused = self._refusal(connection) if connection["type"] == "http" else None
        await (refused or self._app)(connection, receive, send)

    def _refusal(self, connection: Connection) -> Response | None:
        fields: Mapping[bytes, bytes] = dict(connection["headers"])
        host = fields.get(b"host", b"")
        if not self._is_host(host, connection):
            return problem(
                HTTPStatus.MISDIRECTED_REQUEST,
                "unknown_host",
                "This service has another name than the one in the Host field; list it in CONCEPT_ORDERINGS_HOSTS.",
            )
        origin = fields.get(b"origin", b"").decode("latin-1").lower()
        if origin:
            is_own = origin in self._origins or _host_of(origin) == host.decode("latin-1").lower()
        else:
            site = fields.get(b"sec-fetch-site", b"").decode("latin-1")
            is_own = site in _OWN_SITE or _follows_link(connection, fields)
        if is_own:
            return None
        return problem(
            HTTPStatus.FORBIDDEN,
            "other_site",
            "A page of another site asked for this; list its origin in CONCEPT_ORDERINGS_ORIGINS if it may.",
        )

    def _is_host(self, host: bytes, connection: Connection) -> bool:
        arrived_at = (connection.get("server") or ("",))[0]
        if len(host) > _LONGEST_HOST:
            return False
        key = host, arrived_at
        if key not in self._known:
            self._known[key] = self._may_be(_host_name(host.decode("latin-1")), arrived_at)
        return self._known[key]

    def _may_be(self, name: str, arrived_at: str) -> bool:
        # HTTP/1.0 has no Host, and an address cannot be made to point elsewhere.
        if name in self._hosts or name in ("", "localhost") or _is_address(name):
            return True
        return not self._only_hosts and not is_loopback(arrived_at)


def _host_of(origin: str) -> str:
    """Return the host and port of an origin as a Host field has them; empty for ``null`` and anything else."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _host_name(host: str) -> str:
    """Return the name or address in a Host field, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _follows_link(connection: Connection, fields: Mapping[bytes, bytes]) -> bool:
    """Return whether a person follows a link of another site to a page here, which changes nothing."""
    return (
        connection["method"] in ("GET", "HEAD")
        and fields.get(b"sec-fetch-mode") == b"navigate"
        and fields.get(b"sec-fetch-dest") == b"document"
    )
