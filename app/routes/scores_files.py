"""Scores files: scores of a model that were measured elsewhere, uploaded once, and then a source of `performance`."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from app.bodies import Body
from app.routes.common import NEEDS_ROOM, TheService, pattern_schema
from app.routes.problems import BODY, FULL, NO_STORE, REFUSED_SCORES_FILE, problems
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
from app.scores_schemas import ScoresList, ScoresResource, scores_list, scores_resource
from app.service import Service
from app.uploaded_scores import MEDIA_TYPES
from concept_orderings.errors import BadValue
from concept_orderings.evidence.named_scores import Direction
from concept_orderings.text import shown
from concept_orderings.url_names import URL_NAME, URL_NAME_RULE
from store.scores_files import ScoresMeaning
from store.uploaded_files import Stored

router = APIRouter(prefix="/v1/scores", tags=["scores"])

RESERVED = ("request", "catalogue")
"""What manifests call scores without a name."""

Name = Annotated[
    str,
    Path(
        description="The name to give as an ordering's source.", json_schema_extra=pattern_schema(URL_NAME, "my-scores")
    ),
]
Model = Annotated[
    str,
    Query(
        min_length=1,
        max_length=MOST_DESCRIPTION,
        description="The model that was scored, described for readers of manifests.",
        json_schema_extra=description_schema("OpenCLIP ViT-B/32, laion2b_s34b_b79k"),
    ),
]
Metric = Annotated[
    str,
    Query(
        min_length=1,
        max_length=MOST_DESCRIPTION,
        description="What was measured, and its unit, described for readers of manifests.",
        json_schema_extra=description_schema("zero-shot top-1 accuracy in percent"),
    ),
]
TheDirection = Annotated[Direction, Query(description="Which scores are easier. Of a loss, the lower ones are.")]

UPLOAD = Upload(
    title="scores file",
    parameters=("model", "metric", "direction"),
    media_types=MEDIA_TYPES,
    description="Scores by dataset and class: finite numbers. A dataset has either of its catalogue names; a row "
    "without a class is the score of all classes of its dataset.",
    csv_example="dataset,class,score\ncifar100,bear,71.5\ncifar100,otter,64.0\ndtd,,44.2\n",
    json_example='{"dataset": "cifar100", "class": "bear", "score": 71.5}\n{"dataset": "dtd", "score": 44.2}\n',
)


@router.put(
    "/{name}",
    status_code=HTTPStatus.CREATED,
    dependencies=[NEEDS_ROOM],
    summary="Upload a scores file",
    responses={
        200: {"model": ScoresResource, "description": "The name has exactly this content already."},
        201: {"model": ScoresResource, "description": "Stored: orderings can name it as their source."},
        **problems(
            {
                400: BODY[400],
                409: ("source_exists.scores",),
                413: ("body_too_large.scores",),
                415: ("unsupported_media_type.scores",),
                422: REFUSED_SCORES_FILE,
                429: BODY[429],
                500: ("scores_file_damaged",),
                503: (NO_STORE, FULL),
            },
            {409: "The name belongs to other scores.", 503: "The store is unavailable; see Retry-After."},
        ),
    },
    openapi_extra=UPLOAD.openapi,
)
async def upload_scores(
    name: Name,
    model: Model,
    metric: Metric,
    direction: TheDirection,
    request: Request,
    service: TheService,
) -> Response:
    """Store scores under a name, which stands for them for ever: an order that is based on them can then be cited.

    Two rows for one name must agree. The file must have a score for every concept of an ordering that uses it.
    """
    if not URL_NAME.fullmatch(name) or name in RESERVED:
        raise BadValue(
            "bad_source_name", f"The name of a scores file {URL_NAME_RULE}, and is neither {' nor '.join(RESERVED)}."
        )
    UPLOAD.check_parameters(request)
    media_type = UPLOAD.media_type_of(request)
    meaning = ScoresMeaning(
        model=description_of(model, "model", "Describe the model that was scored"),
        metric=description_of(metric, "metric", "Describe what was measured, and its unit"),
        direction=direction,
    )
    instead = "leave out concepts that are in no class list, or send Parquet"
    async with read_body(request, service, instead=instead, is_json=False) as body:
        return await answer_body(_store, service, body, name, asdict(meaning), media_type)


async def _store(service: Service, body: Body, name: str, meaning: dict[str, Any], media_type: str) -> Response:
    record, stored = await service.scores.store_file(name, ScoresMeaning(**meaning), body.read(), media_type)
    if stored is Stored.DELETED:
        raise name_was_deleted(record, f"scores of {shown(record.meaning.model)}, {shown(record.meaning.metric)}")
    if stored is Stored.OTHER:
        raise name_is_taken(
            f"The scores file {name} exists already, with other scores or another model, metric or direction: "
            f"{record.names} scores of {shown(record.meaning.model)}, {shown(record.meaning.metric)}, "
            f"{record.meaning.direction}. Stored scores are never replaced: choose another name."
        )
    resource = scores_resource(record)
    return JSONResponse(resource.model_dump(), HTTPStatus.CREATED if stored is Stored.NEW else HTTPStatus.OK)


@router.get("", summary="List scores files", response_model=ScoresList, responses=problems({503: (NO_STORE,)}))
async def list_scores(service: TheService) -> ScoresList:
    """All scores files that a performance ordering can name, and what their scores mean."""
    return scores_list(await service.scores.all())


@router.get(
    "/{name}",
    summary="A scores file",
    response_model=ScoresResource,
    responses=problems({404: ("source_not_found.scores",), 500: ("scores_file_damaged",), 503: (NO_STORE,)}),
)
async def get_scores(name: Name, service: TheService) -> ScoresResource:
    """What the scores of a file mean, and the digest that manifests have of them."""
    record = await service.scores.record(name)
    if record is None:
        raise no_such_file(await _why_unknown(name, service))
    return scores_resource(record)


@router.delete(
    "/{name}",
    status_code=HTTPStatus.NO_CONTENT,
    summary="Delete a scores file",
    response_class=Response,
    responses={
        204: {"description": "Deleted."},
        **problems({404: ("source_not_found.scores",), 500: ("scores_file_damaged",), 503: (NO_STORE, FULL)}),
    },
)
async def delete_scores(name: Name, service: TheService) -> Response:
    """Delete a scores file. Versions that were ordered by it have their evidence and stay what they are.

    Only the same scores can be uploaded under the name again: a name stands for one content for ever.
    """
    if not URL_NAME.fullmatch(name) or not await service.scores.delete_file(name):
        raise no_such_file(await _why_unknown(name, service))
    return Response(status_code=HTTPStatus.NO_CONTENT)


async def _why_unknown(name: str, service: Service) -> str:
    why = await service.scores.why_unknown(name) if URL_NAME.fullmatch(name) else None
    return why or "No scores file can have such a name; GET /v1/scores lists all scores files."
