"""Health: whether the process is alive, for its supervisor, and whether it can do jobs, for its clients."""

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.routes.common import TheService
from app.schemas import Liveness, Readiness

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Is the process up?")
async def get_liveness() -> Liveness:
    """Answer if the process runs. Finished versions are served then."""
    return Liveness(status="alive")


@router.get("", include_in_schema=False)
@router.get(
    "/ready",
    summary="Can jobs be done?",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Redis is away, or no worker has reported recently."}},
)
async def get_readiness(service: TheService) -> JSONResponse:
    """Report whether Redis answers and how many workers run."""
    redis, workers = await service.ready()
    body = Readiness(status="ready" if redis and workers else "not ready", redis=redis, workers=workers)
    return JSONResponse(body.model_dump(), HTTPStatus.OK if body.status == "ready" else HTTPStatus.SERVICE_UNAVAILABLE)
