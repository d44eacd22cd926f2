"""What several routes need."""

from typing import Annotated, Any

from fastapi import Depends, Request

from app.schemas import Problem
from app.service import Service

_DESCRIPTIONS = {
    400: "The body is not JSON.",
    404: "There is no such thing.",
    409: "Too late: the job has finished.",
    413: "The body is too large.",
    422: "The request is understood but cannot be done as asked; `code` and `pointers` say why.",
    424: "The job failed or was cancelled while the client waited for it; `code` is the job's.",
    429: "As many jobs as the service takes are queued; see Retry-After.",
    500: "A stored version is damaged.",
    503: "Redis or the store is away; see Retry-After.",
}


def get_service(request: Request) -> Service:
    """Return the service that the application was made with."""
    service: Service = request.app.state.service
    return service


TheService = Annotated[Service, Depends(get_service)]
"""A route's parameter: the service that the application was made with."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of the errors that a route can answer."""
    return {
        status: {
            "description": _DESCRIPTIONS[status],
            "content": {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}},
        }
        for status in statuses
    }
