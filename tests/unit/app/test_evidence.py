"""Test why the service has no evidence of a kind for a version."""

import pytest

from app.evidence import why_not_kept
from concept_orderings.evidence.tables import TABLE_KINDS
from store.evidence_files import EvidenceEntry, KeptEvidence
from store.versions import VersionRecord


def record(evidence: KeptEvidence | None) -> VersionRecord:
    return VersionRecord(
        stream="s",
        version=3,
        request_digest="",
        ordering="similarity",
        concepts=2,
        digest="",
        order_digest="",
        tasks=(),
        warnings=(),
        created_at="",
        evidence=evidence,
    )


def kept(*kinds: str, left_out: tuple[str, ...] = ()) -> KeptEvidence:
    files = [EvidenceEntry(kind=each, media_type="", digest="", bytes=0, in_manifest=True) for each in kinds]
    return KeptEvidence(files=tuple(files), left_out=left_out)


@pytest.mark.parametrize(
    ("evidence", "kind", "beginning"),
    [
        (None, "vectors", "Version 3 of s was made by a release that kept no evidence."),
        (
            kept(left_out=("vectors",)),
            "vectors",
            "Version 3 of s was made without its vectors: they were larger than its worker's setting",
        ),
        (kept("vectors"), "margins", "Version 3 of s has no margins: only embeddings in float64 have them."),
        (
            kept("years"),
            "counts",
            "Version 3 of s was not made from counts; the evidence that it has is years (ordering: similarity).",
        ),
        (kept(), "counts", "Version 3 of s was not made from counts; the evidence that it has is none"),
    ],
)
def test_the_sentence_says_why(evidence: KeptEvidence | None, kind: str, beginning: str) -> None:
    error = why_not_kept(record(evidence), kind)

    assert (error.status, error.code) == (404, "evidence_not_kept")
    assert error.detail.startswith(beginning)


def test_the_kinds_are_those_that_versions_publish() -> None:
    assert set(TABLE_KINDS) >= {"vectors", "counts", "scores", "years", "margins"}
