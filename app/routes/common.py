"""Shared by several routes: the service, the header `Prefer`, and the OpenAPI entries of bodies."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import WithJsonSchema

from app.service import Service

LARGEST_NUMBER = 999_999_999
"""The largest number of a version or a task in a URL."""

_WAIT = re.compile(r"wait\s*=\s*\"?([0-9]{1,18})\"?", re.IGNORECASE)


def get_service(request: Request) -> Service:
    """Return the service of the application."""
    service: Service = request.app.state.service
    return service


def pattern_schema(pattern: "re.Pattern[str]", example: str) -> dict[str, str]:
    """Return the OpenAPI schema of a string that must match a pattern as a whole.

    The route checks the string, and not FastAPI: its error can then say what to do.
    """
    return {"pattern": f"^({pattern.pattern})$", "example": example}


def number_schema(*, minimum: int, or_word: str = "") -> WithJsonSchema:
    """Return the OpenAPI schema of a path parameter that is a number, or else one word.

    The route reads it as a string, and not FastAPI as an integer: its error can then say which numbers there are.
    """
    number: dict[str, Any] = {"type": "integer", "minimum": minimum, "maximum": LARGEST_NUMBER}
    word = {"type": "string", "const": or_word}
    return WithJsonSchema({**({"oneOf": [number, word]} if or_word else number), "examples": [minimum]})


TheService = Annotated[Service, Depends(get_service)]
"""The type of a route's parameter that is the service of the application."""


async def _refuse_if_full(service: TheService) -> None:
    trouble = await service.store_health.trouble()
    if trouble is not None and trouble.code == "store_full":
        raise trouble


NEEDS_ROOM = Depends(_refuse_if_full)
"""A dependency of routes that store what a client sends: a full store refuses it before the body is read."""


def prefer_parameter(description: str) -> dict[str, Any]:
    """Return the OpenAPI entry of the header `Prefer`, which `preferred_wait` reads."""
    return {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string"},
        "example": "wait=30",
    }


def json_body(schema: str, description: str, examples: Mapping[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI entry of a JSON body that the route decodes itself.

    Parameters
    ----------
    schema
        The name of its schema in `app.request_schemas`.
    description
        What the body contains.
    examples
        The examples of OpenAPI, by name.
    """
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}, "examples": examples}
    return {"required": True, "description": description, "content": {"application/json": content}}


def preferred_wait(request: Request, *, most_seconds: int) -> int | None:
    """Return N of ``Prefer: wait=N``, at most `most_seconds`.

    A preference that cannot be read is ignored (RFC 7240, section 2); without a valid one, the result is None.
    """
    preferences = ",".join(request.headers.getlist("prefer")).split(",")
    # A semicolon begins a parameter of the preference before it.
    waits = [found[1] for each in preferences if (found := _WAIT.fullmatch(each.split(";", maxsplit=1)[0].strip()))]
    return min(int(waits[0]), most_seconds) if waits else None
