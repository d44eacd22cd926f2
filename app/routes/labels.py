"""Labels: for each dataset the list of its classes, in the order in which a trainer numbers them."""

import re
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response

from app.bodies import Body
from app.caching import client_has, immutable_headers
from app.errors import ApiError, not_found
from app.examples import EXAMPLE_LABELS
from app.routes.common import NEEDS_ROOM, TheService, json_body
from app.routes.problems import BODY, FULL, NO_STORE, REFUSED_LABELS, problems
from app.routes.request_bodies import answer_body, read_body
from app.schemas import LabelsResource, labels_resource
from app.service import Service

router = APIRouter(prefix="/v1/labels", tags=["labels"])

DIGEST = re.compile(r"[0-9a-f]{64}")
"""A SHA-256 in hexadecimal, which names labels."""

Digest = Annotated[
    str,
    Path(
        description="The `labels_digest` of labels.",
        json_schema_extra={"pattern": f"^{DIGEST.pattern}$", "example": EXAMPLE_LABELS},
    ),
]

_TWO_DATASETS = {"cifar100": ["apple", "aquarium_fish"], "my-gadgets": ["smart ring", "e-reader"]}
_EXAMPLES = {"two datasets": {"value": _TWO_DATASETS}}


@router.put(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[NEEDS_ROOM],
    summary="Store labels",
    responses={
        200: {"model": LabelsResource, "description": "The service has these labels already."},
        201: {"model": LabelsResource, "description": "Stored: exports can name them."},
        **problems({**BODY, 413: ("body_too_large.labels",), 422: REFUSED_LABELS, 503: (NO_STORE, FULL)}),
    },
    openapi_extra={
        "requestBody": json_body(
            "Labels",
            "For each dataset, its classes in the order of their labels, from 0.",
            _EXAMPLES,
        )
    },
)
async def upload_labels(request: Request, service: TheService) -> Response:
    """Store the list of each dataset whose positions are the labels, and get the digest that names them.

    They belong to no stream: any export of any version can be made with them. A list may have classes that a stream
    lacks.
    """
    async with read_body(request, service, instead="leave out datasets that no stream has") as body:
        return await answer_body(_store_labels, service, body)


async def _store_labels(service: Service, body: Body) -> Response:
    labels = await service.parse_labels(body)
    created = await service.keep_labels(labels)
    return JSONResponse(labels_resource(labels).model_dump(), HTTPStatus.CREATED if created else HTTPStatus.OK)


_LABELS: dict[str, Any] = {
    "description": "The labels, as RFC 8785 canonical JSON.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Labels"}}},
}


@router.get(
    "/{digest}",
    summary="Labels",
    response_class=Response,
    responses={
        200: _LABELS,
        304: {"description": "The client has these labels (If-None-Match)."},
        **problems({404: ("unknown_labels",), 500: ("labels_damaged",), 503: (NO_STORE,)}),
    },
)
async def get_labels(digest: Digest, request: Request, service: TheService) -> Response:
    """Return the list of each dataset. They never change: cache them for ever."""
    document = await service.labels_document(digest) if DIGEST.fullmatch(digest) else None
    if document is None:
        raise unknown_labels(digest)
    headers = immutable_headers(digest)
    if client_has(digest, ", ".join(request.headers.getlist("if-none-match"))):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(document, headers=headers, media_type="application/json")


def unknown_labels(digest: str) -> ApiError:
    """Return the 404 for labels that the service does not have."""
    return not_found(
        "labels",
        f"There are no labels with the digest {digest[:80]}. PUT /v1/labels stores labels and answers with their "
        "digest; the answer to the POST of a stream has the labels_digest of its lists.",
    )
