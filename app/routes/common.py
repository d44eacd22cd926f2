"""What several routes need."""

import re
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from app.errors import ApiError
from app.schemas import Problem
from app.service import Service

_WAIT = re.compile(r"wait\s*=\s*\"?(\d{1,6})\"?", re.IGNORECASE)

_DESCRIPTIONS = {
    400: "The body is not JSON.",
    404: "There is no such thing.",
    409: "Too late: the job has finished.",
    413: "The body is too large.",
    415: "The body is of a media type that the service does not read.",
    422: "The request is understood but cannot be done as asked; `code` and `pointers` say why.",
    424: "The job failed or was cancelled while the client waited for it; `code` is the job's.",
    429: "As many jobs as the service takes are queued; see Retry-After.",
    500: "A stored version or counts file is damaged.",
    503: "Redis or the store is away; see Retry-After.",
}


def get_service(request: Request) -> Service:
    """Return the service that the application was made with."""
    service: Service = request.app.state.service
    return service


def pattern_schema(pattern: "re.Pattern[str]", example: str) -> dict[str, str]:
    """Return what OpenAPI says of a string that the code checks as a whole against a pattern.

    The code checks it, and not FastAPI, so that a wrong one gets the error that says what to do.
    """
    return {"pattern": f"^({pattern.pattern})$", "example": example}


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


async def read_body(
    request: Request, most_bytes: int, *, instead: str = "split the class lists into several streams"
) -> bytes:
    """Read the body, giving up as soon as it is, or says that it will be, too long.

    Parameters
    ----------
    request
        Whose body it is.
    most_bytes
        The longest that is read.
    instead
        What to do with a longer one.

    Raises
    ------
    ApiError
        ``body_too_large``, or ``invalid_json`` if it broke off.
    """
    too_large = ApiError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "body_too_large",
        f"The body is over the limit of {most_bytes} bytes; {instead}.",
    )
    if int(request.headers.get("content-length", 0)) > most_bytes:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                raise too_large
    except ClientDisconnect as error:
        raise ApiError(HTTPStatus.BAD_REQUEST, "invalid_json", "The body broke off; send it again.") from error
    return bytes(body)


def preferred_wait(request: Request, *, most_seconds: int) -> int | None:
    """Return N of ``Prefer: wait=N``, at most so many; what cannot be read is no preference (RFC 7240, section 2)."""
    preferences = ",".join(request.headers.getlist("prefer")).split(",")
    # What follows a semicolon is a parameter of the preference before it.
    waits = [found[1] for each in preferences if (found := _WAIT.fullmatch(each.split(";", maxsplit=1)[0].strip()))]
    return min(int(waits[0]), most_seconds) if waits else None
