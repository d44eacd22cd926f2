"""Health: whether the process is alive, for its supervisor, and whether it can do jobs, for its clients."""

from collections.abc import Iterator
from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.errors import REDIS_AWAY
from app.routes.common import TheService
from app.schemas import Liveness, Readiness, ReadinessReason
from app.service import Ready

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
    responses={503: {"model": Readiness, "description": "Jobs cannot be done; `reasons` has what is wrong."}},
)
async def get_readiness(service: TheService) -> JSONResponse:
    """Report whether Redis answers, how many workers run, and whether the store takes new versions."""
    ready = await service.ready()
    reasons = [*_reasons(ready)]
    body = Readiness(
        status="not ready" if reasons else "ready",
        redis=ready.workers is not None,
        workers=ready.workers or 0,
        store=ready.store_trouble is None,
        reasons=reasons,
    )
    return JSONResponse(body.model_dump(), HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK)


def _reasons(ready: Ready) -> Iterator[ReadinessReason]:
    if ready.workers is None:
        yield ReadinessReason(code="redis_unavailable", detail=REDIS_AWAY)
    elif ready.workers == 0:
        yield ReadinessReason(code="no_workers", detail="No worker has reported recently: start one, or see its log.")
    if ready.store_trouble is not None:
        code = "store_full" if ready.store_trouble.code == "store_full" else "store_unavailable"
        yield ReadinessReason(code=code, detail=ready.store_trouble.detail)
