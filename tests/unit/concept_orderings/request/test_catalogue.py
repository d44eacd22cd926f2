"""Test that the catalogue completes the evidence that the request does not give."""

from concept_orderings.evidence.captions import captions_of
from concept_orderings.evidence.scores import scores_of
from concept_orderings.evidence.years import years_of
from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import Body

from .bodies import changed


def cifar100(kind: str, **given: object) -> Body:
    body: Body = changed(
        {
            "/datasets": [{"name": "cifar100", "classes": ["apple"], **given}],
            "/ordering/kind": kind,
            "/tasks/count": 1,
        }
    )
    return body


def test_the_catalogue_completes_needed_evidence_that_is_not_given() -> None:
    assert years_of(parse_request(cifar100("time")).concepts).tolist() == [2009]
    assert scores_of(parse_request(cifar100("performance")).concepts).tolist() == [75.8]
    assert captions_of(parse_request(cifar100("similarity")).concepts) == ["A photo of a apple."]


def test_evidence_in_the_request_replaces_the_catalogue_s() -> None:
    request = parse_request(cifar100("time", year=1998, scores=0, template="{}!"))

    assert years_of(request.concepts).tolist() == [1998]
    assert scores_of(request.concepts).tolist() == [0]
    assert captions_of(request.concepts) == ["apple!"]


def test_writing_out_a_value_of_the_catalogue_gives_the_same_request() -> None:
    for kind in ("time", "random"):
        left_out, written = cifar100(kind), cifar100(kind, name="CIFAR100", year=2009)

        assert parse_request(left_out).digest == parse_request(written).digest
