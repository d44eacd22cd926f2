"""Where the service is, and how its answers are waited for: retries, `Retry-After`, redirections."""

import json
import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from random import SystemRandom
from typing import Any
from urllib.parse import urljoin, urlsplit

from concept_orderings.client.errors import BadAnswer, BadArgument, ServiceError, Unavailable
from concept_orderings.client.steps import Failed, Reply, Request, Steps, send, sleep
from concept_orderings.version import __version__

URL_VARIABLE = "CONCEPT_ORDERINGS_URL"
TOKEN_VARIABLE = "CONCEPT_ORDERINGS_TOKEN"
SPEED_VARIABLE = "CONCEPT_ORDERINGS_MIN_SPEED"

DEFAULT_SPEED = 10_000.0
"""The fewest bytes per second."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 20.0
_LONGEST_ASKED = 86_400.0
_AGAIN = frozenset({408, 425, 429, 502, 503, 504})
_MOST_REDIRECTIONS = 5
_FEWEST_TRIES = 3
"""The fewest tries where an answer broke after a part of it, which may have taken longer than the patience."""
_PORTS = {"http": 80, "https": 443}

_log = logging.getLogger("concept_orderings.client")
# Not the generator of the module `random`: a training job has seeded it, and forked ranks would wait alike.
_random = SystemRandom()


@dataclass(frozen=True)
class Connection:
    """How the service is reached.

    Attributes
    ----------
    url : str
        Its address, without a slash at its end.
    token : str
        A bearer token for a proxy in front of the service; empty for none. It is sent to this address alone.
    proxy : str or None
        The address of a proxy; by default that of the environment (``HTTPS_PROXY`` and the like).
    timeout : float
        Seconds that one answer may keep silent.
    patience : float
        Seconds after which the client gives up where the service does not answer, or asks to be tried again.
    min_speed : float
        Bytes per second that an answer has on average, after the first `timeout` seconds; 0 for no limit.
    """

    url: str
    token: str = ""
    proxy: str | None = None
    timeout: float = 30.0
    patience: float = 60.0
    min_speed: float = DEFAULT_SPEED

    @classmethod
    def of(
        cls,
        url: str | None,
        *,
        token: str | None = None,
        proxy: str | None = None,
        timeout: float,
        patience: float,
        min_speed: float | None = None,
    ) -> "Connection":
        """Return a connection; what is not given is taken from the environment.

        Raises
        ------
        BadArgument
            There is no address, or it is none; or another argument cannot be what it is for.
        """
        if not isinstance(url, str | None) or not isinstance(token, str | None) or not isinstance(proxy, str | None):
            raise BadArgument.of("url, token and proxy are strings.")
        given = (url if url is not None else os.environ.get(URL_VARIABLE, "")).rstrip("/")
        if not given:
            raise BadArgument.of(f"Give the address of the service as url, or set {URL_VARIABLE}.")
        try:
            parts = urlsplit(given)
            is_address = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address or parts.query or parts.fragment:
            raise BadArgument.of(f"{given!r} is not the address of a service, such as http://orders:8000.")
        if parts.username is not None or parts.password is not None:
            # It would stand in citations and logs.
            raise BadArgument.of("Leave user and password out of the address; give a bearer token as token.")
        secret = (token if token is not None else os.environ.get(TOKEN_VARIABLE, "")).strip()
        if not (secret.isascii() and secret.isprintable()):
            raise BadArgument.of("The token has characters that no header has: it is printable ASCII.")
        if not _is_number(timeout) or not 0 < timeout < _LONGEST_ASKED:
            raise BadArgument.of(f"timeout is a number of seconds above 0, and not {timeout!r}.")
        if not _is_number(patience) or not patience >= 0:
            raise BadArgument.of(f"patience is a number of seconds from 0, and not {patience!r}.")
        return cls(given, secret, proxy, timeout, patience, _speed(min_speed))

    def seconds_for(self, received: int) -> float:
        """Return how long the first bytes of a body may take.

        A server that sends a byte now and then is never silent for `timeout` seconds.
        """
        return self.timeout + received / self.min_speed if self.min_speed else math.inf

    def headers(self, request: Request) -> dict[str, str]:
        """Return the headers of a request, its own among them; the token is for the service alone."""
        own = {"User-Agent": f"concept-orderings/{__version__}", "Accept-Encoding": "gzip"}
        token = {"Authorization": f"Bearer {self.token}"} if self.token and not request.elsewhere else {}
        return {**own, **token, **request.headers}

    def full(self, path: str) -> str:
        """Return the URL of a path of the service."""
        return self.url + path

    def target(self, request: Request) -> str:
        """Return the URL that a request is sent to."""
        return request.elsewhere or self.full(request.path)

    def shown(self, request: Request) -> str:
        """Return that URL for messages: without the query of another host, which is a key to read there."""
        return request.elsewhere.partition("?")[0] or self.full(request.path)


def exchange(
    connection: Connection,
    request: Request,
    *,
    clock: Callable[[], float] = time.monotonic,
    follow: bool = True,
    elsewhere: bool = False,
) -> Steps[Reply]:
    """Send a request until there is an answer that is not to be tried again.

    Every call of the service may be sent twice: the same request has the same version. With `follow`, redirections on
    the same host are followed; without it, they are returned. Those to another host are refused, unless `elsewhere`
    says that the caller checks the digest of what comes: then one is followed, without the token.

    Raises
    ------
    Unavailable
        The service did not answer, or asked to be tried again, for as long as the connection is patient.
    ServiceError
        It refused the call.
    BadAnswer
        ``redirected``: it redirects to another host, which must not get the token.
    """
    redirections = 0
    while True:
        reply = yield from _until_answered(connection, request, clock)
        redirected = _redirected(connection, request, reply, elsewhere=elsewhere and follow)
        if redirected is None or not follow:
            return accepted(connection, request, reply)
        redirections += 1
        if redirections > _MOST_REDIRECTIONS:
            where = connection.shown(request)
            raise BadAnswer("redirected", f"{where} was redirected more than {_MOST_REDIRECTIONS} times.")
        request = redirected


def _until_answered(connection: Connection, request: Request, clock: Callable[[], float]) -> Steps[Reply]:
    begun, pauses = clock(), Pauses()
    while True:
        answer = yield from send(request)
        if isinstance(answer, Reply) and not may_pass(answer):
            return answer
        pause = pauses.next(answer)
        spent = clock() - begun
        what = f"{request.method} {connection.shown(request)}: {why(answer)}"
        is_broken = isinstance(answer, Failed) and answer.received > 0
        if spent + pause > connection.patience and not (is_broken and pauses.number < _FEWEST_TRIES):
            raise Unavailable(
                "unavailable",
                f"{what}. The client tried {_times(pauses.number)} in {spent:.0f} s; its patience is "
                f"{connection.patience:g} s, and the next try was due in {pause:.1f} s.",
            )
        _log.warning("%s; trying again in %.1f s", what, pause)
        yield from sleep(pause)


class Pauses:
    """The seconds to wait before each further try: doubled each time, half of them by chance, or as the service says.

    Without chance, all ranks of a job would come back at once.
    """

    def __init__(self) -> None:
        self.number = 0

    def next(self, answer: Reply | Failed) -> float:
        """Return the seconds to wait after an answer."""
        longest = min(_FIRST_PAUSE * 2.0**self.number, _LONGEST_PAUSE)
        self.number += 1
        asked = retry_after(answer.headers) if isinstance(answer, Reply) else 0.0
        return max(asked, longest * _random.uniform(0.5, 1.0))


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds of ``Retry-After`` (RFC 9110, 10.2.3), 0 without it, and a day for more than a day.

    A date is compared with the ``Date`` of the same answer: the clock of this machine may be wrong.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _LONGEST_ASKED)
    try:
        then = parsedate_to_datetime(value).timestamp()
        now = parsedate_to_datetime(headers["date"]).timestamp() if "date" in headers else time.time()
    except (TypeError, ValueError, IndexError, OverflowError):
        return 0.0
    return min(max(0.0, then - now), _LONGEST_ASKED)


def decode(reply: Reply, url: str) -> Any:
    """Return the JSON value of an answer.

    Raises
    ------
    BadAnswer
        It is not JSON.
    """
    try:
        return json.loads(reply.content)
    except (ValueError, RecursionError) as error:
        kind = reply.headers.get("content-type", "no type")
        raise BadAnswer(
            "bad_answer",
            f"{url} answered {reply.status} with {len(reply.content)} bytes of {kind[:80]}, which are not JSON. Is it "
            "the address of the service?",
        ) from error


def _redirected(connection: Connection, request: Request, reply: Reply, *, elsewhere: bool) -> Request | None:
    """Return the request to which an answer redirects; None if it does not."""
    location = reply.headers.get("location")
    if reply.status not in (301, 302, 303, 307, 308) or location is None:
        return None
    here = connection.target(request)
    target = urljoin(here, location)
    if _origin(target) == _origin(connection.url) and not request.elsewhere:
        base, path = urlsplit(connection.url).path, urlsplit(target)
        # A redirected POST is sent again as it is: the service redirects only paths with a slash too many.
        return replace(request, path=path.path.removeprefix(base) + (f"?{path.query}" if path.query else ""))
    # A bucket redirects no further, and nothing leaves the protection of TLS.
    is_safe = urlsplit(target).scheme in ("https", urlsplit(connection.url).scheme)
    if elsewhere and request.method == "GET" and not request.elsewhere and is_safe:
        return replace(request, elsewhere=target)
    raise BadAnswer(
        "redirected",
        f"{connection.shown(request)} redirects to {target.partition('?')[0][:200]}, which is another host. The client "
        "does not follow, since it would send its token there; give the right address as url.",
    )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def may_pass(reply: Reply) -> bool:
    """Tell whether the reason of an answer may pass, so that the request is sent again."""
    return reply.status in _AGAIN


def accepted(connection: Connection, request: Request, reply: Reply) -> Reply:
    """Return an answer that is no error.

    Raises
    ------
    ServiceError
    """
    if reply.status < 400:
        return reply
    where = f"{request.method} {connection.shown(request)}"
    try:
        raise ServiceError.of_problem(json.loads(reply.content), reply.status)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        hint = " Give a token." if reply.status in (401, 403, 407) and not connection.token else ""
        raise ServiceError(
            f"http_{reply.status}",
            f"{where} was answered with the status {reply.status} and no problem document of the service.{hint}",
            status=reply.status,
        ) from None


def why(answer: Reply | Failed) -> str:
    """Return why a request is sent again, as the end of a sentence."""
    if isinstance(answer, Failed):
        return answer.reason
    try:
        problem = json.loads(answer.content)
        said = f" [{problem['code']}] {problem['detail']}".rstrip(".")
    except (ValueError, TypeError, KeyError, RecursionError):
        said = ""
    return f"the answer was {answer.status}{said}"


def _speed(given: float | None) -> float:
    """Return the least speed: as given, or that of the environment, or the default."""
    text = os.environ.get(SPEED_VARIABLE, "") if given is None else given
    try:
        speed = float(text) if text != "" else DEFAULT_SPEED
    except (TypeError, ValueError):
        speed = -1.0
    if not 0 <= speed < math.inf:
        raise BadArgument.of(f"The least speed is a number of bytes per second, or 0, and not {str(text)[:80]!r}.")
    return speed


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
