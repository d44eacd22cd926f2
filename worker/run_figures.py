"""The figures of one run, by the kind of its ordering."""

from collections.abc import Mapping

from concept_orderings.canonical import Json
from concept_orderings.progress import Phase
from store.figures import count, observe
from store.figures.declared import JOB_PHASE_SECONDS, JOB_WAIT_SECONDS, JOBS
from store.runs import State


class RunFigures:
    """Counts how a job waited, ran and ended; nothing of a look at counts.

    Parameters
    ----------
    about
        What the record is about.
    """

    def __init__(self, about: Mapping[str, Json]) -> None:
        ordering = about.get("ordering")
        self._kind = str(ordering["kind"]) if isinstance(ordering, Mapping) and "kind" in ordering else ""

    def waited(self, seconds: float | None) -> None:
        """Count the time in the queue."""
        if self._kind and seconds is not None:
            observe(JOB_WAIT_SECONDS, seconds, self._kind)

    def phases(self, seconds: Mapping[Phase, float]) -> None:
        """Count the times of the phases of an attempt."""
        for phase in seconds if self._kind else ():
            observe(JOB_PHASE_SECONDS, seconds[phase], self._kind, phase.value)

    def ended(self, state: State) -> None:
        """Count the end of the run."""
        if self._kind:
            count(JOBS, self._kind, state.value)
