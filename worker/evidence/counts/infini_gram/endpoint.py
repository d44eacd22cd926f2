"""The count call of an infini-gram endpoint, with few requests at once and retries where they may help.

An answer is ``{"count", "approx", "token_ids"}`` or ``{"error"}``, and errors come with any status: 200 for a query
over the limits, 400 for an unknown index, 500 for a failure of the server. So `error` is read before the status.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import httpx

from concept_orderings.canonical import LARGEST_INTEGER
from concept_orderings.version import __version__
from worker.evidence.counts.base import REQUEST_ATTEMPTS, Count

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 300.0
"""The longest pause. A server that requests a longer one gets no retry; the job is tried again later."""

_PASSING_STATUSES = frozenset({408, 425, 429}) | frozenset(range(500, 600))
# Errors of queries that the server never answers. After any other error with status 200 a retry may help.
_FINAL_ERROR = re.compile(
    r"please (limit|enter|provide)|invalid|missing required|must be|out-of-range|unknown|not found", re.IGNORECASE
)
_LONGEST_ERROR = 200

Sleep = Callable[[float], Awaitable[None]]


class Refused(Exception):
    """The server refuses a query, and would refuse it again."""


class GaveUp(Exception):
    """The server has not answered in full in any attempt."""


class _Passing(Exception):
    """The server has not answered in full, but may after a retry, in `after_seconds` or later."""

    def __init__(self, reason: str, after_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.after_seconds = after_seconds


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The attempts of a query and the pauses between them.

    Attributes
    ----------
    attempts : int
        The most attempts of one query.
    sleep : callable
        Sleeps for a number of seconds.
    jitter : callable
        Returns a random number from 0 to 1, so that clients that failed together do not retry together.
    """

    attempts: int = REQUEST_ATTEMPTS
    sleep: Sleep = field(default=asyncio.sleep)
    jitter: Callable[[], float] = field(default=random.random)

    def pause(self, attempt: int, at_least: float) -> float:
        """Return the seconds to wait after an attempt, which are counted from 0."""
        return max(at_least, FIRST_PAUSE_SECONDS * 2.0**attempt * (1 + self.jitter()) / 2)


class Courtesy:
    """Limits the requests of this process to one server: a few at once, and none while any of them pauses.

    Parameters
    ----------
    most : int
        The most requests at once.
    """

    def __init__(self, most: int) -> None:
        self._turns = asyncio.Semaphore(most)
        self._pausing = 0
        self._free = asyncio.Event()
        self._free.set()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until one more request may be sent, and count it until the block ends."""
        async with self._turns:
            # A pause of one request holds up all others: a server that is too busy for one is too busy for the next.
            await self._free.wait()
            yield

    async def pause(self, sleep: Awaitable[None]) -> None:
        """Let no request begin until a sleep is over."""
        self._pausing += 1
        self._free.clear()
        try:
            await sleep
        finally:
            self._pausing -= 1
            if not self._pausing:
                self._free.set()


_COURTESIES: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[tuple[str, int], Courtesy]] = (
    WeakKeyDictionary()
)


def _courtesy(url: str, most: int) -> Courtesy:
    """Return the limit that jobs and looks on this event loop share for a server."""
    shared = _COURTESIES.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    return shared.setdefault((url, most), Courtesy(most))


@dataclass(frozen=True)
class Answer:
    """The answer to a query.

    Attributes
    ----------
    count : Count
    tokens : tuple of int
        The numbers of the tokens that the query was cut into; empty if the server does not state them.
    """

    count: Count
    tokens: tuple[int, ...] = ()


class Endpoint:
    """An index behind a URL.

    Parameters
    ----------
    url, index
        Where queries are posted, and the name of the index.
    in_flight
        Requests at once, together with others of this process to the same URL.
    timeout_seconds
        Timeout between two bytes of an answer; a whole answer may take twice as long.
    pace
        Attempts and pauses.
    """

    def __init__(self, url: str, index: str, *, in_flight: int, timeout_seconds: float, pace: Pace) -> None:
        self._url = url
        self._index = index
        self._timeout = timeout_seconds
        self._pace = pace
        self._in_flight = in_flight
        self._client: httpx.AsyncClient | None = None

    @cached_property
    def _courtesy(self) -> Courtesy:
        return _courtesy(self._url, self._in_flight)

    async def ask(self, query: str) -> Answer:
        """Count a query; the count of the empty query is the size of the corpus.

        Raises
        ------
        Refused
            If the server refuses the query.
        GaveUp
            If the server does not answer in full in any attempt.
        """
        for attempt in range(self._pace.attempts):
            try:
                async with self._courtesy.turn():
                    return await self._post(query)
            except _Passing as error:
                seconds = self._pace.pause(attempt, error.after_seconds)
                if seconds > LONGEST_PAUSE_SECONDS:
                    raise GaveUp(f"{error}, and it requests a pause of {seconds:.0f} s") from error
                if attempt == self._pace.attempts - 1:
                    last = f", at the last of {self._pace.attempts} attempts" if attempt else ""
                    raise GaveUp(f"{error}{last}") from error
                await self._courtesy.pause(self._pace.sleep(seconds))
        raise AssertionError("every attempt returns or raises")

    async def aclose(self) -> None:
        """Close all connections; a later request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _post(self, query: str) -> Answer:
        body = {"index": self._index, "query_type": "count", "query": query}
        try:
            # The timeout of httpx is for the time between two bytes; this one is for the whole answer.
            async with asyncio.timeout(2 * self._timeout):
                answer = await self._connected().post(self._url, json=body)
        except (httpx.RequestError, TimeoutError) as error:
            raise _Passing(f"{type(error).__name__} {error}".strip()) from error
        return _read(answer)

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                timeout=self._timeout, headers={"User-Agent": f"concept-orderings/{__version__}"}
            )
        return self._client


def _read(answer: httpx.Response) -> Answer:
    """Return what a complete answer says; raise `_Passing` or `Refused` for any other."""
    try:
        body: Any = answer.json()
    except (ValueError, RecursionError):
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if error is not None or not answer.is_success:
        raise _failure(answer, str(error if error is not None else answer.reason_phrase)[:_LONGEST_ERROR])
    count = body.get("count") if isinstance(body, dict) else None
    approximate = body.get("approx") if isinstance(body, dict) else None
    if type(count) is not int or not 0 <= count <= LARGEST_INTEGER or not isinstance(approximate, bool):
        raise _Passing(
            f"HTTP {answer.status_code} with an answer that is not a count: {answer.text[:_LONGEST_ERROR]!r}"
        )
    return Answer(Count(count, approximate), _tokens(body.get("token_ids")))


def _tokens(token_ids: object) -> tuple[int, ...]:
    """Return the tokens of a query as far as the server states them, which not all servers do."""
    if isinstance(token_ids, list) and all(type(each) is int for each in token_ids):
        return tuple(token_ids)
    return ()


def _failure(answer: httpx.Response, reason: str) -> _Passing | Refused:
    what = f"HTTP {answer.status_code} {reason}".strip()
    if answer.status_code in _PASSING_STATUSES:
        return _Passing(what, _retry_after(answer))
    if answer.is_success and not _FINAL_ERROR.search(reason):
        return _Passing(what)
    return Refused(what)


def _retry_after(answer: httpx.Response) -> float:
    """Return the seconds of Retry-After, which is a number or a date (RFC 9110, 10.2.3); 0 if it cannot be read."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):  # the second: a date without a time zone
        return 0.0
