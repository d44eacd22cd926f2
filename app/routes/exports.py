"""Exports: a version in the formats that other libraries read."""

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from app.caching import immutable_headers, revalidated_headers
from app.errors import ApiError, not_found
from app.examples import EXAMPLE_LABELS
from app.exports import UnknownLabels
from app.routes.common import LARGEST_NUMBER, TheService
from app.routes.labels import DIGEST, unknown_labels
from app.routes.parts import Name, Stored, Version, answer_document, find_record, parts, redirect_latest
from app.routes.problems import REFUSED_EXPORT
from app.unkept import Unkept, unkept_answer
from concept_orderings.checks import choice
from concept_orderings.exporters import EXPORTERS, Exporter
from store import object_keys
from store.versions import VersionRecord

router = APIRouter(prefix="/v1/streams", tags=["streams"])

Format = Annotated[
    str,
    Path(
        alias="format",
        description="The name of an exporter.",
        json_schema_extra={"enum": list(EXPORTERS), "example": next(iter(EXPORTERS))},
    ),
]
ExporterVersion = Annotated[
    int | None,
    Query(
        ge=1,
        le=LARGEST_NUMBER,
        description="The exporter's version, for bytes that never change. Without it: the present one.",
    ),
]

LabelsDigest = Annotated[
    str | None,
    Query(
        description="For a format with labels: the digest of those to use, from the answer to a POST or to PUT "
        "/v1/labels. Without it, the catalogue's class lists hold.",
        json_schema_extra={"pattern": f"^{DIGEST.pattern}$", "example": EXAMPLE_LABELS},
    ),
]

_DESCRIPTION = """
The order in a format that another library reads (docs/exports.md).

{formats}

The first rendering by each version of an exporter is kept and served from then on. The answer of a URL with `v` never
changes; neither does that of `fomo` without `v`. Any other URL without `v` answers with the rendering by the exporter's
present version: revalidate it with `If-None-Match`.
""".format(formats="\n".join(f"- `{name}`: {exporter.summary}" for name, exporter in EXPORTERS.items())).strip()


_TEXT: dict[str, Any] = {"type": "string"}
_BINARY: dict[str, Any] = {"type": "string", "format": "binary"}
_BYTES: dict[str, dict[str, Any]] = {
    "application/ld+json": {"type": "object"},
    "application/vnd.apache.parquet": _BINARY,
    "application/x-bibtex": _TEXT,
    # That of each line, as of the order of all concepts.
    "application/x-ndjson": {"type": "object"},
    # That of the value which the YAML means.
    "application/yaml": {"type": "object"},
    "application/zip": _BINARY,
    "text/csv": _TEXT,
}
"""The schema of formats that are not JSON with a schema of its own, by media type."""


def _schema(media_type: str) -> dict[str, Any]:
    """Return the schema of all formats with a media type."""
    schemas = [
        {
            "title": f"{name.capitalize()}Export",
            "description": each.summary,
            **(each.json_schema or _BYTES.get(media_type, {})),
        }
        for name, each in EXPORTERS.items()
        if media_type in _media_types(each)
    ]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _media_types(exporter: type[Exporter]) -> list[str]:
    return [exporter.media_type, *(exporter.other_form or ())[:1]]


_RENDERINGS: dict[str, Any] = {
    "description": "The version in this format.",
    "content": {
        each: {"schema": _schema(each)} for each in sorted({one for x in EXPORTERS.values() for one in _media_types(x)})
    },
}


@router.get(
    "/{name}/versions/{version}/export/{format}",
    summary="The order in a format that another library reads",
    description=_DESCRIPTION,
    response_class=Response,
    responses={
        200: _RENDERINGS,
        **parts(("unknown_format", "unknown_labels"), ("bad_query.v", *REFUSED_EXPORT), ("labels_damaged",)),
    },
)
async def get_export(
    name: Name,
    version: Version,
    format_name: Format,
    request: Request,
    service: TheService,
    v: ExporterVersion = None,
    labels: LabelsDigest = None,
) -> Response:
    """Answer with the kept rendering of a version; render it first if there is none."""
    exporter = _exporter(format_name)
    _check_labels(exporter, labels)
    if version == "latest":
        query = urlencode({key: value for key, value in (("v", v), ("labels", labels)) if value is not None})
        return await redirect_latest(service, name, f"/export/{quote(format_name)}{query and f'?{query}'}")
    record = await find_record(service, name, version)
    try:
        kept = await service.exports.get(record, exporter, exporter.version if v is None else v, labels)
    except UnknownLabels as error:
        raise unknown_labels(str(error)) from error
    except Unkept as unkept:
        media_type = exporter.media_type_of(unkept.document.data)
        return unkept_answer(unkept, media_type, _disposition(exporter, record, media_type))
    if kept is None:
        raise not_found(
            "format",
            f"Version {version} of {name} was never rendered by version {v} of the exporter {exporter.name}, and this "
            f"service has version {exporter.version}: request that one.",
        )
    immutable = exporter.final or v is not None
    stored = Stored(
        kept.digest,
        service.document,
        immutable_headers if immutable else revalidated_headers,
        kept.media_type,
        {"Content-Disposition": _disposition(exporter, record, kept.media_type)},
        key=object_keys.document,
    )
    return await answer_document(request, service, stored)


def _disposition(exporter: Exporter, record: VersionRecord, media_type: str) -> str:
    # Inline is the default of an answer without this header, which only adds a file name for saving.
    return f'inline; filename="{exporter.file_name(record.stream, record.version, media_type)}"'


def _exporter(name: str) -> Exporter:
    if name not in EXPORTERS:
        formats = choice(name, "the formats are", list(EXPORTERS))
        raise not_found("format", f"There is no format {ascii(name)[:40]}; {formats}")
    return EXPORTERS[name]()


def _check_labels(exporter: Exporter, labels: str | None) -> None:
    if labels is None:
        return
    if not exporter.has_labels:
        raise _bad_labels(f"the format {exporter.name} has no labels; leave it out.")
    if not DIGEST.fullmatch(labels):
        raise _bad_labels("give the labels_digest of labels, 64 hexadecimal digits.")


def _bad_labels(what: str) -> ApiError:
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_query", f"labels: {what}")
