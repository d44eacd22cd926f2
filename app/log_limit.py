"""A bound on how often a log repeats itself: clients can cause a line for each connection that they open."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable

RECORDS = 20
"""Records of a kind that are written in a period."""

PERIOD_SECONDS = 10.0

_ACCESS_LOG = "uvicorn.access"
"""Written at level debug alone, where each request is to have its line."""


class _Kind:
    """What has happened to records of one kind in the present period."""

    def __init__(self) -> None:
        self.since = float("-inf")
        self.written = 0
        self.left_out = 0


class LogLimit(logging.Filter):
    """Writes at most 20 records of a kind in 10 seconds, and counts the others.

    Records are of a kind if the same line of code logs them. The first of the next period says how many were left out.

    Parameters
    ----------
    clock
        Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: defaultdict[tuple[str, str, int], _Kind] = defaultdict(_Kind)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write a record; append to its message how many like it were left out before."""
        if record.name == _ACCESS_LOG:
            return True
        kind = self._kinds[record.name, record.pathname, record.lineno]
        now = self._clock()
        if now - kind.since >= PERIOD_SECONDS:
            if kind.left_out:
                record.msg = f"{record.getMessage()} ({kind.left_out} more like this were left out before)"
                record.args = None
            kind.since, kind.written, kind.left_out = now, 0, 0
        if kind.written >= RECORDS:
            kind.left_out += 1
            return False
        kind.written += 1
        return True


def limit_logs() -> None:
    """Limit all handlers of the root logger, to which all others pass their records on."""
    limit = LogLimit()
    for each in logging.getLogger().handlers:
        each.addFilter(limit)
