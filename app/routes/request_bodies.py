"""Read the bodies of requests, within the limit, packed with gzip or not."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from http import HTTPStatus
from typing import ParamSpec

from fastapi import Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from app.bodies import Body
from app.errors import ApiError
from app.gzip_bodies import DamagedGzip, Gunzip, UnknownCoding, is_packed
from app.large_bodies import Work
from app.large_messages import read_response
from app.service import Service
from concept_orderings.text import shown

_Arguments = ParamSpec("_Arguments")

_SMALL_BYTES = 64 * 1024
"""A body of at most this size has arrived with its header, or soon after, and needs no turn."""


@asynccontextmanager
async def read_body(
    request: Request,
    service: Service,
    *,
    instead: str = "split the class lists into several streams",
    is_json: bool = True,
    watch: Callable[[bytes], None] | None = None,
) -> AsyncGenerator[Body]:
    """Read the body, and unpack it if it is packed with gzip; its memory is freed at the end of the context.

    A body is refused as soon as its Content-Length, the part that has arrived, or the content of that part is too long:
    a small body may hold any number of bytes. The same holds for the values that it stands for.

    Parameters
    ----------
    request
        The request.
    service
        Has the limits, for bodies packed as well as unpacked.
    instead
        What a client with a larger body should do: the end of the error's sentence.
    is_json
        Whether the body is JSON.
    watch
        Called with each piece of the unpacked body as it arrives.

    Raises
    ------
    ApiError
        ``body_too_large``; ``unsupported_media_type`` for another coding than gzip; ``invalid_gzip``; ``invalid_json``
        if the client disconnected before the end.
    NoRoom
        If the bodies of other requests leave no room for this one.
    """
    gunzip = Gunzip() if is_gzip(request) else None
    most_bytes = service.bodies.most_bytes
    expected = int(request.headers.get("content-length", 0))
    if expected > most_bytes:
        raise _too_large(most_bytes, gunzip, instead)
    async with AsyncExitStack() as stack:
        arriving = stack.enter_context(service.bodies.reading(expected, is_json=is_json))
        if expected > _SMALL_BYTES or "transfer-encoding" in request.headers:
            await stack.enter_async_context(service.bodies.turns.turn())
        try:
            async with aclosing(_pieces(request, gunzip)) as pieces:
                async for piece, received in pieces:
                    if max(arriving.body.size + len(piece), received) > most_bytes:
                        raise _too_large(most_bytes, gunzip, instead)
                    arriving.add(piece)
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
                f"The body cannot be unpacked as gzip, which is its Content-Encoding: {error}. Pack it again, or send "
                "it unpacked and without that header.",
            ) from error
        yield arriving.body


def _too_large(most_bytes: int, gunzip: Gunzip | None, instead: str) -> ApiError:
    unpacked = " when it is unpacked" if gunzip else ""
    return ApiError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "body_too_large",
        f"The body is over the limit of {most_bytes} bytes{unpacked}; {instead}.",
    )


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


async def answer_body(
    work: Work[_Arguments], service: Service, body: Body, *arguments: _Arguments.args, **named: _Arguments.kwargs
) -> Response:
    """Return the answer of `work` to a body; for a large one, it runs in a process of its own.

    Raises
    ------
    NoRoom, TooHeavy
        See `app.large_bodies.LargeBodies.run`.
    Exception
        What `work` raises.
    """
    if body.is_large:
        return read_response(await service.large_bodies.run(work, body, *arguments, **named))
    answer = await work(service, body, *arguments, **named)
    assert isinstance(answer, Response)
    return answer
