"""Streams: request a version, list versions, fetch their parts."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Annotated, Any, TypeAlias
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from app.errors import ApiError, not_found, problem_of_records
from app.examples import REQUESTS
from app.known_requests import KnownRequest
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
    find_latest,
    find_record,
    parts,
    redirect_latest,
)
from app.routes.problems import BODY, FAILED_JOB, FULL, NO_REDIS, NO_STORE, REFUSED_STREAM, problems
from app.routes.request_bodies import read_body
from app.schemas import (
    DamagedStream,
    JobResource,
    StreamPage,
    StreamSummary,
    VariantsResource,
    VersionPage,
    VersionResource,
    job_resource,
    job_url,
    listed_stream,
    listed_version,
    stream_url,
    variant_resource,
    variants_resource,
    version_resource,
    version_url,
)
from app.service import Answered, Service
from store import object_keys
from store.jobs import PlaceInQueue, stream_of
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
        200: {
            "model": VersionResource | VariantsResource,
            "description": "The version that this request has already, or all its variants.",
        },
        201: {
            "model": VersionResource | VariantsResource,
            "description": "The version, or all variants, finished within the seconds of Prefer: wait.",
        },
        202: {
            "model": JobResource | VariantsResource,
            "description": "A job makes the version: follow Location. Of variants, each unfinished one has a job.",
        },
        **problems(
            {
                **BODY,
                422: REFUSED_STREAM,
                424: FAILED_JOB,
                429: ("queue_full", "client_queue_full", *BODY[429]),
                500: ("version_damaged", "record_damaged"),
                503: (NO_REDIS, NO_STORE, FULL),
            }
        ),
    },
    openapi_extra=_REQUEST_BODY,
)
async def create_stream(request: Request, service: TheService) -> Response:
    """Arrange concepts and split them into tasks.

    The same request always gets the same version, also from other clients. A different request with the same stream
    name gets the next version number. With `variants`, one request asks for versions with several seeds.
    """
    asked, found, _ = await _find_or_enqueue(request, service)
    answer = partial(_answer if asked.first_seed is None else _variants_answer, service, asked)
    if _are_finished(found):
        return await answer(found, HTTPStatus.OK, {})
    wait = preferred_wait(request, most_seconds=service.settings.max_wait_seconds)
    if wait is None:
        return await answer(found, HTTPStatus.ACCEPTED, {})
    applied = {"Preference-Applied": f"wait={wait}"}
    found = await asyncio.gather(*(service.wait_for_version(each, wait) for each in found))
    failed = [each for each in found if isinstance(each, Record) and each.state.final]
    if failed:
        return _no_version(failed, applied, are_variants=asked.first_seed is not None)
    return await answer(found, HTTPStatus.CREATED if _are_finished(found) else HTTPStatus.ACCEPTED, applied)


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
            503: (NO_STORE,),
        }
    ),
)
async def list_versions(
    name: Name, response: Response, service: TheService, limit: Limit = 100, cursor: NumberCursor = None
) -> VersionPage:
    """All versions of a stream, oldest first, a page at a time; the `Link` header has the next page.

    One that is damaged has `damaged`, and is none the less listed.
    """
    await find_latest(service, name)
    if cursor is not None and not NUMBER.fullmatch(cursor):
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_query", "cursor: it is not the next_cursor of a page.")
    listed, has_more = await service.listing.page(name, after=int(cursor or 0), most=limit)
    next_cursor = str(listed[-1].version) if has_more else None
    _link_next(response, stream_url(name), next_cursor, limit)
    return VersionPage(
        name=name,
        description=await service.description(name),
        versions=[listed_version(each) for each in listed],
        next_cursor=next_cursor,
    )


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
    return await answer_document(request, service, Stored(record.digest, service.document, key=object_keys.document))


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
    return await answer_document(request, service, Stored(digest, service.document, key=object_keys.document))


_Made: TypeAlias = Sequence[VersionRecord | Record]


async def _find_or_enqueue(request: Request, service: Service) -> Answered:
    key = service.known.hasher()
    async with read_body(request, service, watch=key.update) as body:
        return await service.find_or_enqueue_body(body, key.digest(), service.client_of(request.scope))


def _are_finished(made: _Made) -> bool:
    return all(isinstance(each, VersionRecord) for each in made)


async def _answer(
    service: Service, asked: KnownRequest, made: _Made, status: HTTPStatus, headers: Mapping[str, str]
) -> JSONResponse:
    (found,), labels = made, asked.labels_digest
    if isinstance(found, VersionRecord):
        location = {"Location": version_url(found.stream, found.version)}
        return JSONResponse(version_resource(found, labels).model_dump(), status, {**location, **headers})
    resource = job_resource(found, await service.place(found), labels)
    location = {"Location": job_url(found.id), "Retry-After": "1"}
    return JSONResponse(resource.model_dump(mode="json"), status, {**location, **headers})


async def _variants_answer(
    service: Service, asked: KnownRequest, made: _Made, status: HTTPStatus, headers: Mapping[str, str]
) -> JSONResponse:
    labels = asked.labels_digest
    # Not that of the ordering, which may leave it to the ordering inside groups.
    seeds = count(asked.first_seed or 0)
    places = await asyncio.gather(*(_place(service, each) for each in made))
    variants = [
        variant_resource(
            name,
            seed,
            labels,
            each if isinstance(each, VersionRecord) else job_resource(each, place, labels),
        )
        for seed, (name, _), each, place in zip(seeds, asked.identities, made, places, strict=False)
    ]
    retry = {"Retry-After": "1"} if status is HTTPStatus.ACCEPTED else {}
    body = variants_resource(variants, labels).model_dump(mode="json")
    return JSONResponse(body, status, {**retry, **headers})


async def _place(service: Service, made: VersionRecord | Record) -> PlaceInQueue | None:
    return None if isinstance(made, VersionRecord) else await service.place(made)


def _no_version(failed: Sequence[Record], headers: Mapping[str, str], *, are_variants: bool) -> JSONResponse:
    """Answer a client that waited for jobs that failed or were cancelled, with 424 (RFC 4918, 11.4)."""
    cancelled = {"code": "cancelled", "detail": "The job was cancelled; post the request again to start it."}
    errors = [each.error or cancelled for each in failed]
    if are_variants:
        errors = [
            {**error, "detail": f"{stream_of(each)}: {error['detail']}"}
            for each, error in zip(failed, errors, strict=True)
        ]
    return problem_of_records(errors, HTTPStatus.FAILED_DEPENDENCY, {**headers, "Location": job_url(failed[0].id)})


async def _stream_summary(service: Service, name: str) -> StreamSummary | DamagedStream | None:
    newest, description = await asyncio.gather(service.listing.newest(name), service.description(name))
    # While the first version of a stream is written, its directory exists without a version.
    return None if newest is None else listed_stream(newest, description)


def _link_next(response: Response, path: str, cursor: str | None, limit: int) -> None:
    if cursor is not None:
        response.headers["Link"] = f'<{path}?limit={limit}&cursor={quote(cursor)}>; rel="next"'
