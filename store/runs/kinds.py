"""The kinds of runs. How they differ is data: the state machine is one for all."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

ATTEMPTS = 3
"""How often a run is started in all, before its worker's deaths or errors that may pass are taken as final."""

_DAY = 24 * 3600


class Lane(StrEnum):
    """How costly a run is, for a scheduler: recorded with each, and used by none yet."""

    ORDER = "order"
    """An ordering whose evidence is at hand: milliseconds, or seconds for a million concepts."""
    COMPUTE = "compute"
    """An ordering that asks a source, embeds captions or searches a path: seconds to hours."""
    LOOK = "look"
    """A look at counts, for which a person may be waiting."""


class Policy(NamedTuple):
    """How records of a kind are kept. These are arguments of every script, in this order.

    Attributes
    ----------
    pending_seconds : int
        How long a pending record is kept to which neither a client nor a worker writes; 0: until it is finished.
    unasked_seconds : int
        How long a pending record is worked on that no client asks for again; 0: until it is finished.
    succeeded_seconds, failed_seconds, cancelled_seconds : int
        How long a finished record is kept.
    until_fetched : bool
        Whether a finished record is an answer that waits to be fetched: the same request gets it instead of a next
        run, and until then it counts towards the most that may be active.
    events_kept : int
        How many events its history has, about; 0: it has none.
    """

    pending_seconds: int
    unasked_seconds: int
    succeeded_seconds: int
    failed_seconds: int
    cancelled_seconds: int
    until_fetched: bool
    events_kept: int


@dataclass(frozen=True)
class Kind:
    """A kind of run.

    Attributes
    ----------
    name : str
        Stands in its keys.
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
        # Longer than an answer is waited for, unless that is set otherwise.
        unasked_seconds=360,
        succeeded_seconds=300,
        # A client that asks later wants to know how things are then.
        failed_seconds=30,
        cancelled_seconds=30,
        until_fetched=True,
        events_kept=0,
    ),
)
"""Ask a source for counts. It may be lost: `store.count_cache` keeps the counts, and clients post the look again."""
