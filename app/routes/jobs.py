"""Jobs: read, follow, cancel."""

import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from redis.exceptions import RedisError
from sse_starlette import EventSourceResponse, ServerSentEvent

from app.errors import ApiError, not_found
from app.examples import EXAMPLE_REQUEST
from app.head import IS_HEAD
from app.routes.common import TheService, pattern_schema
from app.routes.problems import FULL, NO_REDIS, problems
from app.schemas import JobList, JobResource, job_resource, job_summary
from app.service import Service
from concept_orderings.errors import StoreError
from store.jobs import job_id
from store.runs import Record

_ID = re.compile(r"[0-9a-f]{32}")
_EVENT_ID = re.compile(r"[0-9]{1,19}(-[0-9]{1,19})?")

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

JobId = Annotated[
    str,
    Path(description="The job's id, from `Location`.", json_schema_extra=pattern_schema(_ID, job_id(EXAMPLE_REQUEST))),
]

Limit = Annotated[int, Query(ge=1, le=1000, description="The largest number of jobs in the answer.")]

_ERRORS = {404: ("unknown_job",), 500: ("record_damaged",), 503: (NO_REDIS, FULL)}

_LAST_EVENT: dict[str, Any] = {
    "parameters": [
        {
            "name": "Last-Event-ID",
            "in": "header",
            "required": False,
            "description": "The id of the last event that the client has; later events follow.",
            "schema": {"type": "string", "pattern": f"^({_EVENT_ID.pattern})?$"},
        }
    ]
}


@router.get(
    "",
    summary="Active and recent jobs",
    responses=problems({422: ("bad_query.limit",), 503: (NO_REDIS, FULL)}),
)
async def list_jobs(service: TheService, limit: Limit = 100) -> JobList:
    """Queued and running jobs in the order in which they were asked for, then finished ones, the last first.

    Of the finished ones at most the last thousand are listed, and none after 7 days.
    """
    return JobList(jobs=[job_summary(each, await service.place(each)) for each in await service.jobs(limit)])


@router.get("/{id}", summary="A job", responses=problems(_ERRORS))
async def get_job(id: JobId, service: TheService) -> JobResource:  # the name in the contract
    """State and progress of a job, and the version that it made or why it failed. Kept for 7 days."""
    return await _resource(service, await _job(service, id))


@router.get(
    "/{id}/events",
    summary="A job as server-sent events",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "Events named `job`, each with the job as JSON.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "The job is finished and the client has all its events: do not reconnect."},
        **problems({**_ERRORS, 422: ("bad_event_id",)}),
    },
    openapi_extra=_LAST_EVENT,
)
async def follow_job(id: JobId, request: Request, service: TheService) -> Response:
    """Every change of a job until it is finished. With `Last-Event-ID`, a client resumes after a broken connection."""
    job = await _job(service, id)
    last_event = request.headers.get("last-event-id") or "0"
    if not _EVENT_ID.fullmatch(last_event):
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "bad_event_id",
            "Last-Event-ID is not the id of an event of this job; leave it out to get all events.",
        )
    if request.scope.get(IS_HEAD):
        return Response(media_type="text/event-stream")
    if job.state.final and last_event != "0" and not await service.has_events_after(job, last_event):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return EventSourceResponse(_events(service, job, last_event), ping=15)


@router.delete(
    "/{id}",
    summary="Cancel a job",
    response_model=JobResource,
    responses={
        200: {"model": JobResource, "description": "The job is cancelled."},
        202: {"model": JobResource, "description": "The job runs, and is asked to stop: follow it."},
        **problems({**_ERRORS, 409: ("job_finished",)}),
    },
)
async def cancel_job(id: JobId, service: TheService) -> JSONResponse:
    """Cancel a queued job at once. Ask a running job to stop, which it does within about a second."""
    await _job(service, id)
    changed = await service.cancel(id)
    job = await _job(service, id)
    if not changed and job.state.final and job.state.value != "cancelled":
        raise ApiError(HTTPStatus.CONFLICT, "job_finished", f"The job has {job.state}; there is nothing to cancel.")
    status = HTTPStatus.OK if job.state.final else HTTPStatus.ACCEPTED
    return JSONResponse((await _resource(service, job)).model_dump(mode="json"), status)


async def _job(service: Service, identifier: str) -> Record:
    job = await service.job(identifier) if _ID.fullmatch(identifier) else None
    if job is None:
        raise not_found("job", "There is no such job, or it finished more than 7 days ago.")
    return job


async def _resource(service: Service, job: Record) -> JobResource:
    return job_resource(job, await service.place(job))


async def _events(service: Service, job: Record, last_event: str) -> AsyncIterator[ServerSentEvent]:
    try:
        async for event, then in service.follow(job, last_event):
            yield ServerSentEvent((await _resource(service, then)).model_dump_json(), event="job", id=event)
    except (RedisError, OSError, StoreError):
        # The status has been sent already, so closing is the only way to report it; the client resumes.
        return
