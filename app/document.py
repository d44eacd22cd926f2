"""Complete the OpenAPI document that FastAPI generates: what it says of the service as a whole, and schemas by name."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from app.access.document import describe_access
from app.schemas import Problem
from concept_orderings.version import __version__

_DESCRIPTION = """\
The order in which a model should meet new concepts: class lists in, versioned and immutable task streams out.

1. `POST /v1/streams` with class lists, an ordering and a split: press *Try it out*, the examples run as they are.
2. Follow the job in `Location`, or let `Prefer: wait=30` do it.
3. Fetch `/v1/streams/{name}/versions/{version}/tasks/{task}` from as many ranks as there are.
"""

_TAGS = [
    {"name": "streams", "description": "Request versions of streams; fetch their manifests, tasks and exports."},
    {"name": "labels", "description": "The numbers of classes, for exports."},
    {"name": "jobs", "description": "Follow and cancel the jobs that make versions."},
    {
        "name": "sources",
        "description": "Sources of counts for the ordering `frequency`; upload counts, look at counts.",
    },
    {
        "name": "scores",
        "description": "Scores of models for the ordering `performance`, uploaded under names.",
    },
    {"name": "catalogue", "description": "The orderings with their parameters, and the built-in datasets."},
    {"name": "health", "description": "Whether the process runs, and whether jobs can be done."},
    {"name": "index", "description": "Where everything is."},
]

ABOUT: dict[str, Any] = {
    "title": "concept-orderings",
    "version": __version__,
    "summary": "Task streams for continual multimodal pretraining.",
    "description": _DESCRIPTION,
    "license_info": {"name": "MIT", "identifier": "MIT"},
    "contact": {"name": "The concept-orderings project"},
    "openapi_tags": _TAGS,
    # Relative, because the document is the same wherever the service runs. Swagger UI, and clients that load the
    # document from the service, resolve it against the document's own URL.
    "servers": [{"url": "/", "description": "The service that serves this document."}],
}
"""The arguments of `FastAPI` that describe the service as a whole."""


def operation_id(route: APIRoute) -> str:
    """Return the name of a route's function, which generated clients take as the name of their method."""
    return route.name


def complete_document(app: FastAPI) -> None:
    """Make the application's document complete when it is first asked for, and not before: that takes a second."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            document["components"]["schemas"].update(_schemas_by_name())
            document["components"]["examples"] = _problem_examples()
            _drop_default_errors(document)
            describe_access(document)
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this way of extending OpenAPI


def _schemas_by_name() -> dict[str, Any]:
    """Return the schemas that routes refer to by name, since FastAPI does not collect them."""
    # Late, because nothing else needs them: they would slow the start of the service.
    from app.request_schemas import CountsRequestSchema, LabelsSchema, StreamRequestSchema  # noqa: PLC0415
    from app.version_schemas import ConceptOfVersion, ManifestResource, TaskResource  # noqa: PLC0415

    _, found = models_json_schema(
        [
            (StreamRequestSchema, "validation"),
            (CountsRequestSchema, "validation"),
            (LabelsSchema, "validation"),
            (ManifestResource, "serialization"),
            (TaskResource, "serialization"),
            (ConceptOfVersion, "serialization"),
            (Problem, "serialization"),
        ],
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[str, Any] = found["$defs"]
    return schemas


def _problem_examples() -> dict[str, Any]:
    """Return the examples of errors that routes refer to by name."""
    from app.problem_examples import problem_examples  # noqa: PLC0415  # late, as above

    return problem_examples()


def _drop_default_errors(document: dict[str, Any]) -> None:
    """Remove FastAPI's own form of validation errors: this service answers with problem documents."""
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    for operations in document["paths"].values():
        for operation in operations.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
