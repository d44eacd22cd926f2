"""Progress reports of long work, through which the work also names its phase and is cancelled."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol, TypeAlias, runtime_checkable


class Phase(StrEnum):
    """The phase of a job: what is being done. Later releases may add phases."""

    READING = "reading the request"
    """Reading the stored request, which takes seconds for a million concepts."""
    WAITING = "waiting for the source"
    """Opening the source of counts, and waiting for what it says of itself."""
    COUNTING = "counting"
    LOADING = "loading the encoder"
    """Loading the encoder and its library, or waiting until another job has loaded it."""
    EMBEDDING = "embedding"
    ARRANGING = "arranging"
    COMPILING = "compiling"
    """Compiling the kernels that search a path, or loading them from the cache of an earlier process."""
    DIAGNOSING = "diagnosing"
    """Computing the diagnostics of a path for the manifest."""
    PUBLISHING = "publishing"

    @property
    def counted(self) -> bool:
        """Whether the steps of the phase are counted; if not, `done` and `total` mean nothing in it."""
        return self in (Phase.COUNTING, Phase.EMBEDDING, Phase.ARRANGING, Phase.PUBLISHING)


Report: TypeAlias = Callable[[int, int], None]
"""Called as ``report(done, total)`` between steps of long work, about once a second or more often.

It may raise `concept_orderings.errors.Cancelled` to stop the work. The work passes the exception on and leaves no
partial output. It is called on the thread that does the work, so it must be quick and safe to call there.
"""


@runtime_checkable
class PhaseReport(Protocol):
    """A `Report` that also wants to know the phase of the work."""

    def __call__(self, done: int, total: int) -> None:
        """Report the progress of the phase."""

    def enter(self, phase: Phase) -> None:
        """Begin a phase, or go on with it; called often with the same phase.

        A phase that is entered again goes on with the numbers that it had.
        """


def silent(done: int, total: int) -> None:
    """Discard the report."""


def enter(report: Report, phase: Phase) -> None:
    """Tell a report the phase in which the work is from now on, if it is a `PhaseReport`."""
    if isinstance(report, PhaseReport):
        report.enter(phase)


class Renumbered:
    """A `PhaseReport` for a part of some work.

    Parameters
    ----------
    report
        The report of the whole work.
    numbers
        Converts (done, total) of the part to those of the whole work.
    """

    def __init__(self, report: Report, numbers: Callable[[int, int], tuple[int, int]]) -> None:
        self._report = report
        self._numbers = numbers

    def __call__(self, done: int, total: int) -> None:
        """Report the numbers of the whole work."""
        self._report(*self._numbers(done, total))

    def enter(self, phase: Phase) -> None:
        """See `PhaseReport.enter`."""
        enter(self._report, phase)


class RepeatableReport:
    """A `PhaseReport` whose last values can be reported again, by work that follows and has no numbers of its own.

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

    def enter(self, phase: Phase) -> None:
        """See `PhaseReport.enter`."""
        enter(self._report, phase)

    def repeat(self, done: int, total: int) -> None:
        """Report the last values again. The arguments are ignored: they make this method a `Report`."""
        del done, total
        if self._last is not None:
            self._report(*self._last)
