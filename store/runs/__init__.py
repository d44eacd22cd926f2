"""The one machine for everything that the API asks and a worker does: records, their runs, and waiting for them.

A *kind* of run is a policy (`Kind`): jobs make versions of streams, looks ask a source for counts. A record is one
request of a kind, under an id derived from it, so that asking twice is asking once. A record that is asked for again
after its end begins its next *run*; the queue carries the id and the run.
"""

from store.runs.changes import LONGEST_SILENCE_SECONDS, RunChanges
from store.runs.kinds import ATTEMPTS, JOB, LOOK, Kind, Lane, Policy
from store.runs.record import Phase, Record, State, Verdict
from store.runs.runs import QueueFull, Runs, Submission

__all__ = [
    "ATTEMPTS",
    "JOB",
    "LONGEST_SILENCE_SECONDS",
    "LOOK",
    "Kind",
    "Lane",
    "Phase",
    "Policy",
    "QueueFull",
    "Record",
    "RunChanges",
    "Runs",
    "State",
    "Submission",
    "Verdict",
]
