"""The line on a terminal that says what a command is at."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from concept_orderings.progress import Phase, Report, silent

# The control sequence of terminals that erases to the end of the line (ECMA-48, EL).
_ERASE = "\x1b[K"


class ProgressLine:
    """A `concept_orderings.progress.PhaseReport` that overwrites one line, such as ``arranging: 12 of 40``."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._phase: Phase | None = None
        self._numbers = ""
        self._shown = ""

    def __call__(self, done: int, total: int) -> None:
        """Show how much of the phase is done, if its steps are counted."""
        if self._phase is None or self._phase.counted:
            self._numbers = f"{done} of {total}"
        self._show()

    def enter(self, phase: Phase) -> None:
        """Show the phase."""
        if phase is not self._phase:
            self._phase, self._numbers = phase, ""
            self._show()

    def _show(self) -> None:
        text = ": ".join(filter(None, (self._phase, self._numbers)))
        if text != self._shown:
            self._shown = text
            self._terminal.write(f"\r{text}{_ERASE}")
            self._terminal.flush()

    def end(self) -> None:
        """Erase the line, if anything was shown."""
        if self._shown:
            self._terminal.write(f"\r{_ERASE}")
            self._terminal.flush()


@contextmanager
def progress_on(terminal: TextIO | None) -> Iterator[Report]:
    """Yield a report that shows progress on a terminal, or nothing where the stream is closed or no terminal."""
    if terminal is None or not terminal.isatty():
        yield silent
        return
    line = ProgressLine(terminal)
    try:
        yield line
    finally:
        line.end()
