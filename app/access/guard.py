"""The guard in front of the application: it lets requests pass whose key allows them.

It stands before kept answers too, so it costs little: a look at the file's state, and a look-up by the header's bytes.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from cachetools import LRUCache
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from app.access.keys_file import Key, KeysFile, token_hash
from app.access.scopes import Scope, is_open, needed_scope
from app.errors import RETRY_SECONDS, problem
from concept_orderings.errors import SettingError

_REALM = 'Bearer realm="concept-orderings"'
_KNOWN_HEADERS = 10_000
_LONGEST_HEADER = 256
"""A longer one has no token. Headers are kept, so clients without a key would fill the memory with long ones."""

_SCHEME = b"bearer "

_log = logging.getLogger(__name__)


class Guard:
    """Stands in front of an application, and answers requests that no key allows.

    The application finds the key of a request in ``scope["state"]["key"]``.

    Parameters
    ----------
    app
        The application that answers what is allowed.
    keys
        The file of keys.
    """

    def __init__(self, app: ASGIApp, keys: KeysFile) -> None:
        self._app = app
        self._keys = keys
        self._read: Mapping[str, Key] = {}
        self._by_header: LRUCache[bytes, Key | None] = LRUCache(_KNOWN_HEADERS)

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401 or 403."""
        if connection["type"] != "http" or is_open(connection):
            return await self._app(connection, receive, send)
        try:
            refused = self._refusal(connection)
        except SettingError as error:
            _log.error("%s", error.detail)
            refused = problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "keys_unavailable",
                "The service cannot read its keys, so it refuses all requests; its log says why.",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        return await (refused or self._app)(connection, receive, send)

    def _refusal(self, connection: Connection) -> Response | None:
        """Return the answer to a request that is not allowed; None for one that is, which then has its key."""
        given = [value for name, value in connection["headers"] if name == b"authorization"]
        if not given:
            return _unauthorised("key_needed", "This service needs a key: send it as Authorization: Bearer TOKEN.")
        key = self._key(given[0]) if len(given) == 1 else None
        if key is None:
            detail = "The Authorization header has no key of this service: it is Bearer and the token of a key."
            return _unauthorised("unknown_key", detail, invalid=True)
        if key.is_revoked:
            detail = f"The key {key.name} was revoked; whoever runs this service can make another."
            return _unauthorised("revoked_key", detail, invalid=True)
        if not key.scope.includes(needed := needed_scope(connection)):
            return too_small(key, needed)
        connection.setdefault("state", {})["key"] = key
        return None

    def _key(self, header: bytes) -> Key | None:
        if len(header) > _LONGEST_HEADER:
            return None
        keys = self._keys.by_hash()
        if keys is not self._read:
            self._read = keys
            self._by_header.clear()
        if header not in self._by_header:
            self._by_header[header] = _find(header, keys)
        return self._by_header[header]


def too_small(key: Key, needed: Scope) -> Response:
    """Return the answer to a request that needs a larger scope than its key has."""
    return problem(
        HTTPStatus.FORBIDDEN,
        "scope_too_small",
        f"The key {key.name} has the scope {key.scope}, and this request needs {needed}.",
        headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{needed}"'},
    )


def _find(header: bytes, keys: Mapping[str, Key]) -> Key | None:
    if header[: len(_SCHEME)].lower() != _SCHEME:
        return None
    return keys.get(token_hash(header[len(_SCHEME) :].strip().decode("latin-1")))


def _unauthorised(code: str, detail: str, *, invalid: bool = False) -> Response:
    challenge = f'{_REALM}, error="invalid_token"' if invalid else _REALM
    return problem(HTTPStatus.UNAUTHORIZED, code, detail, headers={"WWW-Authenticate": challenge})
