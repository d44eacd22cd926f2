"""Read the bodies of requests, within the limit, packed with gzip or not."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from http import HTTPStatus

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.errors import ApiError
from app.gzip_bodies import MAGIC, PACKED_WITHOUT_HEADER, DamagedGzip, Gunzip, UnknownCoding, is_packed
from concept_orderings.json_text import why_not_json
from concept_orderings.text import shown


async def read_body(
    request: Request,
    most_bytes: int,
    *,
    instead: str = "split the class lists into several streams",
    watch: Callable[[bytes], None] | None = None,
) -> bytes:
    """Read the body, and unpack it if it is packed with gzip.

    A body is refused as soon as its Content-Length, the part that has arrived, or the content of that part is too long:
    a small body may hold any number of bytes.

    Parameters
    ----------
    request
        The request.
    most_bytes
        The largest body allowed, packed as well as unpacked.
    instead
        What a client with a larger body should do: the end of the error's sentence.
    watch
        Called with each piece of the unpacked body as it arrives.

    Raises
    ------
    ApiError
        ``body_too_large``; ``unsupported_media_type`` for another coding than gzip; ``invalid_gzip``; ``invalid_json``
        if the client disconnected before the end.
    """
    gunzip = Gunzip() if is_gzip(request) else None
    unpacked = " when it is unpacked" if gunzip else ""
    too_large = ApiError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "body_too_large",
        f"The body is over the limit of {most_bytes} bytes{unpacked}; {instead}.",
    )
    if int(request.headers.get("content-length", 0)) > most_bytes:
        raise too_large
    body = bytearray()
    try:
        async with aclosing(_pieces(request, gunzip)) as pieces:
            async for piece, received in pieces:
                body += piece
                if max(len(body), received) > most_bytes:
                    raise too_large
                if watch is not None:
                    watch(piece)
    except ClientDisconnect as error:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "invalid_json",
            "The body is incomplete; send it again.",
        ) from error
    except DamagedGzip as error:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "invalid_gzip",
            f"The body cannot be unpacked as gzip, which is its Content-Encoding: {error}. Pack it again, or send it "
            "unpacked and without that header.",
        ) from error
    return bytes(body)


async def _pieces(request: Request, gunzip: Gunzip | None) -> AsyncGenerator[tuple[bytes, int]]:
    """Yield the body in pieces, each with the number of bytes that have arrived."""
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if gunzip is None:
            yield chunk, received
            continue
        for piece in gunzip.pieces(chunk):
            yield piece, received
            await asyncio.sleep(0)  # one chunk may have a thousand pieces, and other requests wait meanwhile
    if gunzip is not None:
        gunzip.finish()


def is_gzip(request: Request) -> bool:
    """Tell whether the body is packed with gzip.

    Raises
    ------
    ApiError
        ``unsupported_media_type`` for any other coding, with `Accept-Encoding` (RFC 9110, 12.5.3).
    """
    try:
        return is_packed(request.headers.getlist("content-encoding"))
    except UnknownCoding as error:
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            f"The service does not read bodies with the Content-Encoding {shown(str(error), 40)}; pack the body with "
            "gzip once, or send it unpacked and without that header.",
            headers={"Accept-Encoding": "gzip"},
        ) from error


def not_json(body: bytes, error: ValueError | RecursionError) -> ApiError:
    """Return the error for a body that is not JSON."""
    reason = PACKED_WITHOUT_HEADER if body.startswith(MAGIC) else why_not_json(error)
    return ApiError(HTTPStatus.BAD_REQUEST, "invalid_json", f"The body is not JSON: {reason}.")
