"""Test which sources the body of a request names."""

from datetime import UTC, datetime

import pytest

from app.parsing import Accepted, NamedSource, Refused, decode, read_request
from concept_orderings.canonical import canonical_json
from concept_orderings.evidence import Need
from unit.concept_orderings.request.bodies import changed, counted, right, scored
from unit.concept_orderings.strategies import Body

WITHIN = "/ordering/within"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def inside(body: Body) -> Body:
    """Return a request whose ordering stands inside groups."""
    return {**body, "ordering": {"kind": "time", "within": body["ordering"]}}


@pytest.mark.parametrize(
    ("body", "sources"),
    [
        (inside(counted()), [NamedSource(Need.COUNTS, "c4", f"{WITHIN}/source")]),
        (inside(scored()), [NamedSource(Need.SCORES, "a-model", f"{WITHIN}/source")]),
        (
            inside(changed({"/ordering": {"kind": "performance", "sources": ["a", "b"]}}, scored)),
            [
                NamedSource(Need.SCORES, "a", f"{WITHIN}/sources/0"),
                NamedSource(Need.SCORES, "b", f"{WITHIN}/sources/1"),
            ],
        ),
        (inside(right()), []),
    ],
)
def test_sources_inside_groups_are_looked_for(body: Body, sources: list[NamedSource]) -> None:
    accepted = read_request(decode(canonical_json(body)), defaults={}, now=NOW)
    refused = read_request(decode(canonical_json({**body, "name": 1})), defaults={}, now=NOW)

    assert isinstance(accepted, Accepted)
    assert isinstance(refused, Refused)
    assert list(accepted.sources) == list(refused.sources) == sources
