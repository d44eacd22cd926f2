"""Counts files: counts that were made elsewhere, uploaded once, and then a source like any other."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from app.bodies import Body
from app.errors import ApiError
from app.routes.common import NEEDS_ROOM, TheService, pattern_schema
from app.routes.problems import BODY, FULL, NO_REDIS, NO_STORE, REFUSED_FILE, problems
from app.routes.request_bodies import answer_body, read_body
from app.routes.uploads import (
    MOST_DESCRIPTION,
    Upload,
    description_of,
    description_schema,
    name_is_taken,
    name_was_deleted,
    no_such_file,
)
from app.service import Service
from app.source_schemas import SourceResource, source_resource
from app.uploaded_counts import MEDIA_TYPES
from concept_orderings.canonical import LARGEST_INTEGER
from concept_orderings.errors import BadValue
from concept_orderings.evidence.counts import RESERVED
from concept_orderings.text import shown
from concept_orderings.url_names import URL_NAME, URL_NAME_RULE
from store.counts_files import CountsMeaning
from store.sources import SourceReport
from store.uploaded_files import Stored

router = APIRouter(prefix="/v1/sources", tags=["sources"])

Name = Annotated[
    str,
    Path(
        description="The name to give as an ordering's source.",
        json_schema_extra={**pattern_schema(URL_NAME, "my-counts"), "not": {"enum": list(RESERVED)}},
    ),
]
Unit = Annotated[
    Literal["documents", "occurrences"],
    Query(description="What was counted: documents that contain a name, or occurrences of it."),
]
Corpus = Annotated[
    str,
    Query(
        min_length=1,
        max_length=MOST_DESCRIPTION,
        description="The corpus in which the names were counted, described for readers of manifests.",
        json_schema_extra=description_schema("C4 (en), 2019-04 snapshot"),
    ),
]
Size = Annotated[
    int | None,
    Query(ge=0, le=LARGEST_INTEGER, description="The size of the corpus in this unit; no count may be larger."),
]

UPLOAD = Upload(
    title="counts file",
    parameters=("unit", "corpus", "documents", "tokens"),
    media_types=MEDIA_TYPES,
    description="Names and their counts: integers from 0. Underscores and slashes are read as spaces.",
    csv_example="name,count\naquarium fish,388\nsunflower,91042\n",
    json_example='{"name": "aquarium fish", "count": 388}\n{"name": "sunflower", "count": 91042}\n',
)


@router.put(
    "/{name}",
    status_code=HTTPStatus.CREATED,
    dependencies=[NEEDS_ROOM],
    summary="Upload a counts file",
    responses={
        200: {"model": SourceResource, "description": "The name has exactly this content already."},
        201: {"model": SourceResource, "description": "Stored: orderings can name it as their source."},
        **problems(
            {
                400: BODY[400],
                409: ("source_exists",),
                413: ("body_too_large.file",),
                415: ("unsupported_media_type.file",),
                422: REFUSED_FILE,
                429: BODY[429],
                500: ("counts_file_damaged",),
                503: (NO_REDIS, NO_STORE, FULL, "no_workers"),
            },
            {
                409: "The name belongs to another source, or to other counts.",
                503: "Redis, the store or the workers are unavailable; see Retry-After.",
            },
        ),
    },
    openapi_extra=UPLOAD.openapi,
)
async def upload_counts(
    name: Name,
    unit: Unit,
    corpus: Corpus,
    request: Request,
    service: TheService,
    documents: Size = None,
    tokens: Size = None,
) -> Response:
    """Store counts under a name, which stands for them for ever: an order that is based on them can then be cited.

    Two rows for one name must agree. The file must have a count for every class name of an ordering that uses it.
    """
    _check_name(name)
    UPLOAD.check_parameters(request)
    media_type = UPLOAD.media_type_of(request)
    described = description_of(corpus, "corpus", "Describe the corpus in which the names were counted")
    meaning = CountsMeaning(unit=unit, corpus=described, documents=documents, tokens=tokens)
    await _check_not_taken(name, service)
    instead = "leave out names that are in no class list, or send Parquet"
    async with read_body(request, service, instead=instead, is_json=False) as body:
        return await answer_body(_store, service, body, name, asdict(meaning), media_type)


async def _store(service: Service, body: Body, name: str, meaning: dict[str, Any], media_type: str) -> Response:
    record, stored = await service.sources.store_file(name, CountsMeaning(**meaning), body.read(), media_type)
    if stored is Stored.DELETED:
        raise name_was_deleted(record, f"{record.meaning.unit} of {shown(record.meaning.corpus)}")
    if stored is Stored.OTHER:
        raise name_is_taken(
            f"The source {name} exists already, with other counts or another unit, corpus or size: {record.names} "
            f"names, {record.meaning.unit} of {shown(record.meaning.corpus)}. Stored counts are never replaced: choose "
            "another name."
        )
    resource = source_resource(SourceReport.available(record.facts))
    return JSONResponse(resource.model_dump(), HTTPStatus.CREATED if stored is Stored.NEW else HTTPStatus.OK)


@router.delete(
    "/{name}",
    status_code=HTTPStatus.NO_CONTENT,
    summary="Delete a counts file",
    response_class=Response,
    responses={
        204: {"description": "Deleted."},
        **problems(
            {404: ("source_not_found.file",), 500: ("counts_file_damaged",), 503: (NO_STORE, FULL)},
            {404: "There is no counts file of that name.", 503: "The store is unavailable; see Retry-After."},
        ),
    },
)
async def delete_counts(name: Name, service: TheService) -> Response:
    """Delete a counts file. Versions that were ordered by it have their evidence and stay what they are.

    Only the same counts can be uploaded under the name again: a name stands for one content for ever. An index, or a
    source in the file of sources, is not deleted; it may have the same name, and goes on.
    """
    if not URL_NAME.fullmatch(name) or not await service.sources.delete_file(name):
        raise no_such_file(
            f"There is no counts file {shown(name)}; GET /v1/sources lists all sources, and those of "
            "the kind file can be deleted."
        )
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _check_name(name: str) -> None:
    # A reserved name is kept also where its source is not available: a counts file would take the name for ever.
    if not URL_NAME.fullmatch(name) or name in RESERVED:
        raise BadValue(
            "bad_source_name", f"The name of a counts file {URL_NAME_RULE}, and is none of {', '.join(RESERVED)}."
        )


async def _check_not_taken(name: str, service: Service) -> None:
    """Refuse the name of a source that workers have: orderings would not use the file."""
    if not await service.sources.any_reported():
        raise ApiError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "no_workers",
            "No worker has reported its sources in the last 30 seconds, so the name may be taken. Start a worker, or "
            "see its log; try again after the seconds in Retry-After.",
        )
    if (kind := await service.sources.kind_reported(name)) is not None:
        raise name_is_taken(f"The workers have a source {name} of the kind {kind}: choose another name.")
