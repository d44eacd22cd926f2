"""The evidence that a version was made from."""

from http import HTTPStatus
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from app.caching import immutable_headers, revalidated_headers
from app.errors import ApiError, not_found
from app.evidence import no_evidence, why_not_kept
from app.evidence_formats import JSON, NPZ, PARQUET, PARQUET_TYPE, prefers_parquet
from app.routes.common import TheService
from app.routes.parts import Name, Stored, Version, answer_document, answer_value, find_record, parts, redirect_latest
from app.schemas import version_url
from app.unkept import Unkept, unkept_answer
from app.version_schemas import EvidenceList
from concept_orderings.canonical import Json
from concept_orderings.evidence.tables import JSON_TYPE, NPZ_TYPE, TABLE_KINDS, TABLE_SCHEMA
from concept_orderings.text import nearest
from store import object_keys
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

Format = Annotated[
    Literal["npz", "json", "parquet"] | None,
    Query(
        alias="format",
        description="The format: npz for vectors, json for the others, or parquet for all. Without it, `Accept` "
        "decides: the answer is Parquet if it is named there and preferred to the format of the file.",
    ),
]

_FILES: dict[str, Any] = {
    "description": "The file: JSON, or for vectors an .npz file with that JSON and the array; or Parquet.",
    "content": {
        JSON_TYPE: {"schema": TABLE_SCHEMA},
        NPZ_TYPE: {"schema": {"type": "string", "format": "binary"}},
        PARQUET_TYPE: {"schema": {"type": "string", "format": "binary"}},
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
    return await answer_value(
        request,
        service,
        {
            "name": record.stream,
            "version": record.version,
            "evidence": [_listed(record, each) for each in record.evidence.files],
            "not_kept": list(record.evidence.left_out),
        },
    )


@router.get(
    "/{name}/versions/{version}/evidence/{kind}",
    summary="One kind of evidence",
    response_class=Response,
    responses={200: _FILES, **parts(["unknown_evidence", "evidence_not_kept"], ["bad_query.format"])},
)
async def get_evidence(
    name: Name,
    version: Version,
    kind: EvidenceKind,
    request: Request,
    service: TheService,
    wanted: Format = None,
) -> Response:
    """What the order was made from, a row for each concept in canonical order (docs/evidence.md).

    `concept-orderings order --evidence` makes the same order again from these files. They never change: cache them for
    ever. Only `margins` may differ for the same version on another service. Parquet is a rendering of the same table,
    for which a client asks by `format` or by `Accept`; revalidate it with `If-None-Match`.
    """
    if kind not in TABLE_KINDS:
        raise _unknown_kind(kind)
    if version == "latest":
        query = "" if wanted is None else f"?format={wanted}"
        return await redirect_latest(service, name, f"/evidence/{quote(kind)}{query}")
    record = await find_record(service, name, version)
    entry = record.evidence.file(kind) if record.evidence is not None else None
    if entry is None:
        raise why_not_kept(record, kind)
    as_parquet = _is_parquet(entry, wanted, ", ".join(request.headers.getlist("accept")))
    disposition = f'inline; filename="{_file_name(record, entry, as_parquet)}"'
    try:
        digest = await service.parquet_evidence.digest(entry.digest) if as_parquet else entry.digest
    except Unkept as unkept:
        return unkept_answer(unkept, PARQUET_TYPE, disposition)
    # A later release may render other bytes as Parquet.
    never_changes = entry.in_manifest and not as_parquet
    stored = Stored(
        digest,
        service.document if as_parquet else service.evidence,
        immutable_headers if never_changes else revalidated_headers,
        PARQUET_TYPE if as_parquet else entry.media_type,
        {"Content-Disposition": disposition},
        # The same URL has the file or Parquet, unless the query says which.
        "Accept-Encoding" if wanted else "Accept, Accept-Encoding",
        object_keys.document if as_parquet else object_keys.evidence,
    )
    return await answer_document(request, service, stored)


def _is_parquet(entry: EvidenceEntry, wanted: str | None, accept: str) -> bool:
    """Tell whether the answer is Parquet, and not the file itself.

    Raises
    ------
    ApiError
        ``bad_query``: there is no evidence of this kind in the format.
    """
    if wanted is None:
        return prefers_parquet(accept, entry.media_type)
    if wanted not in (PARQUET, _suffix(entry)):
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "bad_query",
            f"format: {entry.kind} are {_suffix(entry)} or {PARQUET}, and not {wanted}.",
        )
    return wanted == PARQUET


def _listed(record: VersionRecord, entry: EvidenceEntry) -> dict[str, Json]:
    return {
        "kind": entry.kind,
        "media_type": entry.media_type,
        "url": f"{version_url(record.stream, record.version)}/evidence/{entry.kind}",
        "digest": entry.digest,
        "bytes": entry.bytes,
        "in_manifest": entry.in_manifest,
    }


def _file_name(record: VersionRecord, entry: EvidenceEntry, as_parquet: bool) -> str:
    suffix = PARQUET if as_parquet else _suffix(entry)
    return f"{record.stream}-v{record.version}-{entry.kind}.{suffix}"


def _suffix(entry: EvidenceEntry) -> str:
    return NPZ if entry.media_type == NPZ_TYPE else JSON


def _unknown_kind(kind: str) -> ApiError:
    near = nearest(kind[:40], TABLE_KINDS)
    hint = f"did you mean {near}? T" if near else "t"
    kinds = ", ".join(TABLE_KINDS)
    return not_found("evidence", f"There is no evidence {ascii(kind)[:40]}; {hint}he kinds are {kinds}.")
