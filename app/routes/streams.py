"""Streams: request a version, list versions, fetch their parts."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from app.errors import ApiError, not_found, problem_of_record
from app.examples import REQUESTS
from app.parsing import Accepted
from app.routes.common import (
    TheService,
    json_body,
    number_schema,
    pattern_schema,
    prefer_parameter,
    preferred_wait,
)
from app.routes.parts import (
    NUMBER,
    Name,
    Stored,
    Version,
    answer_document,
    document_answer,
    find_numbers,
    find_record,
    parts,
    redirect_latest,
)
from app.routes.problems import BODY, FAILED_JOB, NO_REDIS, NO_STORE, REFUSED_STREAM, problems
from app.routes.request_bodies import not_json, read_body
from app.schemas import (
    JobResource,
    StreamPage,
    StreamSummary,
    VersionPage,
    VersionResource,
    job_resource,
    job_url,
    stream_summary,
    stream_url,
    version_resource,
    version_summary,
    version_url,
)
from app.service import Service
from store.runs import Record
from store.versions import VersionRecord

router = APIRouter(prefix="/v1/streams", tags=["streams"])

Task = Annotated[str, Path(description="A task's number, from 0."), number_schema(minimum=0)]
Limit = Annotated[int, Query(ge=1, le=1000, description="The largest number of entries on a page.")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the previous page.")]
NumberCursor = Annotated[
    str | None, Query(description="`next_cursor` of the previous page.", json_schema_extra=pattern_schema(NUMBER, "1"))
]

_REQUEST_BODY: dict[str, Any] = {
    "requestBody": json_body("StreamRequest", "Class lists or concepts, an ordering and a split.", REQUESTS),
    "parameters": [
        prefer_parameter("wait=N delays the answer until the version is finished, by at most N seconds (RFC 7240).")
    ],
}


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    summary="Request a version of a stream",
    responses={
        200: {"model": VersionResource, "description": "The version that this request has already."},
        201: {"model": VersionResource, "description": "The version, finished within the seconds of Prefer: wait."},
        202: {"model": JobResource, "description": "A job makes the version: follow Location."},
        **problems(
            {
                **BODY,
                422: REFUSED_STREAM,
                424: FAILED_JOB,
                429: ("queue_full",),
                500: ("version_damaged", "record_damaged"),
                503: (NO_REDIS, NO_STORE),
            }
        ),
    },
    openapi_extra=_REQUEST_BODY,
)
async def create_stream(request: Request, service: TheService) -> Response:
    """Arrange concepts and split them into tasks.

    The same request always gets the same version, also from other clients. A different request with the same stream
    name gets the next version number.
    """
    accepted = await _read_request(request, service)
    found = await service.find_or_enqueue(accepted)
    await service.keep_labels(accepted.labels)
    labels = accepted.labels.digest
    if isinstance(found, VersionRecord):
        return _version_answer(found, labels, HTTPStatus.OK)
    wait = preferred_wait(request, most_seconds=service.settings.max_wait_seconds)
    if wait is None:
        return await _job_answer(service, found, labels)
    applied = {"Preference-Applied": f"wait={wait}"}
    job = await service.wait(found, wait)
    record = await service.version_of(job)
    if record is not None:
        return _version_answer(record, labels, HTTPStatus.CREATED, applied)
    if job.state.final:
        return _no_version(job, applied)
    return await _job_answer(service, job, labels, applied)


@router.get("", summary="List streams", responses=problems({422: ("bad_query.limit",), 503: (NO_STORE,)}))
async def list_streams(
    response: Response, service: TheService, limit: Limit = 100, cursor: Cursor = None
) -> StreamPage:
    """All streams by name, a page at a time; the `Link` header has the next page."""
    names = [name for name in await service.stream_names() if cursor is None or name > cursor]
    page = [await _stream_summary(service, name) for name in names[:limit]]
    next_cursor = names[limit - 1] if len(names) > limit else None
    _link_next(response, "/v1/streams", next_cursor, limit)
    return StreamPage(streams=[each for each in page if each is not None], next_cursor=next_cursor)


@router.get(
    "/{name}",
    summary="List the versions of a stream",
    responses=problems(
        {
            404: ("unknown_stream",),
            422: ("bad_stream_name.url", "bad_query.limit"),
            500: ("version_damaged",),
            503: (NO_STORE,),
        }
    ),
)
async def list_versions(
    name: Name, response: Response, service: TheService, limit: Limit = 100, cursor: NumberCursor = None
) -> VersionPage:
    """All versions of a stream, oldest first, a page at a time; the `Link` header has the next page."""
    numbers = await find_numbers(service, name)
    if cursor is not None and not NUMBER.fullmatch(cursor):
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_query", "cursor: it is not the next_cursor of a page.")
    after = int(cursor or 0)
    left = [number for number in numbers if number > after]
    records = [await find_record(service, name, str(number)) for number in left[:limit]]
    next_cursor = str(left[limit - 1]) if len(left) > limit else None
    _link_next(response, stream_url(name), next_cursor, limit)
    return VersionPage(name=name, versions=[version_summary(each) for each in records], next_cursor=next_cursor)


@router.get(
    "/{name}/versions/{version}",
    summary="The manifest of a version",
    response_class=Response,
    responses={200: document_answer("ManifestResource", "The manifest."), **parts()},
)
async def get_manifest(name: Name, version: Version, request: Request, service: TheService) -> Response:
    """Everything needed to make the version again. It never changes: cache it for ever."""
    if version == "latest":
        return await redirect_latest(service, name, "")
    record = await find_record(service, name, version)
    return await answer_document(request, service, Stored(record.digest, service.document))


@router.get(
    "/{name}/versions/{version}/tasks/{task}",
    summary="A task",
    response_class=Response,
    responses={200: document_answer("TaskResource", "The task."), **parts(("unknown_task",))},
)
async def get_task(name: Name, version: Version, task: Task, request: Request, service: TheService) -> Response:
    """The concepts of one task, each with its position and evidence. It never changes: cache it for ever."""
    if version == "latest":
        return await redirect_latest(service, name, f"/tasks/{quote(task)}")
    record = await find_record(service, name, version)
    if not NUMBER.fullmatch(task) or int(task) >= len(record.tasks):
        raise not_found(
            "task", f"Version {version} of {name} has the tasks 0 to {len(record.tasks) - 1}, and no task {task[:20]}."
        )
    digest = record.tasks[int(task)].digest
    return await answer_document(request, service, Stored(digest, service.document))


async def _read_request(request: Request, service: Service) -> Accepted:
    body = await read_body(request, service.settings.max_body_bytes)
    try:
        return await service.parse(body)
    except (ValueError, RecursionError) as error:
        raise not_json(body, error) from error


def _version_answer(
    record: VersionRecord, labels: str, status: HTTPStatus, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    location = {"Location": version_url(record.stream, record.version)}
    return JSONResponse(version_resource(record, labels).model_dump(), status, {**location, **(headers or {})})


async def _job_answer(
    service: Service, job: Record, labels: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    location = {"Location": job_url(job.id), "Retry-After": "1"}
    body = job_resource(job, await service.place(job), labels).model_dump(mode="json")
    return JSONResponse(body, HTTPStatus.ACCEPTED, {**location, **(headers or {})})


def _no_version(job: Record, headers: Mapping[str, str]) -> JSONResponse:
    """Answer a client that waited for a job that failed or was cancelled, with 424 (RFC 4918, 11.4)."""
    error = job.error or {"code": "cancelled", "detail": "The job was cancelled; post the request again to start it."}
    return problem_of_record(error, HTTPStatus.FAILED_DEPENDENCY, {**headers, "Location": job_url(job.id)})


async def _stream_summary(service: Service, name: str) -> StreamSummary | None:
    numbers = await service.version_numbers(name)
    # While the first version of a stream is written, its directory exists without a version.
    record = await service.record(name, numbers[-1]) if numbers else None
    return stream_summary(record) if record is not None else None


def _link_next(response: Response, path: str, cursor: str | None, limit: int) -> None:
    if cursor is not None:
        response.headers["Link"] = f'<{path}?limit={limit}&cursor={quote(cursor)}>; rel="next"'
