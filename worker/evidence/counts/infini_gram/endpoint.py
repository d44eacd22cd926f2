"""The count call of an infini-gram endpoint: asked politely, tried again where that may help, believed only if whole.

An answer is ``{"count", "approx"}`` or ``{"error"}``, and errors come with any status: 200 for a query over the limits,
400 for an unknown index, 500 for a failure of the server. So `error` is looked for first.
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
"""Who asks for more is given up at once: the job is tried again later."""

_PASSING_STATUSES = frozenset({408, 425, 429}) | frozenset(range(500, 600))
# What the server says of a query that it will never answer. With any other error, it may answer the next time.
_FINAL_ERROR = re.compile(
    r"please (limit|enter|provide)|invalid|missing required|must be|out-of-range|unknown|not found", re.IGNORECASE
)
_MOST_OF_ERROR = 200

Sleep = Callable[[float], Awaitable[None]]


class Refused(Exception):
    """It will not answer this, however often it is asked."""


class GaveUp(Exception):
    """It has not answered, as often as it was asked."""


class _Passing(Exception):
    """It has not answered; it may the next time, after some seconds if it says so."""

    def __init__(self, reason: str, after_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.after_seconds = after_seconds


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long to wait before asking again; tests give their own.

    Attributes
    ----------
    attempts : int
        How often one query is asked at most.
    sleep : callable
        Waits for some seconds.
    jitter : callable
        Returns a number from 0 to 1, so that clients that were turned away together do not return together.
    """

    attempts: int = REQUEST_ATTEMPTS
    sleep: Sleep = field(default=asyncio.sleep)
    jitter: Callable[[], float] = field(default=random.random)

    def pause(self, attempt: int, at_least: float) -> float:
        """Return the seconds to wait after an attempt, counted from 0."""
        return max(at_least, FIRST_PAUSE_SECONDS * 2.0**attempt * (1 + self.jitter()) / 2)


class Courtesy:
    """What all who ask one server keep to: few requests at once, and none while it wants to be left alone.

    Parameters
    ----------
    most : int
        Requests at once.
    """

    def __init__(self, most: int) -> None:
        self._turns = asyncio.Semaphore(most)
        self._pausing = 0
        self._free = asyncio.Event()
        self._free.set()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until there may be one more request."""
        async with self._turns:
            # Whoever waits lets all others wait: a server that is too busy for one query is for the next.
            await self._free.wait()
            yield

    async def pause(self, sleep: Awaitable[None]) -> None:
        """Let nobody ask while somebody sleeps."""
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
    """Return what all on this event loop keep to who ask that server: jobs, and those who look at a source."""
    shared = _COURTESIES.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    return shared.setdefault((url, most), Courtesy(most))


class Endpoint:
    """An index behind a URL.

    Parameters
    ----------
    url, index
        Where to post, and what to ask for.
    in_flight
        Requests at once, those of others in this process to the same URL included.
    timeout_seconds
        How long one answer may take.
    pace
        How to wait.
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

    async def ask(self, query: str) -> Count:
        """Count a query; the empty one is the whole corpus.

        Raises
        ------
        Refused
            If it will not answer.
        GaveUp
            If it does not answer in full, as often as it is asked.
        """
        for attempt in range(self._pace.attempts):
            try:
                async with self._courtesy.turn():
                    return await self._post(query)
            except _Passing as error:
                seconds = self._pace.pause(attempt, error.after_seconds)
                if seconds > LONGEST_PAUSE_SECONDS:
                    raise GaveUp(f"{error}, and it wants to be left alone for {seconds:.0f} s") from error
                if attempt == self._pace.attempts - 1:
                    last = f", at the last of {self._pace.attempts} attempts" if attempt else ""
                    raise GaveUp(f"{error}{last}") from error
                await self._courtesy.pause(self._pace.sleep(seconds))
        raise AssertionError("every attempt returns or raises")

    async def aclose(self) -> None:
        """Close all connections; asking again opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _post(self, query: str) -> Count:
        body = {"index": self._index, "query_type": "count", "query": query}
        try:
            # httpx limits the time between two bytes: an answer that trickles in is limited as a whole.
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


def _read(answer: httpx.Response) -> Count:
    """Return a whole answer, or raise what it is instead."""
    try:
        body: Any = answer.json()
    except (ValueError, RecursionError):
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if error is not None or not answer.is_success:
        raise _failure(answer, str(error if error is not None else answer.reason_phrase)[:_MOST_OF_ERROR])
    count = body.get("count") if isinstance(body, dict) else None
    approximate = body.get("approx") if isinstance(body, dict) else None
    if type(count) is not int or not 0 <= count <= LARGEST_INTEGER or not isinstance(approximate, bool):
        raise _Passing(f"HTTP {answer.status_code} with an answer that is no count: {answer.text[:_MOST_OF_ERROR]!r}")
    return Count(count, approximate)


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
