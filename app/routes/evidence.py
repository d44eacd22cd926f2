"""The evidence that a version was made from."""

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from app.caching import client_has, immutable_headers, revalidated_headers
from app.errors import ApiError, not_found
from app.evidence import no_evidence, why_not_kept
from app.routes.common import TheService
from app.routes.parts import Name, Version, answer_document, find_record, parts, redirect_latest
from app.schemas import version_url
from app.version_schemas import EvidenceList
from concept_orderings.canonical import Json, canonical_json, sha256_hex
from concept_orderings.evidence.tables import JSON_TYPE, NPZ_TYPE, TABLE_KINDS, TABLE_SCHEMA
from concept_orderings.text import nearest
from store.evidence_files import EvidenceEntry
from store.versions import VersionRecord

router = APIRouter(prefix="/v1/streams", tags=["streams"])

EvidenceKind = Annotated[
    str,
    Path(
        alias="kind",
        description="A kind of evidence.",
        json_schema_extra={"enum": list(TABLE_KINDS), "example": "years"},
    ),
]

_FILES: dict[str, Any] = {
    "description": "The file: JSON, or for vectors an .npz file with that JSON and the array.",
    "content": {
        JSON_TYPE: {"schema": TABLE_SCHEMA},
        NPZ_TYPE: {"schema": {"type": "string", "format": "binary"}},
    },
}


@router.get(
    "/{name}/versions/{version}/evidence",
    summary="The evidence that is kept with a version",
    response_class=Response,
    responses={200: {"model": EvidenceList, "description": "The files."}, **parts(["evidence_not_kept"])},
)
async def list_evidence(name: Name, version: Version, request: Request, service: TheService) -> Response:
    """The files of the evidence that the order was made from, with media type, SHA-256, size and URL.

    Those with `in_manifest` are part of the version. The margins are not: their last bits depend on the machine.
    """
    if version == "latest":
        return await redirect_latest(service, name, "/evidence")
    record = await find_record(service, name, version)
    if record.evidence is None:
        raise no_evidence(record)
    body = canonical_json(
        {
            "name": record.stream,
            "version": record.version,
            "evidence": [_listed(record, each) for each in record.evidence.files],
            "not_kept": list(record.evidence.left_out),
        }
    )
    caching = revalidated_headers(digest := sha256_hex(body))
    if client_has(digest, ", ".join(request.headers.getlist("if-none-match"))):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=caching)
    return Response(body, headers=caching, media_type="application/json")


@router.get(
    "/{name}/versions/{version}/evidence/{kind}",
    summary="One kind of evidence",
    response_class=Response,
    responses={200: _FILES, **parts(["unknown_evidence", "evidence_not_kept"])},
)
async def get_evidence(
    name: Name, version: Version, kind: EvidenceKind, request: Request, service: TheService
) -> Response:
    """What the order was made from, a row for each concept in canonical order (docs/evidence.md).

    `concept-orderings order --evidence` makes the same order again from these files. They never change: cache them for
    ever. Only `margins` may differ for the same version on another service.
    """
    if kind not in TABLE_KINDS:
        raise _unknown_kind(kind)
    if version == "latest":
        return await redirect_latest(service, name, f"/evidence/{quote(kind)}")
    record = await find_record(service, name, version)
    entry = record.evidence.file(kind) if record.evidence is not None else None
    if entry is None:
        raise why_not_kept(record, kind)
    caching = immutable_headers if entry.in_manifest else revalidated_headers
    return await answer_document(
        request,
        service.evidence,
        entry.digest,
        caching(entry.digest),
        media_type=entry.media_type,
        headers={"Content-Disposition": f'inline; filename="{_file_name(record, entry)}"'},
    )


def _listed(record: VersionRecord, entry: EvidenceEntry) -> dict[str, Json]:
    return {
        "kind": entry.kind,
        "media_type": entry.media_type,
        "url": f"{version_url(record.stream, record.version)}/evidence/{entry.kind}",
        "digest": entry.digest,
        "bytes": entry.bytes,
        "in_manifest": entry.in_manifest,
    }


def _file_name(record: VersionRecord, entry: EvidenceEntry) -> str:
    suffix = "npz" if entry.media_type == NPZ_TYPE else "json"
    return f"{record.stream}-v{record.version}-{entry.kind}.{suffix}"


def _unknown_kind(kind: str) -> ApiError:
    near = nearest(kind[:40], TABLE_KINDS)
    hint = f"did you mean {near}? T" if near else "t"
    kinds = ", ".join(TABLE_KINDS)
    return not_found("evidence", f"There is no evidence {ascii(kind)[:40]}; {hint}he kinds are {kinds}.")
