"""Compare two orders."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from app.caching import revalidated_headers
from app.comparison_schemas import Comparison
from app.comparisons import Compared
from app.errors import ApiError
from app.examples import STREAM_NAME
from app.routes.common import TheService
from app.routes.parts import Stored, answer_document, find_latest, find_record
from app.routes.problems import NO_STORE, problems
from app.service import Service
from concept_orderings.faults import times
from concept_orderings.published_streams import PUBLISHED_STREAMS, no_such_stream
from concept_orderings.text import shown
from concept_orderings.url_names import URL_NAME

router = APIRouter(prefix="/v1", tags=["streams"])

_PUBLISHED = "|".join(map(re.escape, PUBLISHED_STREAMS))
_FORM: dict[str, Any] = {"pattern": f"^({URL_NAME.pattern}@([0-9]+|latest)|{_PUBLISHED})$"}
"""The OpenAPI schema of a reference."""

_REFERENCE = re.compile(r"(?P<stream>[^@/]+)@(?P<version>[0-9]+|latest)")
_HOW = "NAME@VERSION, such as my-stream@1 or my-stream@latest, or a published stream, such as fomo/random_sequence_1"


class CompareQuery(BaseModel):
    """Which two orders are compared."""

    # A misspelt parameter would be ignored.
    model_config = ConfigDict(extra="forbid")

    a: str = Field(
        max_length=200,
        description=f"The first order: {_HOW}.",
        examples=[f"{STREAM_NAME}@1"],
        json_schema_extra=_FORM,
    )
    b: str = Field(
        max_length=200,
        description="The second order, in the same form.",
        examples=["fomo/random_sequence_1"],
        json_schema_extra=_FORM,
    )


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": Comparison, "description": "The comparison."},
    206: {"description": "The bytes that `Range` asks for."},
    304: {"description": "The client has this comparison (If-None-Match)."},
    307: {"description": "`latest`: the numbers are in Location."},
    **problems(
        {
            404: ("unknown_stream", "unknown_version"),
            416: ("bad_range",),
            422: ("bad_query.compare", "bad_stream_name.url"),
            500: ("version_damaged",),
            503: (NO_STORE,),
        }
    ),
}


@router.get("/compare", summary="Compare two orders", response_class=Response, responses=_RESPONSES)
async def compare_orders(request: Request, service: TheService, query: Annotated[CompareQuery, Query()]) -> Response:
    """How far two orders agree, what only one of them has, and what they were made from (docs/compare.md).

    Each is a version, or a stream that others have published. Versions never change, but a later release may say more
    of them: revalidate with `If-None-Match`.
    """
    _refuse(_given_twice(request))
    a, b = await _find_both(service, query)
    if "@latest" in query.a + query.b:
        url = f"/v1/compare?{urlencode({'a': a.name, 'b': b.name}, safe='@/')}"
        return RedirectResponse(url, HTTPStatus.TEMPORARY_REDIRECT, {"Cache-Control": "no-cache"})
    document = await service.comparisons.get(a, b)

    async def read(_: str) -> bytes:
        return document.data

    return await answer_document(request, service, Stored(document.digest, read, revalidated_headers))


async def _find_both(service: Service, query: CompareQuery) -> tuple[Compared, Compared]:
    """Return the two sides; the error for both, if neither is found."""
    found, errors = [], []
    for side, reference in (("a", query.a), ("b", query.b)):
        try:
            found.append(await _find(service, reference))
        except ApiError as error:
            errors.append(ApiError(error.status, error.code, f"{side}: {error.detail}"))
    _refuse(errors)
    return found[0], found[1]


async def _find(service: Service, reference: str) -> Compared:
    """Return what a reference names, with the number of ``latest``.

    Raises
    ------
    ApiError
        ``bad_query``, ``bad_stream_name``, ``unknown_stream`` or ``unknown_version``.
    """
    if reference in PUBLISHED_STREAMS:
        return Compared(reference, None)
    named = _REFERENCE.fullmatch(reference)
    if named is None:
        published = f" {no_such_stream(reference)}" if "/" in reference else ""
        raise _bad_query(f"{shown(reference)} names no order: give {_HOW}.{published}")
    stream, version = named["stream"], named["version"]
    if version == "latest":
        version = str(await find_latest(service, stream))
    record = await find_record(service, stream, version)
    return Compared(f"{record.stream}@{record.version}", record)


def _given_twice(request: Request) -> list[ApiError]:
    # Of several values the last would be taken.
    return [
        _bad_query(f"{side}: it is given {times(number)}; leave all but one out.")
        for side in ("a", "b")
        if (number := len(request.query_params.getlist(side))) > 1
    ]


def _refuse(errors: Sequence[ApiError]) -> None:
    """Raise the first error with all others, if there is one."""
    if errors:
        errors[0].others = tuple(fault for each in errors[1:] for fault in each.faults)
        raise errors[0]


def _bad_query(detail: str) -> ApiError:
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_query", detail)
