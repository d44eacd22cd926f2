"""Why a version may have no evidence of a kind."""

from http import HTTPStatus

from app.errors import ApiError
from concept_orderings.evidence.tables import MARGINS
from store.versions import VersionRecord

_VECTORS = "vectors"


def why_not_kept(record: VersionRecord, kind: str) -> ApiError:
    """Return the 404 for a kind of evidence that a version does not have."""
    if record.evidence is None:
        return no_evidence(record)
    of_version = f"Version {record.version} of {record.stream}"
    if kind in record.evidence.left_out:
        return _not_kept(
            f"{of_version} was made without its {kind}: they were larger than its worker's setting "
            "CONCEPT_ORDERINGS_MAX_VECTORS_MB allowed. Raise the setting, and request the version under another name."
        )
    if kind == MARGINS and record.evidence.file(_VECTORS) is not None:
        return _not_kept(f"{of_version} has no margins: only embeddings in float64 have them.")
    kept = [each.kind for each in record.evidence.files]
    return _not_kept(
        f"{of_version} was not made from {kind}; the evidence that it has is {', '.join(kept) or 'none'} "
        f"(ordering: {record.ordering})."
    )


def no_evidence(record: VersionRecord) -> ApiError:
    """Return the 404 for the evidence of a version that was made before evidence was kept."""
    return _not_kept(
        f"Version {record.version} of {record.stream} was made by a release that kept no evidence. If its order is "
        "made from evidence, request it under another name to get a version with that."
    )


def _not_kept(detail: str) -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, "evidence_not_kept", detail)
