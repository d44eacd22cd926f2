"""What passes between the API and the process for a large body: JSON, in both directions."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from fastapi.responses import Response
from redis.exceptions import RedisError

from app.bodies import NoRoom, NotJson, TooHeavy
from app.errors import ApiError
from app.known_requests import Identity, KnownRequest
from concept_orderings.canonical import Json
from concept_orderings.errors import ConceptOrderingsError, Fault, InvalidInput, StoreError
from store.runs import ClientFull, QueueFull

_PLAIN: Mapping[str, type[Exception]] = {each.__name__: each for each in (NotJson, NoRoom, TooHeavy, RedisError)}
"""Errors that are nothing but a message."""

_BASES: tuple[type[ConceptOrderingsError], ...] = (InvalidInput, StoreError)
"""Errors with faults, as far as the answer tells them apart."""

_WITH_FAULTS: tuple[type[ConceptOrderingsError], ...] = (ApiError, *_BASES)

PASSED: tuple[type[Exception], ...] = (*_PLAIN.values(), *_BASES, ApiError, QueueFull)
"""All errors that pass; any other is a fault of the program."""


@dataclass(frozen=True)
class Order:
    """What the process is to do.

    Attributes
    ----------
    settings : mapping
        Those of the service.
    module, function : str
        The name of a coroutine function: it gets a service, the body and the arguments.
    arguments : list
        JSON values.
    file : int
        The descriptor of the body.
    memory : int
        The bytes that the process may allocate.
    request_id : str
        The id of the request, for problem documents and the log.
    """

    settings: dict[str, Json]
    module: str
    function: str
    arguments: list[Any]
    file: int
    memory: int
    request_id: str

    def to_bytes(self) -> bytes:
        """Return the order as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Order":
        """Read what `to_bytes` wrote."""
        return cls(**json.loads(data))


@dataclass(frozen=True)
class Outcome:
    """What the process answers.

    Attributes
    ----------
    result : mapping
        What the function returned, as JSON; empty with an error.
    error : mapping or None
        An error, from `error_as_json`.
    lacked_memory : bool
        Whether the memory did not suffice.
    """

    result: dict[str, Any]
    error: dict[str, Any] | None = None
    lacked_memory: bool = False

    def to_bytes(self) -> bytes:
        """Return the outcome as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Outcome":
        """Read what `to_bytes` wrote."""
        return cls(**json.loads(data))


def error_as_json(error: Exception) -> dict[str, Any]:
    """Return one of the `PASSED` errors as JSON."""
    match error:
        case ClientFull():
            return {"kind": ClientFull.__name__, "needed": error.needed, "most": error.most}
        case QueueFull():
            return {"kind": QueueFull.__name__, "needed": error.needed}
        case ConceptOrderingsError():
            base = next(each for each in _WITH_FAULTS if isinstance(error, each))
            status = {"status": error.status, "headers": dict(error.headers)} if isinstance(error, ApiError) else {}
            faults = [each.as_json() for each in error.faults]
            return {"kind": base.__name__, "faults": faults, "left_out": dict(error.left_out), **status}
        case _:
            kind = next(name for name, each in _PLAIN.items() if isinstance(error, each))
            return {"kind": kind, "message": str(error)}


def read_error(written: Mapping[str, Any]) -> Exception:
    """Return an error that has the same answer as the one that `error_as_json` was given."""
    kind = written["kind"]
    if kind in _PLAIN:
        return _PLAIN[kind](written["message"])
    if kind == ClientFull.__name__:
        return ClientFull(written["needed"], written["most"])
    if kind == QueueFull.__name__:
        return QueueFull(written["needed"])
    first, *others = (Fault(each["code"], each["detail"], tuple(each["pointers"])) for each in written["faults"])
    error: ConceptOrderingsError
    if kind == ApiError.__name__:
        error = ApiError(
            HTTPStatus(written["status"]), first.code, first.detail, first.pointers, headers=written["headers"]
        )
    else:
        base = next(each for each in _BASES if each.__name__ == kind)
        error = base(first.code, first.detail, first.pointers)
    error.others, error.left_out = tuple(others), written["left_out"]
    return error


def response_as_json(response: Response) -> dict[str, Any]:
    """Return an answer of text as JSON."""
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return {"content": bytes(response.body).decode(), "status": response.status_code, "headers": headers}


def read_response(written: Mapping[str, Any]) -> Response:
    """Return the answer that `response_as_json` was given."""
    return Response(written["content"], written["status"], written["headers"])


def known_as_json(known: KnownRequest) -> dict[str, Any]:
    """Return what a body asks for as JSON."""
    return asdict(known)


def read_known(written: Mapping[str, Any]) -> KnownRequest:
    """Return what `known_as_json` was given."""
    identities = tuple(Identity(*each) for each in written["identities"])
    return KnownRequest(**{**written, "identities": identities})
