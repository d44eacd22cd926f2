"""Paths that people and programs try first: the index of the service, and what browsers and crawlers ask for."""

from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from app.schemas import Index, IndexLinks
from concept_orderings.version import __version__

router = APIRouter(tags=["index"])

_FOR_A_WEEK = {"Cache-Control": "public, max-age=604800"}

_NO_ROBOTS = "User-agent: *\nDisallow: /\n"
"""Streams may be millions of documents, which no search engine needs."""


@router.get("/", include_in_schema=False)
@router.get("/v1", summary="What there is")
async def get_index(response: Response) -> Index:
    """The release of the service, and where its parts are."""
    links = IndexLinks()
    # The relations of RFC 8631, by which programs find the description of an API.
    response.headers["Link"] = f'<{links.openapi}>; rel="service-desc", <{links.docs}>; rel="service-doc"'
    return Index(name="concept-orderings", release=__version__, links=links)


@router.get("/favicon.ico", include_in_schema=False)
async def get_icon() -> Response:
    """Answer browsers, which ask for an icon with every page: there is none, and they need not ask again for a week."""
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=_FOR_A_WEEK)


@router.get("/robots.txt", include_in_schema=False)
async def get_robots() -> PlainTextResponse:
    """Ask crawlers to leave the service alone."""
    return PlainTextResponse(_NO_ROBOTS, headers=_FOR_A_WEEK)
