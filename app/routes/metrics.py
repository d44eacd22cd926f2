"""Figures of all programs, for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import Response

from app.routes.common import TheService

router = APIRouter(tags=["health"])

_EXAMPLE = """\
# HELP concept_orderings_jobs_queued Jobs that wait for a worker.
# TYPE concept_orderings_jobs_queued gauge
concept_orderings_jobs_queued 3.0
"""


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "What all programs have counted, and what holds now. docs/observability.md lists all names.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        }
    },
)
async def get_metrics(service: TheService, accept: Annotated[str, Header(include_in_schema=False)] = "") -> Response:
    """Return figures in the text format of Prometheus, or in OpenMetrics if the client prefers it."""
    body, media_type = await service.metrics(accept)
    return Response(body, media_type=media_type)
