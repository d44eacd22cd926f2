"""Show what a job is at."""

import sys
from typing import TextIO

from concept_orderings.client.asking import Job, Watch, no_watch
from concept_orderings.progress_line import ProgressLine


class JobProgress:
    """Shows each change of a job: on a terminal one line that is overwritten, else a line for each phase."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._line = ProgressLine(stream) if stream.isatty() else None
        self._last = ""

    def __call__(self, job: Job) -> None:
        """Show the job."""
        what = _state_of(job)
        if self._line is not None:
            self._line.show(what, job.done, job.total if job.state == "running" else 0)
            if job.is_final:
                self._line.keep()
        elif what != self._last:
            self._stream.write(f"{what}\n")
            self._stream.flush()
        self._last = what


def watch_of(progress: bool | Watch) -> Watch:
    """Return what is called with each change of a job, for the argument ``progress`` of a client."""
    if callable(progress):
        return progress
    # Standard error may be closed.
    return JobProgress(sys.stderr) if progress and sys.stderr is not None else no_watch


def _state_of(job: Job) -> str:
    if job.state == "queued":
        return "queued" if not job.ahead else f"queued, {job.ahead} ahead"
    return job.phase if job.state == "running" and job.phase else job.state
