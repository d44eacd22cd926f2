"""How long work reports where it is, and how it is told to stop."""

from collections.abc import Callable
from typing import TypeAlias

Report: TypeAlias = Callable[[int, int], None]
"""Called as ``report(done, total)`` between steps of long work, at least about once a second.

It may raise `concept_orderings.errors.Cancelled`; the work lets that pass and leaves nothing half-written.
It is called on the thread that does the work, so it must be quick and safe to call from there.
"""


def silent(done: int, total: int) -> None:
    """Report to nobody."""


class Remembered:
    """A `Report` that can be made again, by what comes after the work: progress never goes back.

    Parameters
    ----------
    report
        Gets every report.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._last: tuple[int, int] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Report, and remember it."""
        self._last = (done, total)
        self._report(done, total)

    def again(self, done: int, total: int) -> None:
        """Make the last report again, whatever these numbers are, so that what comes after can be stopped."""
        if self._last is not None:
            self._report(*self._last)
