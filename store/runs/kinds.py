"""The kinds of runs. They differ in data only; the state machine is the same."""

from enum import StrEnum
from typing import NamedTuple

ATTEMPTS = 3
"""How many times a run is started at most, if its worker dies or it fails for a reason that may pass."""

_DAY = 24 * 3600


class Lane(StrEnum):
    """The cost of a run: runs of a lane do not wait for those of another. One of a later release counts as COMPUTE."""

    ORDER = "order"
    """An ordering whose evidence is in the request or the catalogue: milliseconds; a second for 100,000 concepts."""
    COMPUTE = "compute"
    """An ordering that asks a source, embeds captions, searches a path, or is large: seconds to hours."""
    LOOK = "look"
    """A look at counts; a person may be waiting for it."""


class Policy(NamedTuple):
    """How long records of a kind are kept. Every script gets these values as arguments, in this order.

    Attributes
    ----------
    pending_seconds : int
        How long a pending record is kept after the last write of a client or a worker; 0: until it is finished.
    unasked_seconds : int
        How long a pending record is kept after the last submission by a client; 0: until it is finished.
    succeeded_seconds, failed_seconds, cancelled_seconds : int
        How long a finished record is kept.
    until_fetched : bool
        Whether a finished record is kept as an answer to be fetched once. Until then, the same request gets this answer
        instead of a new run, and the record counts towards the limit of active records.
    events_kept : int
        Approximate number of events in the history of a record; 0: no history.
    """

    pending_seconds: int
    unasked_seconds: int
    succeeded_seconds: int
    failed_seconds: int
    cancelled_seconds: int
    until_fetched: bool
    events_kept: int


class Kind(NamedTuple):
    """A kind of run.

    Attributes
    ----------
    name : str
        A part of its keys.
    policy : Policy
    """

    name: str
    policy: Policy


JOB = Kind(
    "job",
    Policy(
        pending_seconds=0,
        unasked_seconds=0,
        succeeded_seconds=7 * _DAY,
        failed_seconds=7 * _DAY,
        cancelled_seconds=7 * _DAY,
        until_fetched=False,
        events_kept=1000,
    ),
)
"""Make a version of a stream."""

LOOK = Kind(
    "look",
    Policy(
        pending_seconds=3600,
        # Longer than the longest time that an answer is waited for, by the default settings.
        unasked_seconds=360,
        succeeded_seconds=300,
        # A client that asks later wants the present state of the source, and not an old failure.
        failed_seconds=30,
        cancelled_seconds=30,
        until_fetched=True,
        events_kept=0,
    ),
)
"""Ask a source for counts. A look may be lost: `store.count_cache` keeps the counts, and clients post it again."""
