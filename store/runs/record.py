"""A record: one request, and how its present run stands."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from concept_orderings.canonical import Json
from store.runs.kinds import Lane


class State(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class Phase(StrEnum):
    """What a running run is doing: gathering, by what is gathered, then arranging and publishing."""

    COUNTING = "counting"
    EMBEDDING = "embedding"
    ARRANGING = "arranging"
    PUBLISHING = "publishing"


class Verdict(IntEnum):
    """What a worker is to do with the run that it holds."""

    GO_ON = 1
    STOP = 0
    """A client asked for it."""
    LEAVE = -1
    """The run is over, another worker's, or asked for by no client any more: record nothing."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A record as it stands.

    Attributes
    ----------
    id : str
        32 hexadecimal digits, derived from the request.
    run : int
        The number of its present run; each run of a kind has one of its own, and later ones have higher ones.
    state : State
    about : mapping
        What the request is about, for those who look at the record: JSON, the same in all runs.
    client : str
        Who asked; empty where the service does not know.
    lane : Lane
    phase : str or None
        What a running run is doing.
    done, total : int
        How much of the phase is done, in captions, names, or concepts compared and starts tried.
    result : bytes or None
        What it made, in a form of the kind's own, once it has succeeded.
    error : mapping or None
        ``code`` and ``detail``, once it has failed.
    created_at, updated_at : str
        UTC, ISO 8601.
    cancel_requested : bool
        A running run that will stop soon.
    """

    id: str
    run: int
    state: State
    about: Mapping[str, Json]
    client: str
    lane: Lane
    phase: str | None
    done: int
    total: int
    result: bytes | None
    error: Mapping[str, Json] | None
    created_at: str
    updated_at: str
    cancel_requested: bool


CHANGING = (
    "run",
    "state",
    "client",
    "lane",
    "phase",
    "done",
    "total",
    "result",
    "error",
    "created_at",
    "updated_at",
    "cancel",
)
"""The fields of a record that a later look may find changed: all that is shown but what the request is about."""


def read_record(identifier: str, fields: Mapping[str, bytes], about: Mapping[str, Json]) -> Record:
    """Read the changing fields of a record or an event; one that is missing is not in `fields`."""
    phase, error = fields.get("phase"), fields.get("error")
    return Record(
        id=identifier,
        run=int(fields["run"]),
        state=State(fields["state"].decode()),
        about=about,
        client=fields.get("client", b"").decode(),
        lane=Lane(fields["lane"].decode()),
        phase=phase.decode() if phase is not None else None,
        done=int(fields.get("done", 0)),
        total=int(fields.get("total", 0)),
        result=fields.get("result"),
        error=json.loads(error) if error is not None else None,
        created_at=fields["created_at"].decode(),
        updated_at=fields["updated_at"].decode(),
        cancel_requested="cancel" in fields,
    )
