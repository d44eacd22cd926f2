"""Test that published evidence is taken only for the request that it belongs to."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from concept_orderings.errors import BadEvidence
from concept_orderings.evidence import Gathered, Need, Provenance, evidence_digest
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.evidence.fitting import evidence_of_request
from concept_orderings.evidence.tables import MARGINS, EvidenceTable, table_of
from concept_orderings.request import StreamRequest, parse_request
from unit.concept_orderings.request.bodies import changed, counted

SIMILARITY = {"kind": "similarity", "encoder": "fake"}
FACTS: dict[str, Any] = {"dtype": "float64", "weights": "0f" * 32}


def similar(**ordering: object) -> StreamRequest:
    return parse_request(changed({"/ordering": {**SIMILARITY, **ordering}}))


def table(request: StreamRequest, **provenance: Any) -> EvidenceTable:
    """Return the table of made-up evidence for the kind that the request needs from outside."""
    (need,) = request.outside
    n = len(request.concepts)
    values = np.ones((n, 3), dtype=np.int16) if need is Need.EMBEDDINGS else np.arange(n, dtype=np.int64)
    stated = {"source": "fake", "details": FACTS, "digest": evidence_digest(values), **provenance}
    return table_of(need, Gathered(values, Provenance(**stated)), request.concepts)


def refused(request: StreamRequest, *tables: EvidenceTable) -> Sequence[tuple[str, str]]:
    with pytest.raises(BadEvidence) as refusal:
        evidence_of_request(request, {f"file-{i}": each for i, each in enumerate(tables)})
    return [(each.code, each.detail) for each in refusal.value.faults]


def test_the_evidence_of_a_request_is_taken() -> None:
    found = evidence_of_request(similar(), {"vectors.npz": table(similar())})

    assert set(found) == {Need.EMBEDDINGS}
    assert evidence_of_request(similar(), {}) == {}


def test_a_pinned_request_takes_the_vectors_of_its_weights() -> None:
    assert evidence_of_request(similar(weights="0f" * 32), {"f": table(similar())})
    [(code, detail)] = refused(similar(weights="1f" * 32), table(similar()))

    assert code == "evidence_of_other_source"
    assert detail.startswith("file-0: The ordering has the weights '1f1f")


@pytest.mark.parametrize(("parameter", "value"), [("encoder", "minilm"), ("dtype", "float32")])
def test_vectors_of_another_encoder_are_refused(parameter: str, value: str) -> None:
    [(code, detail)] = refused(similar(**{parameter: value}), table(similar()))

    assert code == "evidence_of_other_source"
    assert f"has the {parameter} '{value}', but the evidence is of" in detail


def test_counts_of_another_source_are_refused() -> None:
    request = parse_request(counted())
    assert evidence_of_request(request, {"f": table(request, source="c4")})
    [(code, detail)] = refused(request, table(request, source="c5"))

    assert code == "evidence_of_other_source"
    assert "has the source 'c4', but the evidence is of 'c5'" in detail


def test_other_and_missing_concepts_are_named() -> None:
    fewer = parse_request(changed({"/datasets/1": ..., "/ordering": SIMILARITY}))
    [(code, detail)] = refused(fewer, table(similar()))
    assert code == "evidence_of_other_concepts"
    assert "1 of its 4 are not in the request ('TWO+++a')" in detail

    [(code, detail)] = refused(similar(), table(fewer))
    assert code == "evidence_incomplete"
    assert "lacks 1 of the 4 concepts of the request ('TWO+++a')" in detail


def test_rows_in_another_order_are_refused() -> None:
    right = table(similar())
    [(code, _)] = refused(similar(), replace(right, concepts=right.concepts[::-1]))

    assert code == "bad_evidence_file"


def test_other_captions_are_refused() -> None:
    other = parse_request(changed({"/ordering": SIMILARITY, "/datasets/0/template": ["A {}.", "The {}."]}))
    [(code, detail)] = refused(other, table(similar()))

    assert code == "evidence_of_other_captions"
    assert "ONE differ: the request has the templates 'A {}.', 'The {}.', and the vectors are those of the" in detail


def test_other_synonyms_are_refused() -> None:
    other = parse_request(changed({"/ordering": SIMILARITY, "/datasets/0/synonyms": {"a": ["A"]}}))
    assert evidence_of_request(other, {"f": table(other)})
    for request, found in ((other, similar()), (similar(), other)):
        [(code, detail)] = refused(request, table(found))
        assert code == "evidence_of_other_captions"
        assert detail.startswith("file-0: The synonyms of ONE differ from those whose captions the vectors are the")


def test_evidence_that_the_order_does_not_depend_on_is_refused() -> None:
    [(code, detail)] = refused(parse_request(changed({})), table(similar()))

    assert (code, detail) == (
        "evidence_not_needed",
        "file-0: The order by random does not depend on vectors; leave the file out.",
    )


def test_values_that_the_request_has_must_be_the_same() -> None:
    by_score = {"/ordering": {"kind": "performance"}}
    request, other = (parse_request(changed({**by_score, "/datasets/1/scores": each})) for each in (4, 5))
    scores = table_of(Need.SCORES, evidence_at_hand(request)[Need.SCORES], request.concepts)
    assert evidence_of_request(request, {"f": scores})
    [(code, detail)] = refused(other, scores)

    assert code == "evidence_of_other_source"
    assert "The request itself has other scores for 1 concepts: 5.0 for 'TWO+++a', where the evidence has 4.0" in detail


def test_all_faults_are_named_at_once() -> None:
    codes = [
        code
        for code, _ in refused(similar(encoder="minilm"), table(similar()), EvidenceTable(MARGINS, "margin", [], {}))
    ]
    assert codes == ["evidence_of_other_source", "bad_evidence_file"]

    assert [code for code, _ in refused(similar(), table(similar()), table(similar()))] == ["bad_evidence_file"]
