"""The steps of a verification, from the files to the manifest made again."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.canonical_request import read_canonical
from concept_orderings.errors import ConceptOrderingsError, UnknownOrdering, UnreadableRequest
from concept_orderings.evidence import EVIDENCE, Gathered, Need
from concept_orderings.library import remake_stream
from concept_orderings.orderings import Arrangement
from concept_orderings.orderings.similarity import Similarity
from concept_orderings.progress import Report, silent
from concept_orderings.request import StreamRequest
from concept_orderings.stream import MANIFEST_FORMAT, ArrangedStream
from concept_orderings.text import first_of, shown
from concept_orderings.verification.compare_documents import compare_manifest, compare_tasks
from concept_orderings.verification.documents import check_documents
from concept_orderings.verification.evidence import evidence_of_version
from concept_orderings.verification.findings import Code, Findings, Outcome
from concept_orderings.verification.given import Given, sort_files


def verify(
    files: Mapping[str, bytes], *, digest: str = "", all_starts: bool = False, report: Report = silent
) -> Findings:
    """Verify a version from its files.

    Parameters
    ----------
    files
        The content of the files by their paths: those of a bundle, or a manifest with evidence and tasks.
    digest
        The digest of the version that is cited, or its first digits; empty if it is not known.
    all_starts
        Whether to walk similarity paths from all starts, instead of checking the steps of the published one.
    report
        Called with (done, total).

    Raises
    ------
    BadValue
        ``bad_file``: there is no manifest, or several.
    """
    findings = Findings()
    given = sort_files(files, findings)
    manifest = given.manifest.value
    findings.version = (
        f"{manifest.get('name')} version {manifest.get('version')}, digest {sha256_hex(given.manifest.data)}"
    )
    if not sha256_hex(given.manifest.data).startswith(digest):
        findings.failed(Code.OTHER_VERSION, f"The manifest does not have the digest {digest}, which was asked for.")
    if manifest.get("format") != MANIFEST_FORMAT:
        findings.unproven(
            Code.REQUEST_OF_OTHER_RELEASE,
            f"The manifest has the format {shown(str(manifest.get('format')))}; this release reads {MANIFEST_FORMAT}.",
        )
        return findings
    order = check_documents(given, findings)
    request = _request(manifest, findings)
    if request is None:
        return findings
    evidence = evidence_of_version(request, given, findings)
    published = _published(request, order, manifest, findings)
    if evidence is None or published is None:
        return findings
    _remake(request, evidence, published, given, findings, all_starts=all_starts, report=report)
    return findings


def _request(manifest: Mapping[str, Any], findings: Findings) -> StreamRequest | None:
    """Return the request of a manifest, if this release can read it."""
    try:
        canonical = canonical_json(manifest["request"])
        if sha256_hex(canonical) != manifest["request_digest"]:
            findings.failed(Code.REQUEST_DIFFERS, "The canonical request does not have its SHA-256, request_digest.")
        request = read_canonical(canonical)
        for need in sorted(request.needs):
            EVIDENCE[need].check_complete(request.concepts, request.ordering.part_for(need))
        # Stored requests are read as they stand; one that was tampered with may name concepts that it does not list.
        for contradiction in request.ordering.contradictions(request.concepts):
            raise contradiction.error
    except (UnreadableRequest, UnknownOrdering) as error:
        findings.unproven(Code.REQUEST_OF_OTHER_RELEASE, f"{error.detail} So the order was not made again.")
        return None
    except (ConceptOrderingsError, ValueError, TypeError, KeyError) as error:
        findings.failed(Code.REQUEST_DIFFERS, f"The canonical request cannot be read: {_said(error)}.")
        return None
    if request.name != manifest["name"]:
        findings.failed(Code.REQUEST_DIFFERS, "The stream's name is not that of the canonical request.")
    return request


def _published(
    request: StreamRequest, order: list[str] | None, manifest: Mapping[str, Any], findings: Findings
) -> Arrangement | None:
    """Return the published order as indices of the request's concepts, if it has each of them once."""
    if order is None:
        return None
    places = {concept: i for i, concept in enumerate(request.concepts.ids)}
    others = [each for each in order if each not in places]
    missing = sorted(places.keys() - set(order))
    repeated = len(order) - len(set(order))
    if others or missing or repeated:
        findings.failed(
            Code.ORDER_DIFFERS,
            f"The order has {len(others)} concepts that the request does not have ({first_of(others, 3)}), lacks "
            f"{len(missing)} ({first_of(missing, 3)}), and has {repeated} more than once.",
        )
        return None
    details = manifest["ordering"].get("details") if isinstance(manifest["ordering"], dict) else None
    indices = np.array([places[each] for each in order], dtype=np.int64)
    return Arrangement(indices, details if isinstance(details, dict) else {})


def _remake(
    request: StreamRequest,
    evidence: Mapping[Need, Gathered],
    published: Arrangement,
    given: Given,
    findings: Findings,
    *,
    all_starts: bool,
    report: Report,
) -> None:
    search = all_starts and _can_search(request, findings)
    try:
        stream, wrong = remake_stream(request, evidence, published, search=search, report=report)
    except ConceptOrderingsError as error:
        findings.failed(Code.TASKS_DIFFER, f"The version cannot be made from its request: {error.detail}")
        return
    _compare_order(stream, published, wrong, findings)
    if not search:
        _note_starts(stream, findings)
    same_order = not findings.has(Outcome.FAILED, Code.ORDER_DIFFERS)
    version = given.manifest.value["version"]
    tasks = stream.tasks(version if isinstance(version, int) else 0)
    if same_order:
        compare_tasks(tasks, given, findings)
    compare_manifest(stream, tasks, given, findings, same_order=same_order)


def _compare_order(stream: ArrangedStream, published: Arrangement, wrong: int | None, findings: Findings) -> None:
    made, ids = stream.arrangement.order, stream.request.concepts.ids
    differ = np.flatnonzero(made != published.order)
    if not differ.size:
        return
    position = int(differ[0]) if wrong is None else wrong
    is_there, belongs = ids[published.order[position]], ids[made[position]]
    reverse = wrong is not None and stream.request.ordering.reverse
    where = "from the end, where the path begins, the first is" if reverse else "the first is"
    findings.failed(
        Code.ORDER_DIFFERS,
        f"The order is not that of the request and the evidence: {where} position {position}, which has "
        f"{shown(is_there)}, and where {shown(belongs)} belongs.",
    )


def _can_search(request: StreamRequest, findings: Findings) -> bool:
    if not any(isinstance(each, Similarity) for each in request.ordering.parts):
        return True
    # Imported here because it loads numba, which takes half a second.
    from concept_orderings.path.search import is_compiled  # noqa: PLC0415

    if not is_compiled():
        findings.unproven(
            Code.NUMBA_MISSING,
            "That no other start gives a shorter path was not verified: it needs numba, which is not installed. "
            "Install the extra path.",
        )
        return False
    return True


def _note_starts(stream: ArrangedStream, findings: Findings) -> None:
    ordering = stream.request.ordering
    tried = stream.arrangement.details.get("starts")
    if isinstance(ordering, Similarity) and isinstance(tried, int) and tried > 1:
        findings.noted(
            Code.BEST_START_NOT_PROVEN,
            f"The path is right from its start on. That none of the other {tried - 1:,} starts gives a shorter one was "
            "not verified: --all-starts does.",
        )


def _said(error: Exception) -> str:
    if isinstance(error, ConceptOrderingsError):
        return error.detail.rstrip(".")
    return " ".join(f"{type(error).__name__}: {error}".split())[:200].rstrip(".")
