"""Test evidence that the request or the catalogue has, and its provenance."""

import numpy as np
import pytest
from hypothesis import given

from concept_orderings.evidence import Evidence, Need, evidence_digest
from concept_orderings.evidence.at_hand import assemble, evidence_at_hand
from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import Body, requests

KNOWN = {"name": "cifar100", "classes": ["a", "b"]}
KNOWN_WITH_OTHER_VALUES = {"name": "mnist", "classes": ["0"], "year": 1997, "scores": {"0": 50}}
UNKNOWN = {"name": "A", "classes": ["a"], "year": 2009, "scores": 75.8}


def body_by(kind: str, *datasets: object, **ordering: object) -> Body:
    return {
        "name": "x",
        "datasets": list(datasets),
        "ordering": {"kind": kind, **ordering},
        "tasks": {"count": 1},
    }


@given(requests())
def test_everything_but_embeddings_is_at_hand_if_the_request_gives_it(body: Body) -> None:
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
        ([KNOWN_WITH_OTHER_VALUES], "request"),
        ([UNKNOWN, KNOWN_WITH_OTHER_VALUES], "request"),
        ([KNOWN, UNKNOWN], "request and catalogue"),
        ([KNOWN, KNOWN_WITH_OTHER_VALUES], "request and catalogue"),
        ([{**KNOWN, "year": 2009, "scores": 75.8}], "catalogue"),
        ([{**KNOWN, "year": 2008, "scores": {"a": 75.8, "b": 75.9}}], "request"),
    ],
)
def test_the_provenance_names_the_source_of_the_values(
    kind: str, need: Need, datasets: list[object], source: str
) -> None:
    found = evidence_at_hand(parse_request(body_by(kind, *datasets)))

    assert found[need].provenance.source == source


def test_counts_are_at_hand_only_if_the_source_is_the_request() -> None:
    counted = {"name": "A", "classes": ["a", "b"], "counts": {"b": 0, "a": 5}}
    here = evidence_at_hand(parse_request(body_by("frequency", counted)))
    elsewhere = evidence_at_hand(parse_request(body_by("frequency", KNOWN, source="c4")))

    assert here[Need.COUNTS].values.tolist() == [5, 0]
    assert here[Need.COUNTS].provenance.source == "request"
    assert elsewhere == {}


@pytest.mark.parametrize("need", Need)
def test_reading_evidence_that_was_not_gathered_is_an_error(need: Need) -> None:
    with pytest.raises(ValueError, match=str(need)):
        Evidence().of(need)


@pytest.mark.parametrize(
    ("datasets", "details"),
    [
        (
            [KNOWN],
            {
                "direction": "higher is easier",
                "model": "OpenCLIP ViT-B/32",
                "metric": "zero-shot accuracy in percent; recall for retrieval sets",
            },
        ),
        ([UNKNOWN], {"direction": "higher is easier"}),
        ([KNOWN, UNKNOWN], {"direction": "higher is easier"}),
    ],
)
def test_the_provenance_of_scores_names_what_is_known_of_them(
    datasets: list[object], details: dict[str, object]
) -> None:
    found = evidence_at_hand(parse_request(body_by("performance", *datasets)))

    assert found[Need.SCORES].provenance.details == details
