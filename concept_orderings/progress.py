"""Progress reports of long work, through which the work is also cancelled."""

from collections.abc import Callable
from typing import TypeAlias

Report: TypeAlias = Callable[[int, int], None]
"""Called as ``report(done, total)`` between steps of long work, about once a second or more often.

It may raise `concept_orderings.errors.Cancelled` to stop the work. The work passes the exception on and leaves no
partial output. It is called on the thread that does the work, so it must be quick and safe to call there.
"""


def silent(done: int, total: int) -> None:
    """Discard the report."""


class RepeatableReport:
    """A `Report` whose last values can be reported again, by work that follows and has no numbers of its own.

    Repeating them lets a client cancel that work, and progress never decreases.

    Parameters
    ----------
    report
        Called with every report.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._last: tuple[int, int] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Report, and remember the values."""
        self._last = (done, total)
        self._report(done, total)

    def repeat(self, done: int, total: int) -> None:
        """Report the last values again. The arguments are ignored: they make this method a `Report`."""
        del done, total
        if self._last is not None:
            self._report(*self._last)
