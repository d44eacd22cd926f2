"""Sources of counts: list them, and look at the counts of one."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response

from app.bodies import Body, not_json
from app.errors import ApiError, problem
from app.ranks_answer import ranks_answer
from app.routes.common import (
    TheService,
    json_body,
    pattern_schema,
    prefer_parameter,
    preferred_wait,
)
from app.routes.problems import BODY, FAILED_LOOK, FULL, NO_REDIS, NO_STORE, REFUSED_LOOK, problems
from app.routes.request_bodies import answer_body, read_body
from app.service import Service
from app.source_schemas import REQUESTS, CountsProgress, CountsResource, SourceList, counts_progress, source_list
from app.sources import counts_answer, read_counts_request
from concept_orderings.counts_request import CountsRequest
from concept_orderings.errors import SourceError
from concept_orderings.evidence.counts import BUILT_IN, IN_REQUEST
from concept_orderings.evidence.ranks import RANKS
from concept_orderings.url_names import URL_NAME
from store.runs import Record, State

router = APIRouter(prefix="/v1/sources", tags=["sources"])

SourceName = Annotated[
    str,
    Path(description="The name to give as an ordering's source.", json_schema_extra=pattern_schema(URL_NAME, BUILT_IN)),
]

_WAIT_SECONDS = 10
_LARGE_WAIT_SECONDS = 1
_RETRY_SECONDS = 1

_COUNTS_BODY: dict[str, Any] = {
    "requestBody": json_body("CountsRequest", "Class names or queries.", REQUESTS),
    "parameters": [
        prefer_parameter(
            f"wait=N delays the answer until everything is counted, by at most N seconds; without it, by at most "
            f"{_WAIT_SECONDS} seconds (RFC 7240)."
        )
    ],
}


@router.get(
    "",
    summary="List sources of counts",
    response_model=SourceList,
    responses=problems({503: (NO_REDIS, NO_STORE, FULL)}),
)
async def list_sources(service: TheService) -> SourceList:
    """All sources that a frequency ordering can name, and what their counts mean.

    Workers ask the servers of their sources at most once a minute, and only for two minutes after a request like this.
    """
    return source_list(await service.sources.all())


@router.post(
    "/{name}/counts",
    summary="Look at a source's counts",
    responses={
        200: {"model": CountsResource, "description": "All counts, in the order of the request."},
        202: {"model": CountsProgress, "description": "Counting goes on: post the same request again."},
        **problems(
            {
                **BODY,
                404: ("source_not_found.counts",),
                422: REFUSED_LOOK,
                424: FAILED_LOOK,
                429: ("queue_full", "client_queue_full", *BODY[429]),
                503: (NO_REDIS, NO_STORE, FULL),
            },
            {424: "Counting failed; `code` says why."},
        ),
    },
    openapi_extra=_COUNTS_BODY,
)
async def look_at_counts(name: SourceName, request: Request, service: TheService) -> Response:
    """Count names as an ordering would, without making a stream.

    Counts are kept, and used by later requests and orderings. If the answer is 202, post the same request again, with
    the `counted_since` of that answer instead of `refresh`.
    """
    most_seconds = service.settings.max_wait_seconds
    preferred = preferred_wait(request, most_seconds=most_seconds)
    wait = min(_WAIT_SECONDS, most_seconds) if preferred is None else preferred
    headers = {} if preferred is None else {"Preference-Applied": f"wait={preferred}"}
    client = service.client_of(request.scope)
    async with read_body(request, service) as body:
        if body.is_large:  # its process waits for a moment only: there may be others to work on
            large_wait = min(wait, _LARGE_WAIT_SECONDS)
            return await answer_body(_look, service, body, name, large_wait, {}, client)
        small = Body(body.read())
    return await _look(service, small, name, wait, headers, client)


async def _look(service: Service, body: Body, name: str, wait: int, headers: dict[str, str], client: str) -> Response:
    counts_request = await _counts_request_in(body)
    _check_name(name)
    if name == RANKS:
        return await _look_at_ranks(counts_request, headers)
    look = await service.sources.look(name, counts_request, wait, client)
    match look.state:
        case State.SUCCEEDED:
            content = await asyncio.to_thread(counts_answer, counts_request, look)
            return Response(content, headers=headers, media_type="application/json")
        case State.FAILED:
            return await _failed(name, look, service, headers)
        case _:
            progress = counts_progress(counts_request, look, await service.sources.workers())
            retry = {"Retry-After": str(_RETRY_SECONDS)}
            return JSONResponse(progress.model_dump(), HTTPStatus.ACCEPTED, {**headers, **retry})


async def _look_at_ranks(counts_request: CountsRequest, headers: dict[str, str]) -> Response:
    try:
        content = await asyncio.to_thread(ranks_answer, counts_request)
    except SourceError as error:
        return problem(HTTPStatus.FAILED_DEPENDENCY, error.code, error.detail, headers=headers)
    return Response(content, headers=headers, media_type="application/json")


async def _failed(name: str, look: Record, service: Service, headers: dict[str, str]) -> Response:
    """Answer with the error of the source, as 424; with 404 if no source has this name."""
    error = look.error or {"code": "internal_error", "detail": "The counting failed; see the worker's log."}
    code, detail = str(error["code"]), str(error["detail"])
    if code == "source_not_configured" and not await service.sources.exists(name):
        raise _not_found(await service.sources.known.why_unknown(name) or detail)
    return problem(HTTPStatus.FAILED_DEPENDENCY, code, detail, headers=headers)


async def _counts_request_in(body: Body) -> CountsRequest:
    try:
        return await asyncio.to_thread(lambda: read_counts_request(body.read()))
    except (ValueError, RecursionError) as error:
        raise not_json(body, error) from error


def _check_name(name: str) -> None:
    if name == IN_REQUEST:
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "bad_source",
            f"{IN_REQUEST} has no counts to look at: it stands for the counts in a request for a stream.",
        )
    if not URL_NAME.fullmatch(name):
        raise _not_found("No source can have such a name; GET /v1/sources lists all sources.")


def _not_found(detail: str) -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, "source_not_found", detail)
