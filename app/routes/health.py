"""Health: for whoever restarts the process, and for whoever sends it work."""

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.routes.common import TheService
from app.schemas import Liveness, Readiness

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Is the process up?")
async def live() -> Liveness:
    """Answer whenever the process can; finished versions are served then."""
    return Liveness(status="alive")


@router.get(
    "/ready",
    summary="Can jobs be done?",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Redis is away, or no worker has reported lately."}},
)
async def ready(service: TheService) -> JSONResponse:
    """Tell whether Redis answers and a worker is there."""
    redis, workers = await service.ready()
    body = Readiness(status="ready" if redis and workers else "not ready", redis=redis, workers=workers)
    return JSONResponse(body.model_dump(), HTTPStatus.OK if body.status == "ready" else HTTPStatus.SERVICE_UNAVAILABLE)
