"""The orderings and the built-in datasets."""

from collections.abc import Mapping
from dataclasses import asdict

from fastapi import APIRouter

from app.routes.common import TheService
from app.schemas import DatasetList, DatasetResource, OrderingList, OrderingResource, ParameterResource
from concept_orderings.catalogue import CATALOGUE
from concept_orderings.orderings import ORDERINGS, Ordering, defaults_for

router = APIRouter(prefix="/v1", tags=["catalogue"])


@router.get("/orderings", summary="The orderings")
async def list_orderings(service: TheService) -> OrderingList:
    """All kinds of ordering, the evidence each needs, and its parameters with this service's defaults."""
    return OrderingList(orderings=[_ordering_resource(each, service.defaults) for each in ORDERINGS.values()])


@router.get("/datasets", summary="The built-in catalogue")
async def list_datasets() -> DatasetList:
    """The 63 datasets of the FoMo-in-Flux benchmark: years, caption templates and zero-shot scores."""
    return DatasetList(datasets=[DatasetResource(**asdict(each)) for each in CATALOGUE])


def _ordering_resource(ordering: type[Ordering], defaults: Mapping[str, object]) -> OrderingResource:
    own = defaults_for(ordering, defaults)
    return OrderingResource(
        kind=ordering.kind,
        version=ordering.version,
        summary=ordering.summary,
        needs=sorted(ordering.needs),
        parameters=[
            ParameterResource.model_validate({**asdict(each), "default": own.get(each.name, each.default)})
            for each in ordering.parameters()
        ],
    )
