"""Shared by the routes for parts of a version: path parameters, the version's record, the answer with its headers."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path, Request
from fastapi.responses import RedirectResponse, Response

from app.caching import client_has
from app.errors import ApiError, not_found
from app.examples import STREAM_NAME as STREAM_EXAMPLE
from app.routes.common import number_schema, pattern_schema
from app.routes.problems import NO_STORE, problems
from app.schemas import version_url
from app.service import Service
from concept_orderings.url_names import URL_NAME, URL_NAME_RULE
from store.versions import VersionRecord

Name = Annotated[
    str, Path(description="The stream's name.", json_schema_extra=pattern_schema(URL_NAME, STREAM_EXAMPLE))
]

NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
"""A version's or a task's number in a URL."""
Version = Annotated[
    str,
    Path(description="A number, or `latest`."),
    number_schema(minimum=1, or_word="latest"),
]


def parts(
    unknown: Sequence[str] = (), refused: Sequence[str] = (), damaged: Sequence[str] = ()
) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of the answers, other than 200, of a part of a version.

    Parameters
    ----------
    unknown
        The codes for a part that does not exist.
    refused
        The examples of bad query parameters, and of parts that cannot be made.
    damaged
        The codes for damage of other things that the part is made from.
    """
    return {
        304: {"description": "The client has this document (If-None-Match)."},
        307: {"description": "`latest`: the number is in Location."},
        **problems(
            {
                404: ["unknown_stream", "unknown_version", *unknown],
                422: ["bad_stream_name.url", *refused],
                500: ["version_damaged", *damaged],
                503: [NO_STORE],
            }
        ),
    }


def document_answer(schema: str, description: str) -> dict[str, Any]:
    """Return the OpenAPI entry of a stored document, whose schema is that of a name in `app.version_schemas`."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


async def find_numbers(service: Service, name: str) -> Sequence[int]:
    """Return the version numbers of a stream, ascending.

    Raises
    ------
    ApiError
        ``bad_stream_name`` or ``unknown_stream``.
    """
    if not URL_NAME.fullmatch(name):
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "bad_stream_name",
            f"A stream's name {URL_NAME_RULE}.",
        )
    numbers = await service.version_numbers(name)
    if not numbers:
        raise not_found(
            "stream", f"There is no stream {name} with a finished version; GET /v1/streams lists all streams."
        )
    return numbers


async def find_record(service: Service, name: str, version: str) -> VersionRecord:
    """Return the record of the version that a URL names.

    Raises
    ------
    ApiError
        ``bad_stream_name``, ``unknown_stream`` or ``unknown_version``.
    """
    record = None
    if URL_NAME.fullmatch(name) and NUMBER.fullmatch(version):
        record = await service.record(name, int(version))
    if record is None:
        numbers = await find_numbers(service, name)
        raise not_found("version", f"The stream {name} has no version {version[:20]}; its latest is {numbers[-1]}.")
    return record


async def redirect_latest(service: Service, name: str, part: str) -> Response:
    """Redirect from a part of ``latest`` to the same part of the latest version."""
    numbers = await find_numbers(service, name)
    url = version_url(name, numbers[-1]) + part
    return RedirectResponse(url, HTTPStatus.TEMPORARY_REDIRECT, {"Cache-Control": "no-cache"})


async def answer_document(
    request: Request,
    read: Callable[[str], Awaitable[bytes]],
    digest: str,
    caching: Mapping[str, str],
    *,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with a document, or with 304 if the client has it.

    Parameters
    ----------
    request
        The request.
    read
        Returns the document by its SHA-256, such as `Service.document`.
    digest
        SHA-256 of the document.
    caching
        Headers of the document from `app.caching`, which a 304 has too.
    media_type
        Media type of the document.
    headers
        Further headers for an answer that has the document.
    """
    if client_has(digest, ", ".join(request.headers.getlist("if-none-match"))):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=dict(caching))
    return Response(await read(digest), headers={**caching, **(headers or {})}, media_type=media_type)
