"""The orderings and the built-in datasets."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from app.caching import client_has, revalidated_headers
from app.errors import not_found
from app.routes.common import TheService
from app.routes.problems import problems
from app.schemas import (
    DatasetList,
    DatasetResource,
    DatasetWithClasses,
    OrderingList,
    OrderingResource,
    ParameterResource,
)
from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.catalogue import CATALOGUE, KnownDataset, find_dataset
from concept_orderings.class_lists import class_list, outside_streams
from concept_orderings.nearest_names import nearest_dataset, shown_beside_dataset
from concept_orderings.orderings import ORDERINGS, Ordering, defaults_for

router = APIRouter(prefix="/v1", tags=["catalogue"])


@router.get("/orderings", summary="The orderings")
async def list_orderings(service: TheService) -> OrderingList:
    """All kinds of ordering, the evidence each needs, and its parameters with this service's defaults."""
    return OrderingList(orderings=[_ordering_resource(each, service.defaults) for each in ORDERINGS.values()])


@router.get("/datasets", summary="The built-in catalogue")
async def list_datasets() -> DatasetList:
    """The 63 datasets of the FoMo-in-Flux benchmark: years, caption templates and zero-shot scores."""
    return DatasetList(datasets=[DatasetResource.model_validate(_facts(each)) for each in CATALOGUE])


@router.get(
    "/datasets/{name}",
    summary="A dataset with its classes",
    response_model=DatasetWithClasses,
    responses={
        304: {"description": "The client has this document (If-None-Match)."},
        **problems({404: ("unknown_dataset.url",)}),
    },
)
async def get_dataset(
    name: Annotated[str, Path(description="Either of its names.", json_schema_extra={"example": "cifar100"})],
    request: Request,
) -> Response:
    """A dataset of the catalogue with its classes, in the order in which its labels are numbered.

    It changes with releases of this service alone: caches ask again with `If-None-Match`, and get 304.
    """
    known = find_dataset(name)
    if known is None:
        near = nearest_dataset(name)
        meant = f"did you mean {near}? " if near is not None else ""
        quoted = shown_beside_dataset(name, near)
        raise not_found("dataset", f"The catalogue has no dataset {quoted}; {meant}GET /v1/datasets lists all 63.")
    document = _document(known)
    headers = revalidated_headers(sha256_hex(document))
    if client_has(sha256_hex(document), ", ".join(request.headers.getlist("if-none-match"))):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(document, headers=headers, media_type="application/json")


def _facts(known: KnownDataset) -> dict[str, Any]:
    """Return what the list of all datasets says of each."""
    return {**asdict(known), "url": f"/v1/datasets/{known.handle}"}


@cache
def _document(known: KnownDataset) -> bytes:
    names, left_out = class_list(known), outside_streams(known)
    in_streams = len(names or ()) - len(left_out) if known.split == "adaptation" else 0
    more = {
        "class_list": names,
        "classes_in_streams": in_streams,
        "left_out": [name for name in names or () if name in left_out],
    }
    return canonical_json(DatasetWithClasses.model_validate({**_facts(known), **more}).model_dump(mode="json"))


def _ordering_resource(ordering: type[Ordering], defaults: Mapping[str, object]) -> OrderingResource:
    own = defaults_for(ordering, defaults)
    return OrderingResource(
        kind=ordering.kind,
        version=ordering.version,
        summary=ordering.summary,
        needs=sorted(ordering.needs),
        has_own_concepts=ordering.has_own_concepts,
        parameters=[
            ParameterResource.model_validate({**asdict(each), "default": own.get(each.name, each.default)})
            for each in ordering.parameters()
        ],
    )
