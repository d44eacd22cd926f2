"""A line that says what a job is at."""

import sys
from typing import TextIO

from concept_orderings.client.asking import Job, Watch, no_watch

_WIDTH = 30
# The control sequence of terminals that erases to the end of the line (ECMA-48, EL).
_ERASE = "\x1b[K"


class ProgressBar:
    """Shows each change of a job: on a terminal one line that is overwritten, else a line for each phase."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._last = ""

    def __call__(self, job: Job) -> None:
        """Show the job."""
        if self._is_terminal:
            text = f"{_state_of(job)}{_bar(job)}"
            self._show(text, f"\r{text}{_ERASE}" + ("\n" if job.is_final else ""))
        else:
            self._show(_state_of(job), f"{_state_of(job)}\n")

    def _show(self, text: str, written: str) -> None:
        if text != self._last:
            self._last = text
            self._stream.write(written)
            self._stream.flush()


def watch_of(progress: bool | Watch) -> Watch:
    """Return what is called with each change of a job, for the argument ``progress`` of a client."""
    if callable(progress):
        return progress
    # Standard error may be closed.
    return ProgressBar(sys.stderr) if progress and sys.stderr is not None else no_watch


def _state_of(job: Job) -> str:
    if job.state == "queued":
        return "queued" if not job.ahead else f"queued, {job.ahead} ahead"
    return job.phase if job.state == "running" and job.phase else job.state


def _bar(job: Job) -> str:
    if job.state != "running" or job.total <= 0:
        return ""
    full = _WIDTH * job.done // job.total
    return f" [{'#' * full}{'.' * (_WIDTH - full)}] {job.done:,} of {job.total:,}"
