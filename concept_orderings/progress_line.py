"""The line on a terminal that says what long work is at."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from concept_orderings.progress import Phase, Report, silent

_WIDTH = 30
# The control sequence of terminals that erases to the end of the line (ECMA-48, EL).
_ERASE = "\x1b[K"


class ProgressLine:
    """A line that is overwritten, such as ``arranging [#########.....................] 12 of 40``."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._shown = ""

    def show(self, what: str, done: int = 0, total: int = 0) -> None:
        """Show what the work is at; with a `total` also how much of it is done."""
        text = " ".join(filter(None, (what, _bar(done, total))))
        if text != self._shown:
            self._shown = text
            self._write(f"\r{text}{_ERASE}")

    def keep(self) -> None:
        """Leave the line as it is: what comes next is below it."""
        if self._shown:
            self._write("\n")
        self._shown = ""

    def end(self) -> None:
        """Erase the line, if anything is shown."""
        if self._shown:
            self._write(f"\r{_ERASE}")
        self._shown = ""

    def _write(self, text: str) -> None:
        self._terminal.write(text)
        self._terminal.flush()


class PhaseLine:
    """A `concept_orderings.progress.PhaseReport` that shows phase and numbers on a line."""

    def __init__(self, line: ProgressLine) -> None:
        self._line = line
        self._phase: Phase | None = None
        self._numbers = (0, 0)

    def __call__(self, done: int, total: int) -> None:
        """Show how much of the phase is done, if its steps are counted."""
        if self._phase is None or self._phase.counted:
            self._numbers = (done, total)
        self._show()

    def enter(self, phase: Phase) -> None:
        """Show the phase."""
        if phase is not self._phase:
            self._phase, self._numbers = phase, (0, 0)
            self._show()

    def _show(self) -> None:
        self._line.show(self._phase or "", *self._numbers)


@contextmanager
def line_on(terminal: TextIO | None) -> Iterator[ProgressLine | None]:
    """Yield a line on a terminal, which is erased at the end; None where the stream is closed or no terminal."""
    if terminal is None or not terminal.isatty():
        yield None
        return
    line = ProgressLine(terminal)
    try:
        yield line
    finally:
        line.end()


@contextmanager
def progress_on(terminal: TextIO | None) -> Iterator[Report]:
    """Yield a report that shows progress on a terminal, or nothing where the stream is closed or no terminal."""
    with line_on(terminal) as line:
        yield silent if line is None else PhaseLine(line)


def _bar(done: int, total: int) -> str:
    if total <= 0:
        return ""
    full = min(max(_WIDTH * done // total, 0), _WIDTH)
    return f"[{'#' * full}{'.' * (_WIDTH - full)}] {done:,} of {total:,}"
