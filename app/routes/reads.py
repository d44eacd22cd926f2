"""Further ways to read versions: their tasks, all concepts in one answer, pages of them, and versions by digest."""

import re
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app.errors import ApiError
from app.routes.common import TheService
from app.routes.parts import (
    Name,
    Stored,
    Version,
    answer_document,
    answer_value,
    find_record,
    parts,
    preferred_type,
    redirect_latest,
)
from app.routes.problems import NO_STORE, problems
from app.rows import Filters, find_rows
from app.schemas import FoundVersions, TaskList, task_links, version_summary, version_url
from app.version_schemas import RowPage
from concept_orderings.exporters.order import ORDER_FORMS
from store import object_keys

router = APIRouter(tags=["streams"])

_DIGEST = re.compile(r"[0-9a-f]{12,64}")
_VERSION = "/v1/streams/{name}/versions/{version}"

Digest = Annotated[
    str,
    Query(
        description="The digest of a version, or its first 12 digits or more.",
        json_schema_extra={"pattern": f"^{_DIGEST.pattern}$", "example": "0f" * 6},
    ),
]


class RowQuery(BaseModel):
    """Which concepts a page has."""

    # A misspelt filter would be ignored, and all concepts taken for those that pass it.
    model_config = ConfigDict(extra="forbid")

    offset: int = Field(0, ge=0, le=10**9, description="How many of the concepts that the filters leave to skip.")
    limit: int = Field(100, ge=1, le=1000, description="The largest number of concepts in the answer.")
    dataset: str = Field("", description="Only concepts of this dataset, by either name.")
    q: str = Field("", max_length=1000, description="Only concepts that contain this text, in any case.")


_ORDER: dict[str, Any] = {
    "description": "All concepts in order.",
    "content": {media_type: {"schema": form.json_schema} for media_type, form in ORDER_FORMS.items()},
}


@router.get(
    f"{_VERSION}/tasks",
    summary="The tasks of a version",
    response_class=Response,
    responses={200: {"model": TaskList, "description": "The tasks."}, **parts()},
)
async def list_tasks(name: Name, version: Version, request: Request, service: TheService) -> Response:
    """The number, the size, the digest and the URL of each task, without its concepts."""
    if version == "latest":
        return await redirect_latest(service, name, "/tasks")
    record = await find_record(service, name, version)
    tasks = [each.model_dump() for each in task_links(record)]
    return await answer_value(
        request, service, {"name": name, "version": record.version, "digest": record.digest, "tasks": tasks}
    )


@router.get(
    f"{_VERSION}/order",
    summary="All concepts of a version",
    response_class=Response,
    responses={200: _ORDER, **parts()},
)
async def get_order(name: Name, version: Version, request: Request, service: TheService) -> Response:
    """All concepts in one answer, each as its task shows it and with the number of its task.

    A JSON array, or with `Accept: application/x-ndjson` a line for each. It never changes: cache it for ever.
    """
    if version == "latest":
        return await redirect_latest(service, name, "/order")
    record = await find_record(service, name, version)
    form = ORDER_FORMS[preferred_type(request, list(ORDER_FORMS))]()
    kept = await service.exports.get(record, form, form.version, None)
    assert kept is not None  # it is the form's only version
    vary = "Accept, Accept-Encoding"
    stored = Stored(kept.digest, service.document, media_type=kept.media_type, vary=vary, key=object_keys.document)
    return await answer_document(request, service, stored)


@router.get(
    f"{_VERSION}/rows",
    summary="A page of the concepts of a version",
    response_class=Response,
    responses={200: {"model": RowPage, "description": "The concepts."}, **parts(refused=("bad_query.limit",))},
)
async def list_rows(
    name: Name, version: Version, request: Request, service: TheService, query: Annotated[RowQuery, Query()]
) -> Response:
    """Concepts in order, each with its evidence and the number of its task; `offset` counts what the filters leave."""
    if version == "latest":
        return await redirect_latest(service, name, f"/rows?{urlencode(query.model_dump())}")
    record = await find_record(service, name, version)
    found = await find_rows(record, service.document, Filters(query.dataset, query.q), query.offset, query.limit)
    end = query.offset + len(found.rows)
    following = urlencode({**query.model_dump(), "offset": end})
    next_url = f"{version_url(name, record.version)}/rows?{following}"
    return await answer_value(
        request,
        service,
        {
            "name": name,
            "version": record.version,
            "total": found.total,
            "offset": query.offset,
            "rows": found.rows,
            "next_url": next_url if found.rows and end < found.total else None,
        },
    )


@router.get(
    "/v1/versions",
    summary="The versions of a digest",
    responses=problems({422: ("bad_query.digest",), 500: ("version_damaged",), 503: (NO_STORE,)}),
)
async def look_up_versions(digest: Digest, service: TheService) -> FoundVersions:
    """The versions whose digest is this one, or begins with it; none if the service has none."""
    if not _DIGEST.fullmatch(digest):
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "bad_query",
            "digest: give the digest of a version, 64 hexadecimal digits in lower case, or its first 12 or more.",
        )
    return FoundVersions(versions=[version_summary(each) for each in await service.versions_of(digest)])
