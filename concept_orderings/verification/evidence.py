"""Take the evidence of a version for making it again, after comparing it with the manifest and the request."""

from typing import Any

from concept_orderings.canonical import sha256_hex
from concept_orderings.errors import BadEvidence, ConceptOrderingsError
from concept_orderings.evidence import EVIDENCE, Gathered, Need
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.evidence.base import evidence_digest, parameters_of
from concept_orderings.evidence.captions import NeedsEmbeddings
from concept_orderings.evidence.fitting import evidence_of_request
from concept_orderings.evidence.quantised import OF_CALLER
from concept_orderings.request import StreamRequest
from concept_orderings.verification.findings import Code, Findings
from concept_orderings.verification.given import Given


def evidence_of_version(request: StreamRequest, given: Given, findings: Findings) -> dict[Need, Gathered] | None:
    """Return the evidence that a request needs, by kind; None if some is missing or belongs to another request."""
    _compare_files(given, findings)
    try:
        found = {**evidence_at_hand(request), **evidence_of_request(request, given.tables, of_caller=True)}
    except BadEvidence as error:
        for fault in error.faults:
            findings.failed(Code.EVIDENCE_DIFFERS, fault.detail)
        return None
    except ConceptOrderingsError as error:
        findings.failed(Code.REQUEST_DIFFERS, f"The request lacks evidence that it must have: {error.detail}")
        return None
    missing = [EVIDENCE[need].published_as for need in sorted(request.needs - found.keys())]
    for kind in missing:
        findings.unproven(
            Code.EVIDENCE_NOT_KEPT,
            f"The order was not made again: there is no file with the {kind} that it was made from. Digests, tasks and "
            "the request were compared with each other.",
        )
    if missing:
        return None
    _compare_vectors(request, found, findings)
    return found


def _compare_files(given: Given, findings: Findings) -> None:
    """Compare the files of evidence with the digests that the manifest lists."""
    listed = given.manifest.value.get("evidence_files", [])
    objects = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    entries: dict[str, Any] = {each["kind"]: each for each in objects if isinstance(each.get("kind"), str)}
    kinds = {table.kind: name for name, table in given.tables.items()}
    for kind, name in kinds.items():
        file = given.files_of_tables[name]
        if kind not in entries:
            findings.failed(Code.EVIDENCE_DIFFERS, f"{name} has {kind}, which the manifest does not list.")
        elif sha256_hex(file.data) != entries[kind].get("digest"):
            findings.failed(Code.FILE_CHANGED, f"{name} does not have the SHA-256 that the manifest states for {kind}.")
        elif len(file.data) != entries[kind].get("bytes"):
            findings.failed(
                Code.MANIFEST_DIFFERS, f"{name} has {len(file.data)} bytes, and the manifest states another number."
            )
    if given.is_bundle:
        for kind in sorted(entries.keys() - kinds.keys()):
            findings.failed(Code.FILE_MISSING, f"The manifest lists {kind}, whose file is not there or cannot be read.")


def _compare_vectors(request: StreamRequest, found: dict[Need, Gathered], findings: Findings) -> None:
    """Compare vectors with the digest of the evidence, if that is theirs."""
    if Need.EMBEDDINGS not in found:
        return
    gathered = found[Need.EMBEDDINGS]
    if gathered.provenance.source == OF_CALLER:
        findings.noted(
            Code.EVIDENCE_NOT_COMPARED,
            "The embeddings were passed by a caller: that the encoder of the request makes them is not known.",
        )
    if parameters_of(request.ordering, NeedsEmbeddings).dtype != "float64":
        findings.noted(
            Code.EVIDENCE_NOT_COMPARED,
            "The digest of the embeddings is that of numbers which are not published. Their file has its own.",
        )
    elif evidence_digest(gathered.values) != gathered.provenance.digest:
        findings.failed(
            Code.EVIDENCE_DIFFERS, "The vectors do not have the SHA-256 that is stated as digest of the evidence."
        )
