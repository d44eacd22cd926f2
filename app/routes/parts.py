"""Shared by the routes for parts of a version: path parameters, the version's record, the answer with its headers."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path, Request
from fastapi.responses import RedirectResponse, Response

from app.caching import client_has, immutable_headers, is_same, revalidated_headers
from app.encodings import Encoded, preferred_encoding
from app.errors import ApiError, not_found
from app.examples import STREAM_NAME as STREAM_EXAMPLE
from app.head import IS_HEAD
from app.preferences import weights
from app.ranges import NotSatisfiable, requested_range
from app.routes.common import number_schema, pattern_schema
from app.routes.problems import FULL, NO_STORE, problems
from app.schemas import version_url
from app.service import Service
from concept_orderings.canonical import Json, canonical_json, sha256_hex
from concept_orderings.url_names import URL_NAME, URL_NAME_RULE
from store.versions import VersionRecord

Name = Annotated[
    str, Path(description="The stream's name.", json_schema_extra=pattern_schema(URL_NAME, STREAM_EXAMPLE))
]

COMPRESSED_TYPES = ("application/zip", "application/x-npz", "application/vnd.apache.parquet")
"""Media types whose bytes are compressed already, or do not get smaller."""

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
        206: {"description": "The bytes that `Range` asks for."},
        307: {
            "description": "`latest`: the number is in Location. Or else a bucket has the bytes, if a setting says so."
        },
        **problems(
            {
                404: ["unknown_stream", "unknown_version", *unknown],
                416: ["bad_range"],
                422: ["bad_stream_name.url", *refused],
                500: ["version_damaged", *damaged],
                503: [NO_STORE, FULL],
            }
        ),
    }


def document_answer(schema: str, description: str) -> dict[str, Any]:
    """Return the OpenAPI entry of a stored document, whose schema is that of a name in `app.version_schemas`."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


async def find_latest(service: Service, name: str) -> int:
    """Return the number of the newest version of a stream.

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
    latest = await service.latest_version(name)
    if latest is None:
        raise not_found(
            "stream", f"There is no stream {name} with a finished version; GET /v1/streams lists all streams."
        )
    return latest


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
        latest = await find_latest(service, name)
        raise not_found("version", f"The stream {name} has no version {version[:20]}; its latest is {latest}.")
    return record


async def redirect_latest(service: Service, name: str, part: str) -> Response:
    """Redirect from a part of ``latest`` to the same part of the latest version."""
    url = version_url(name, await find_latest(service, name)) + part
    return RedirectResponse(url, HTTPStatus.TEMPORARY_REDIRECT, {"Cache-Control": "no-cache"})


@dataclass(frozen=True)
class Stored:
    """A document that a URL answers with.

    Attributes
    ----------
    digest : str
        SHA-256 of the document.
    read : callable
        Returns the document by its SHA-256, such as `Service.document`.
    key : callable, optional
        A function of `store.object_keys` from the SHA-256 to the key of an object that has the document's bytes.
    caching : callable
        A function of `app.caching` from a SHA-256 to headers, which a 304 has too.
    media_type : str
        Media type of the document.
    headers : mapping
        Further headers for an answer that has the document.
    vary : str
        The header Vary.
    """

    digest: str
    read: Callable[[str], Awaitable[bytes]]
    caching: Callable[[str], dict[str, str]] = immutable_headers
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    vary: str = "Accept-Encoding"
    key: Callable[[str], str] | None = None


async def answer_document(request: Request, service: Service, stored: Stored) -> Response:
    """Answer with a document, or a range of it, compressed as the client asks; with 304 if the client has it.

    The entity tag and Repr-Digest are those of the bytes that are sent.

    Raises
    ------
    ApiError
        ``bad_range``.
    """
    known = _joined(request, "if-none-match")
    is_compressed = stored.media_type in COMPRESSED_TYPES
    encoding = "" if is_compressed else preferred_encoding(_joined(request, "accept-encoding"))
    if client_has(stored.digest, known):
        # Without reading it. A client that has the document as it is needs no compressed form.
        headers = {**stored.caching(stored.digest), "Vary": stored.vary}
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if not encoding and (link := await _link(request, service, stored)) is not None:
        # Not stored by anyone: the link ends soon, and lets everybody read who has it.
        return RedirectResponse(link, HTTPStatus.TEMPORARY_REDIRECT, {"Cache-Control": "no-store", "Vary": stored.vary})
    form = await service.encodings.get(stored.digest, encoding, stored.read)
    headers = {**stored.caching(form.digest), "Vary": stored.vary}
    if client_has(form.digest, known):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers |= {"Accept-Ranges": "bytes", **({"Content-Encoding": form.encoding} if form.encoding else {})}
    return _whole_or_part(request, form, stored.media_type, {**headers, **stored.headers})


async def _link(request: Request, service: Service, stored: Stored) -> str | None:
    """Return a link to a bucket that has the bytes of the answer; None where the service sends them itself."""
    never_changes = stored.caching is immutable_headers
    if stored.key is None or not never_changes or IS_HEAD in request.scope:
        return None
    return await service.links.to(stored.key(stored.digest))


def _whole_or_part(request: Request, form: Encoded, media_type: str, headers: Mapping[str, str]) -> Response:
    # Range means something for GET alone (RFC 9110, 14.2): HEAD tells the size of the whole.
    is_for_this = IS_HEAD not in request.scope and is_same(form.digest, request.headers.get("if-range", ""))
    asked = request.headers.get("range", "") if is_for_this else ""
    try:
        part = requested_range(asked, len(form.data))
    except NotSatisfiable as error:
        raise ApiError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "bad_range",
            f"The range begins behind the end: there are {len(form.data)} bytes.",
            headers={"Content-Range": f"bytes */{len(form.data)}"},
        ) from error
    if part is None:
        return Response(form.data, headers=dict(headers), media_type=media_type)
    return Response(
        form.data[part.first : part.last + 1],
        HTTPStatus.PARTIAL_CONTENT,
        headers={**headers, "Content-Range": part.content_range},
        media_type=media_type,
    )


async def answer_value(request: Request, service: Service, value: Json) -> Response:
    """Answer with a JSON value that later releases may answer otherwise; see `answer_document`."""
    body = canonical_json(value)

    async def read(_: str) -> bytes:
        return body

    return await answer_document(request, service, Stored(sha256_hex(body), read, revalidated_headers))


def preferred_type(request: Request, offered: Sequence[str]) -> str:
    """Return the media type that a client prefers (RFC 9110, 12.5.1); of several or none, the first that is offered."""
    given = weights(_joined(request, "accept"))
    wanted = [given.get(name, given.get("*/*", 0.0)) for name in offered]
    return offered[wanted.index(max(wanted))]


def _joined(request: Request, header: str) -> str:
    return ", ".join(request.headers.getlist(header))
