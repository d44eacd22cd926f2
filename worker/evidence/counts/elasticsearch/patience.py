"""When a server that did not answer is asked again, and when no more."""

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
    """Pauses that double, each cut at random so that many who wait do not come back at once.

    Attributes
    ----------
    attempts : int
        How often one thing is asked at most.
    first_seconds, longest_seconds : float
        The first pause at most, and any.
    obeyed_seconds : float
        A server may ask for a pause up to this; if it wants more, it is not asked again.
    sleep : callable
        Lets seconds pass.
    chance : callable
        Returns a number in [0, 1).
    """

    attempts: int = REQUEST_ATTEMPTS
    first_seconds: float = 1.0
    longest_seconds: float = 30.0
    obeyed_seconds: float = 300.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random

    def pause(self, attempt: int, why: NotCounted) -> float | None:
        """Return the seconds to wait after an attempt, the first of which is 1; None if it was the last."""
        asked_for = why.retry_after or 0.0
        if not why.may_pass or attempt >= self.attempts or asked_for > self.obeyed_seconds:
            return None
        longest = min(self.first_seconds * 2.0 ** (attempt - 1), self.longest_seconds)
        return asked_for + longest * (1.0 + self.chance()) / 2.0

    async def ask(self, question: Callable[[], Awaitable[_Answer | NotCounted]]) -> _Answer | NotCounted:
        """Ask until there is an answer, or no more use in asking."""
        attempt = 1
        while isinstance(answer := await question(), NotCounted):
            pause = self.pause(attempt, answer)
            if pause is None:
                return answer
            await self.sleep(pause)
            attempt += 1
        return answer
