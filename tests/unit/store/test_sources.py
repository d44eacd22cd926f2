"""Reports on sources of counts as JSON: what a worker wrote is what the API reads."""

import json
from dataclasses import replace
from typing import Any

import pytest

from concept_orderings.errors import SourceError
from concept_orderings.evidence.ranks import RANKS
from store.sources import SourceFacts, SourceReport, SourceState, Unit, no_such_source

FACTS = SourceFacts(
    name="c4",
    kind="elasticsearch",
    unit=Unit.DOCUMENTS,
    corpus="the index c4",
    documents=1000,
    query_form="match_phrase with slop 0 in the field text",
    fingerprint="0f" * 32,
    ttl_seconds=3600.5,
)
REPORTS = {
    "available": SourceReport.available(FACTS),
    "unavailable": SourceReport.unavailable("c4", "elasticsearch", SourceError("source_unavailable", "It is away.")),
    "unasked": SourceReport(name="c4", kind="elasticsearch", state=SourceState.UNASKED),
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_a_report_is_read_as_it_was_written(report: SourceReport) -> None:
    assert SourceReport.from_json(json.loads(json.dumps(report.as_json()))) == report


def test_the_json_of_release_0_1_0_is_unchanged() -> None:
    """Workers and APIs of two releases may share a Redis during an upgrade."""
    written: dict[str, Any] = {name: json.loads(json.dumps(each.as_json())) for name, each in REPORTS.items()}
    error = {"code": "source_unavailable", "detail": "It is away.", "pointers": []}
    both = {"name": "c4", "kind": "elasticsearch"}

    assert written["unasked"] == {**both, "state": "unasked"}
    assert written["unavailable"] == {**both, "state": "unavailable", "error": error}
    assert written["available"] == {
        **both,
        "state": "available",
        "unit": "documents",
        "corpus": "the index c4",
        "documents": 1000,
        "tokens": None,
        "query_form": "match_phrase with slop 0 in the field text",
        "fingerprint": "0f" * 32,
        "index": None,
        "ttl_seconds": 3600.5,
        "counted_at": None,
    }


def test_members_that_another_release_has_or_lacks_do_no_harm() -> None:
    written = {**REPORTS["available"].as_json(), "new": 1}
    del written["tokens"]

    assert SourceReport.from_json(written) == REPORTS["available"]


def test_warnings_are_read_as_they_were_written() -> None:
    facts = REPORTS["available"].facts
    assert facts is not None
    warned = SourceReport.available(replace(facts, warnings=("A part is missing.", "Another part is empty.")))
    written = json.loads(json.dumps(warned.as_json()))

    assert written["warnings"] == ["A part is missing.", "Another part is empty."]
    assert SourceReport.from_json(written) == warned


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("c4-sampel", " Did you mean c4-sample?"),
        ("C4-Sample", " Did you mean c4-sample?"),
        ("fomo-c4-rank", f" Did you mean {RANKS}?"),
        ("infinigram", " Did you mean infini-gram?"),
        ("elsewhere", ""),
    ],
)
def test_the_sentence_for_an_unknown_name_has_all_names_and_the_nearest(name: str, hint: str) -> None:
    sentence = no_such_source(name, {"wimbd-c4", "infini-gram", "c4-sample"})

    assert sentence.startswith(
        f"There is no source {name}.{hint} The sources are c4-sample, {RANKS}, infini-gram, wimbd-c4. "
    )
    assert f"--name {name}`" in sentence
