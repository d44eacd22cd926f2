"""Counts files: counts that were made elsewhere, uploaded once, and then a source like any other."""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from app.errors import ApiError
from app.routes.common import TheService, pattern_schema
from app.routes.problems import BODY, NO_REDIS, NO_STORE, REFUSED_FILE, problems
from app.routes.request_bodies import is_gzip, read_body
from app.service import Service
from app.source_schemas import SourceResource, source_resource
from app.uploaded_counts import ANY_FORMAT, CSV, MEDIA_TYPES, PARQUET
from concept_orderings.canonical import LARGEST_INTEGER
from concept_orderings.errors import BadParameter, BadValue
from concept_orderings.evidence.counts import RESERVED
from concept_orderings.faults import Faults
from concept_orderings.text import VISIBLE, is_plain_text, schema_pattern, shown, shows_something
from concept_orderings.url_names import URL_NAME, URL_NAME_RULE
from store.counts_files import CountsMeaning, Stored
from store.sources import SourceReport

router = APIRouter(prefix="/v1/sources", tags=["sources"])

_MOST_CORPUS = 500

Name = Annotated[
    str,
    Path(
        description="The name to give as an ordering's source.", json_schema_extra=pattern_schema(URL_NAME, "my-counts")
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
        max_length=_MOST_CORPUS,
        description="The corpus in which the names were counted, described for readers of manifests.",
        json_schema_extra={"pattern": schema_pattern(VISIBLE), "example": "C4 (en), 2019-04 snapshot"},
    ),
]
Size = Annotated[
    int | None,
    Query(ge=0, le=LARGEST_INTEGER, description="The size of the corpus in this unit; no count may be larger."),
]

_PARAMETERS = ("unit", "corpus", "documents", "tokens")

_CSV_EXAMPLE = "name,count\naquarium fish,388\nsunflower,91042\n"
_JSON_EXAMPLE = '{"name": "aquarium fish", "count": 388}\n{"name": "sunflower", "count": 91042}\n'


def _content(media_type: str, description: str) -> dict[str, Any]:
    if media_type in (PARQUET, ANY_FORMAT):
        return {"schema": {"type": "string", "format": "binary", "description": description}}
    example = _CSV_EXAMPLE if media_type == CSV else _JSON_EXAMPLE
    return {"schema": {"type": "string", "description": description}, "example": example}


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Names and their counts: integers from 0. Underscores and slashes are read as spaces.",
        "content": {
            **{each: _content(each, description) for each, description in MEDIA_TYPES.items()},
            # The only type for bytes that some generators of clients know.
            ANY_FORMAT: _content(ANY_FORMAT, "A file in any of the other formats, which its first bytes tell."),
        },
    }
}


@router.put(
    "/{name}",
    status_code=HTTPStatus.CREATED,
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
                500: ("counts_file_damaged",),
                503: (NO_REDIS, NO_STORE, "no_workers"),
            },
            {
                409: "The name belongs to another source, or to other counts.",
                503: "Redis, the store or the workers are unavailable; see Retry-After.",
            },
        ),
    },
    openapi_extra=_BODY,
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
    """Store counts under a name, for ever: an order that is based on them can then be cited.

    Two rows for one name must agree. The file must have a count for every class name of an ordering that uses it.
    """
    _check_name(name)
    _check_parameters(request)
    media_type = _media_type(request)
    meaning = CountsMeaning(unit=unit, corpus=_description_of(corpus), documents=documents, tokens=tokens)
    await _check_not_taken(name, service)
    body = await read_body(
        request, service.settings.max_body_bytes, instead="leave out names that are in no class list, or send Parquet"
    )
    record, stored = await service.sources.store_file(name, meaning, body, media_type)
    if stored is Stored.OTHER:
        raise _exists(
            f"The source {name} exists already, with other counts or another unit, corpus or size: {record.names} "
            f"names, {record.meaning.unit} of {shown(record.meaning.corpus)}. Stored counts are never replaced: choose "
            "another name."
        )
    resource = source_resource(SourceReport.available(record.facts))
    return JSONResponse(resource.model_dump(), HTTPStatus.CREATED if stored is Stored.NEW else HTTPStatus.OK)


def _check_name(name: str) -> None:
    # A reserved name is kept also where its source is not available: a counts file would take the name for ever.
    if not URL_NAME.fullmatch(name) or name in RESERVED:
        raise BadValue(
            "bad_source_name", f"The name of a counts file {URL_NAME_RULE}, and is none of {', '.join(RESERVED)}."
        )


def _check_parameters(request: Request) -> None:
    """Refuse parameters that are unknown or given twice: a stored counts file cannot be corrected."""
    given = [each for each, _ in request.query_params.multi_items()]
    faults = Faults()
    for each in sorted(set(given).difference(_PARAMETERS)):
        detail = f"The parameter {shown(each)} is unknown; the parameters are {', '.join(_PARAMETERS)}."
        faults.add(BadParameter("unknown_parameter", detail))
    for each in _PARAMETERS:
        if given.count(each) > 1:
            faults.add(BadValue("duplicate_field", f"The parameter {each} is given twice; leave one out."))
    faults.refuse()


async def _check_not_taken(name: str, service: Service) -> None:
    """Refuse the name of a source that workers have: neither could be used, and the file could not be removed."""
    if not await service.sources.any_reported():
        raise ApiError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "no_workers",
            "No worker has reported its sources in the last 30 seconds, so the name may be taken. Start a worker, or "
            "see its log; try again after the seconds in Retry-After.",
        )
    if (kind := await service.sources.kind_reported(name)) is not None:
        raise _exists(f"The workers have a source {name} of the kind {kind}: choose another name.")


def _media_type(request: Request) -> str:
    """Return the media type of the body, one of `MEDIA_TYPES` or `ANY_FORMAT` (RFC 9110, 8.3)."""
    media_type, *parameters = (part.strip() for part in request.headers.get("content-type", "").lower().split(";"))
    charsets = {each.partition("=")[2].strip('" ') for each in parameters if each.startswith("charset=")}
    is_gzip(request)  # refuses another coding before the body is read
    if media_type not in (*MEDIA_TYPES, ANY_FORMAT) or charsets - {"utf-8", "utf8", "us-ascii"}:
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            f"Send a counts file, text in UTF-8, with one of these as Content-Type: {', '.join(MEDIA_TYPES)}. A file "
            "that is packed with gzip has the same Content-Type, and Content-Encoding: gzip.",
        )
    return media_type


def _description_of(corpus: str) -> str:
    text = " ".join(corpus.split())
    if not shows_something(text) or not is_plain_text(text):
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "bad_query",
            "corpus: Describe the corpus in which the names were counted, without control characters.",
        )
    return text


def _exists(detail: str) -> ApiError:
    return ApiError(HTTPStatus.CONFLICT, "source_exists", detail)
