"""A record: one request, and the state of its present run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from concept_orderings.canonical import Json


class State(StrEnum):
    """The state of a job, or of a look at counts. A further state would need a new format number (`store.format`)."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the run is over."""
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class Verdict(IntEnum):
    """What a worker must do with the run that it holds."""

    GO_ON = 1
    STOP = 0
    """Stop: a client cancelled the run."""
    LEAVE = -1
    """Stop and record nothing: the run is over, another worker holds it, or no client wants it any more."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """The state of a record at one moment.

    Attributes
    ----------
    id : str
        32 hexadecimal digits, derived from the request.
    run : int
        The number of its present run: unique among the runs of its kind, and higher for later runs.
    state : State
    about : mapping
        A summary of the request, to be shown: JSON, the same in all runs.
    client : str
        The client that submitted the request; empty where it is unknown.
    lane : str
        A `store.runs.Lane`, or one that a later release has added.
    phase : str or None
        The present or last phase of the run: a `Phase`, or one of a later release.
    done, total : int
        Number of steps of the phase that are done, and in all. A step is a caption, a name, a concept or a start. Both
        are 0 in a phase whose steps are not counted.
    result : bytes or None
        The result of a succeeded run; each kind has a format of its own.
    error : mapping or None
        ``code`` and ``detail`` of a failed run.
    created_at, updated_at : str
        UTC, ISO 8601.
    cancel_requested : bool
        Whether a client cancelled the running run, which will stop soon.
    attempts : int
        How many times the run was started, without the times that a stopping worker gave it back.
    started_at : str or None
        When the last attempt began, like `updated_at`; None while the run is queued, and where it is not known.
    note : mapping or None
        ``code`` and ``detail``: why a queued run waits although a worker had it. It has been given back.
    """

    id: str
    run: int
    state: State
    about: Mapping[str, Json]
    client: str
    lane: str
    phase: str | None
    done: int
    total: int
    result: bytes | None
    error: Mapping[str, Json] | None
    created_at: str
    updated_at: str
    cancel_requested: bool
    attempts: int
    started_at: str | None
    note: Mapping[str, Json] | None

    @property
    def finished_at(self) -> str | None:
        """When the run ended, like `updated_at`; None before."""
        return self.updated_at if self.state.final else None


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
    "attempts",
    "started_at",
    "note",
)
"""The fields of a record that may change: all fields of `Record` except `about`."""


def read_record(identifier: str, fields: Mapping[str, bytes], about: Mapping[str, Json]) -> Record:
    """Return a record from the changing fields of its hash, or of an event; `fields` lacks those without a value.

    Raises
    ------
    ValueError, KeyError
        If a field is damaged or missing.
    """
    phase, started_at = fields.get("phase"), fields.get("started_at")
    return Record(
        id=identifier,
        run=int(fields["run"]),
        state=State(fields["state"].decode()),
        about=about,
        client=fields.get("client", b"").decode(),
        lane=fields["lane"].decode(),
        phase=phase.decode() if phase is not None else None,
        done=int(fields.get("done", 0)),
        total=int(fields.get("total", 0)),
        result=fields.get("result"),
        error=_mapping(fields, "error"),
        created_at=fields["created_at"].decode(),
        updated_at=fields["updated_at"].decode(),
        cancel_requested="cancel" in fields,
        attempts=int(fields.get("attempts", 0)),
        started_at=started_at.decode() if started_at is not None else None,
        note=_mapping(fields, "note"),
    )


def read_about(data: bytes) -> Mapping[str, Json]:
    """Return what a record is about.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    about: Json = json.loads(data)
    if not isinstance(about, dict):
        raise ValueError("what it is about is no object")
    return about


def _mapping(fields: Mapping[str, bytes], name: str) -> Mapping[str, Json] | None:
    found: Json = json.loads(fields[name]) if name in fields else None
    if found is not None and not isinstance(found, dict):
        raise ValueError(f"{name} is no object")
    return found
