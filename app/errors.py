"""Errors as RFC 9457 problem documents: a stable code, one sentence, and a JSON pointer to each offending field.

A document lists all faults of a request; its own code, sentence and pointers are those of the first.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

from app.bodies import NoRoom, NotJson, TooHeavy
from app.unknown_paths import allowed_methods, path_without_slash, unknown_path
from concept_orderings.errors import ConceptOrderingsError, Fault, InvalidInput, StoreError
from store.request_id import REQUEST_ID
from store.runs import ClientFull, QueueFull

RETRY_SECONDS = 5

REDIS_AWAY = "Redis cannot be reached or refuses commands, so jobs are unavailable; finished versions are still served."

_log = logging.getLogger(__name__)


class ApiError(ConceptOrderingsError):
    """An error of HTTP alone, such as a body that is not JSON, or an unknown resource."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        pointers: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, detail, pointers)
        self.status = status
        self.headers = headers or {}


def not_found(what: str, detail: str) -> ApiError:
    """Return the 404 for an unknown stream, version, task or job."""
    return ApiError(HTTPStatus.NOT_FOUND, f"unknown_{what}", detail)


def problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    pointers: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
    *,
    others: Sequence[Fault] = (),
    left_out: Mapping[str, int] | None = None,
) -> JSONResponse:
    """Return an answer whose body is a problem document.

    Parameters
    ----------
    status
        The status of the answer.
    code, detail, pointers
        The first fault.
    headers
        Headers of the answer.
    others
        All other faults.
    left_out
        By code, the number of faults, or of places of faults, that are not listed.
    """
    errors = [each.as_json() for each in (Fault(code, detail, tuple(pointers)), *others)]
    return JSONResponse(
        {
            "type": f"urn:concept-orderings:problem:{code}",
            "title": code.replace("_", " ").capitalize(),
            "status": status.value,
            **errors[0],
            "errors": errors,
            "errors_left_out": dict(left_out or {}),
            "request_id": REQUEST_ID.get(),
        },
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/problem+json",
    )


def problem_of(
    error: ConceptOrderingsError, status: HTTPStatus, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return the problem document of an error, with all its faults."""
    return problem(
        status, error.code, error.detail, error.pointers, headers, others=error.others, left_out=error.left_out
    )


def problem_of_records(
    errors: Sequence[Mapping[str, Any]], status: HTTPStatus, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return the problem document of the errors that are stored with jobs (`ConceptOrderingsError.as_json`)."""
    found: list[Fault] = []
    left_out = Counter[str]()
    for each in errors:
        found.append(Fault(each["code"], each["detail"], tuple(each.get("pointers", ()))))
        found += (Fault(one["code"], one["detail"], tuple(one["pointers"])) for one in each.get("errors", [])[1:])
        left_out.update(each.get("errors_left_out") or {})
    first, *others = found
    return problem(status, first.code, first.detail, first.pointers, headers, others=others, left_out=left_out)


def install_handlers(app: FastAPI) -> None:
    """Register the handlers that answer every error with a problem document."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(InvalidInput, _invalid_input)
    app.add_exception_handler(StoreError, _store_error)
    app.add_exception_handler(QueueFull, _queue_full)
    app.add_exception_handler(NotJson, _not_json)
    app.add_exception_handler(NoRoom, _no_room)
    app.add_exception_handler(TooHeavy, _too_heavy)
    app.add_exception_handler(RedisError, _redis_away)
    app.add_exception_handler(RequestValidationError, _bad_query)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


async def _api_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)  # Starlette picks the handler by type
    retry = _retry_later() if error.status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return problem_of(error, error.status, {**retry, **error.headers})


async def _invalid_input(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, InvalidInput)
    return problem_of(error, HTTPStatus.UNPROCESSABLE_ENTITY)


async def _store_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StoreError)
    _log.error("%s %s: %s", request.method, request.url.path, error.detail)
    if error.may_pass:
        return problem_of(error, HTTPStatus.SERVICE_UNAVAILABLE, _retry_later())
    return problem_of(error, HTTPStatus.INTERNAL_SERVER_ERROR)


async def _queue_full(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, QueueFull)
    if isinstance(error, ClientFull):
        return problem(HTTPStatus.TOO_MANY_REQUESTS, "client_queue_full", client_full(error), headers=_retry_later())
    full = "is full" if error.needed == 1 else f"has no room for {error.needed} jobs, so none was accepted"
    detail = f"The queue {full}; try again after the seconds in Retry-After."
    return problem(HTTPStatus.TOO_MANY_REQUESTS, "queue_full", detail, headers=_retry_later())


async def _not_json(request: Request, error: Exception) -> JSONResponse:
    return problem(HTTPStatus.BAD_REQUEST, "invalid_json", f"The body is not JSON: {error}.")


async def _no_room(request: Request, error: Exception) -> JSONResponse:
    detail = f"The service has no room for this body now: {error}. Try again after the seconds in Retry-After."
    return problem(HTTPStatus.TOO_MANY_REQUESTS, "busy", detail, headers=_retry_later())


async def _too_heavy(request: Request, error: Exception) -> JSONResponse:
    detail = f"{error}, which is the limit of this service; send less in one request."
    return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", detail)


def client_full(error: ClientFull) -> str:
    """Return the sentences for a client whose share of the queue is full."""
    room = "one more" if error.needed == 1 else f"{error.needed} more, so none was accepted"
    return (
        f"One client may have {error.most} jobs, or looks at counts, and yours leave no room for {room}. Try again "
        "after the seconds in Retry-After, or once some of them are done."
    )


async def _redis_away(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s: Redis: %s", request.method, request.url.path, error)
    # A Valkey whose disk is full ends, and is started again when there is room: that is then what to say.
    trouble = await request.app.state.service.store_health.trouble()
    if trouble is not None and trouble.code == "store_full":
        return problem_of(trouble, HTTPStatus.SERVICE_UNAVAILABLE, _retry_later())
    detail = f"{REDIS_AWAY} Try again after the seconds in Retry-After."
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "redis_unavailable", detail, headers=_retry_later())


async def _bad_query(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    details = [_about_query(each) for each in error.errors()]
    others = [Fault("bad_query", detail, ()) for detail in details[1:]]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_query", details[0], others=others)


def _about_query(error: Mapping[str, Any]) -> str:
    name = error["loc"][-1]
    return f"{name}: there is no such parameter." if error["type"] == "extra_forbidden" else f"{name}: {error['msg']}."


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    match status:
        case HTTPStatus.NOT_FOUND:
            if (path := path_without_slash(request)) is not None:
                return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": path})
            return problem(status, "unknown_path", unknown_path(request))
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = allowed_methods(request)
            detail = f"{request.scope['path']} takes {allowed}, and not {request.method}; /docs lists all calls."
            return problem(status, "method_not_allowed", detail, headers={"Allow": allowed})
        case _:
            return problem(status, status.name.lower(), str(error.detail), headers=error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s", request.method, request.url.path, exc_info=error)
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "The service failed on this request; see its log."
    )


def _retry_later() -> dict[str, str]:
    return {"Retry-After": str(RETRY_SECONDS)}
