"""Wait for a condition. Deadlines only end tests that hang; no test measures time by them."""

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")

DEADLINE = 60.0


def until(check: Callable[[], _T], what: str, *, deadline: float = DEADLINE) -> _T:
    """Return the first true answer of a check; fail with `what` after the deadline."""
    end = time.monotonic() + deadline
    while not (answer := check()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:.0f} s: {what}; the last answer was {answer!r}")
        time.sleep(0.02)
    return answer
