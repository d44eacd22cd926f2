"""Make the application; nothing but wiring."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from pydantic.json_schema import models_json_schema

from app.errors import install_handlers
from app.head import HeadAsGet
from app.routes import catalogue, counts_files, exports, health, jobs, sources, streams
from app.schemas import Problem
from app.service import Service
from app.settings import AppSettings
from concept_orderings.version import __version__

_DESCRIPTION = """
The order in which a model should meet new concepts: class lists in, versioned and immutable task streams out.

1. `POST /v1/streams` with class lists, an ordering and a split: press *Try it out*, the examples run as they are.
2. Follow the job in `Location`, or let `Prefer: wait=30` do it.
3. Fetch `/v1/streams/{name}/versions/{version}/tasks/{task}` from as many ranks as there are.
"""


def create_app(settings: AppSettings) -> FastAPI:
    """Make the application.

    It reads nothing from the environment, and connects to nothing before it starts.
    """
    app = FastAPIOffline(
        title="concept-orderings",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=_lifespan,
        redoc_url=None,
        swagger_ui_parameters={"displayRequestDuration": True, "tryItOutEnabled": True},
    )
    app.state.service = Service(settings)
    routers = [each.router for each in (streams, exports, jobs, sources, counts_files, catalogue, health)]
    for router in routers:
        app.include_router(router)
    app.state.routes = [route for router in routers for route in router.routes]
    install_handlers(app)
    app.add_middleware(HeadAsGet)
    _document_raw_bodies(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with app.state.service:
        yield


def _document_raw_bodies(app: FastAPI) -> None:
    """Add the schemas that routes refer to by name, since FastAPI does not collect them."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            # Late, because nothing else needs them: they would slow the start of the service.
            from app.request_schemas import CountsRequestSchema, StreamRequestSchema  # noqa: PLC0415

            _, found = models_json_schema(
                [
                    (StreamRequestSchema, "validation"),
                    (CountsRequestSchema, "validation"),
                    (Problem, "serialization"),
                ],
                ref_template="#/components/schemas/{model}",
            )
            generate()["components"]["schemas"].update(found["$defs"])
            _drop_default_errors(generate())
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this way of extending OpenAPI


def _drop_default_errors(document: dict[str, Any]) -> None:
    """Remove FastAPI's own form of validation errors: this service answers with problem documents."""
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    for operations in document["paths"].values():
        for operation in operations.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
