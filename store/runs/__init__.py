"""The state machine of all work that the API requests and a worker does: records, their runs, and waiting for them.

A *kind* of run (`Kind`) is a name and a policy: jobs make versions of streams, looks ask a source for counts. A record
holds one request of a kind. Its id is derived from the request, so that the same request has one record. Submitting a
request again after its run is finished begins the next *run* of the record. The queue holds the id and the number of
the run.
"""

from store.runs.changes import LONGEST_SILENCE_SECONDS, RunChanges
from store.runs.kinds import ATTEMPTS, JOB, LOOK, Kind, Lane, Policy
from store.runs.record import Record, State, Verdict
from store.runs.runs import ClientFull, Load, Pending, QueueFull, Runs, Submission, Taken

__all__ = [
    "ATTEMPTS",
    "JOB",
    "LONGEST_SILENCE_SECONDS",
    "LOOK",
    "ClientFull",
    "Kind",
    "Lane",
    "Load",
    "Pending",
    "Policy",
    "QueueFull",
    "Record",
    "RunChanges",
    "Runs",
    "State",
    "Submission",
    "Taken",
    "Verdict",
]
