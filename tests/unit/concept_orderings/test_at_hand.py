"""Evidence that stands in the request or the catalogue, and what is said of where it came from."""

import numpy as np
import pytest
from hypothesis import given

from concept_orderings.evidence import Evidence, Need, evidence_digest
from concept_orderings.evidence.at_hand import assemble, evidence_at_hand
from concept_orderings.request import parse_request

from .strategies import Body, requests

KNOWN = {"name": "cifar100", "classes": ["a", "b"]}
KNOWN_OTHERWISE = {"name": "mnist", "classes": ["0"], "year": 1997, "scores": {"0": 50}}
UNKNOWN = {"name": "A", "classes": ["a"], "year": 2009, "scores": 75.8}


def body_by(kind: str, *datasets: object, **ordering: object) -> Body:
    return {
        "name": "x",
        "datasets": list(datasets),
        "ordering": {"kind": kind, **ordering},
        "tasks": {"count": 1},
    }


@given(requests())
def test_all_is_at_hand_that_a_request_can_give(body: Body) -> None:
    request = parse_request(body)
    found = evidence_at_hand(request)

    assert set(found) == request.needs - {Need.EMBEDDINGS}
    for need, gathered in found.items():
        assert len(gathered.values) == len(request.concepts)
        assert gathered.provenance.digest == evidence_digest(gathered.values)
        assert gathered.provenance.warnings == ()
        np.testing.assert_array_equal(assemble(found).of(need), gathered.values)


@pytest.mark.parametrize(("kind", "need"), [("time", Need.YEARS), ("performance", Need.SCORES)])
@pytest.mark.parametrize(
    ("datasets", "source"),
    [
        ([KNOWN], "catalogue"),
        ([UNKNOWN], "request"),
        ([KNOWN_OTHERWISE], "request"),
        ([UNKNOWN, KNOWN_OTHERWISE], "request"),
        ([KNOWN, UNKNOWN], "request and catalogue"),
        ([KNOWN, KNOWN_OTHERWISE], "request and catalogue"),
        ([{**KNOWN, "year": 2009, "scores": 75.8}], "catalogue"),
        ([{**KNOWN, "year": 2008, "scores": {"a": 75.8, "b": 75.9}}], "request"),
    ],
)
def test_the_source_is_where_the_values_came_from(kind: str, need: Need, datasets: list[object], source: str) -> None:
    found = evidence_at_hand(parse_request(body_by(kind, *datasets)))

    assert found[need].provenance.source == source


def test_counts_are_the_request_s_only_if_it_says_so() -> None:
    counted = {"name": "A", "classes": ["a", "b"], "counts": {"b": 0, "a": 5}}
    here = evidence_at_hand(parse_request(body_by("frequency", counted)))
    elsewhere = evidence_at_hand(parse_request(body_by("frequency", KNOWN, source="c4")))

    assert here[Need.COUNTS].values.tolist() == [5, 0]
    assert here[Need.COUNTS].provenance.source == "request"
    assert elsewhere == {}


@pytest.mark.parametrize("need", Need)
def test_evidence_that_is_not_there_cannot_be_taken_for_empty(need: Need) -> None:
    with pytest.raises(ValueError, match=str(need)):
        Evidence().of(need)
