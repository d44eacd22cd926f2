"""When a request without an answer is repeated, and when it is given up."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from worker.evidence.counts.base import REQUEST_ATTEMPTS
from worker.evidence.counts.elasticsearch.answers import NotCounted

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Patience:
    """Pauses that double. A random part is taken off each, so that clients that failed together do not retry together.

    Attributes
    ----------
    attempts : int
        The most attempts of one request.
    first_seconds, longest_seconds : float
        The longest first pause, and the longest pause of all.
    obeyed_seconds : float
        The longest pause that a server may request; if it requests a longer one, there is no retry.
    sleep : callable
        Sleeps for a number of seconds.
    chance : callable
        Returns a random number in [0, 1).
    """

    attempts: int = REQUEST_ATTEMPTS
    first_seconds: float = 1.0
    longest_seconds: float = 30.0
    obeyed_seconds: float = 300.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random

    def pause(self, attempt: int, why: NotCounted) -> float | None:
        """Return the seconds to wait after an attempt, which are counted from 1; None if there is no retry."""
        requested = why.retry_after or 0.0
        if not why.may_pass or attempt >= self.attempts or requested > self.obeyed_seconds:
            return None
        longest = min(self.first_seconds * 2.0 ** (attempt - 1), self.longest_seconds)
        return requested + longest * (1.0 + self.chance()) / 2.0

    async def ask(self, request: Callable[[], Awaitable[_Answer | NotCounted]]) -> _Answer | NotCounted:
        """Repeat a request until it is answered or there is no retry; return the answer or the last reason."""
        attempt = 1
        while isinstance(answer := await request(), NotCounted):
            pause = self.pause(attempt, answer)
            if pause is None:
                return answer
            await self.sleep(pause)
            attempt += 1
        return answer
