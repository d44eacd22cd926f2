"""Test embeddings as evidence: the integers that orderings compare, their digest, the certificate and its warning."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from concept_orderings.evidence import Gathered, Need, evidence_digest
from concept_orderings.evidence.captions import NeedsEmbeddings
from concept_orderings.evidence.quantised import MARGIN, embeddings_as_evidence
from concept_orderings.library import arrange_request, foreseen_warnings
from concept_orderings.path import quantise, quantise_with_margins
from concept_orderings.request import StreamRequest, parse_request

KINDS = ["similarity", "typicality"]


def request(kind: str = "similarity", n: int = 4, **ordering: object) -> StreamRequest:
    datasets = [{"name": "D", "classes": [f"c{i}" for i in range(n)], "template": "A {}."}]
    body: dict[str, object] = {"name": "s", "datasets": datasets, "tasks": {"count": 1}}
    return parse_request({**body, "ordering": {"kind": kind, **ordering}})


def rows(n: int = 4, d: int = 24) -> NDArray[np.float64]:
    found = np.random.default_rng(7).normal(size=(n, d))
    unit: NDArray[np.float64] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return unit


def at_an_edge(offset: float) -> NDArray[np.float64]:
    """Return four unit rows whose first has a coordinate `offset` above a rounding edge."""
    found = rows(4, 2)
    edge = 1000.5 / 2**14 + offset
    found[0] = [edge, np.sqrt(1 - edge * edge)]
    return found


def gathered(embeddings: NDArray[Any], **ordering: object) -> Gathered:
    asked = request(**ordering)  # type: ignore[arg-type]
    assert isinstance(asked.ordering, NeedsEmbeddings)
    return embeddings_as_evidence(embeddings, asked.ordering, asked.concepts.ids, source="test")


def manifest(asked: StreamRequest, embeddings: NDArray[Any]) -> Any:
    return json.loads(arrange_request(asked, embeddings=embeddings).documents(1)[2].data)


@pytest.mark.parametrize("kind", KINDS)
def test_the_manifest_has_the_digest_of_the_integers_and_the_certificate(kind: str) -> None:
    found = manifest(request(kind), rows())
    assert found["request"]["ordering"]["dtype"] == "float64"
    assert found["evidence"]["embeddings"]["digest"] == evidence_digest(quantise(rows()))
    assert found["ordering"]["details"]["certificate"] == {
        "coordinates": 96,
        "near_rounding_edge": 0,
        "assumed_difference": 1e-13,
    }
    assert found["warnings"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_differences_in_the_last_bits_change_no_byte(kind: str) -> None:
    noise = np.random.default_rng(1).uniform(-MARGIN, MARGIN, size=(4, 24)) / 2
    first, second = (arrange_request(request(kind), embeddings=each) for each in (rows(), rows() + noise))
    assert first.documents(1) == second.documents(1)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_other_dtypes_keep_the_evidence_of_0_1_0(kind: str, dtype: str) -> None:
    short = rows().astype(np.float32)
    found = manifest(request(kind, dtype=dtype), rows())
    assert found == manifest(request(kind, dtype=dtype), short)
    assert found["evidence"]["embeddings"]["digest"] == evidence_digest(short)
    assert "certificate" not in found["ordering"]["details"]


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_given_in_float32_have_no_certificate_and_the_order_they_had(kind: str) -> None:
    short = rows(20).astype(np.float32)
    asked = [request(kind, n=20, dtype=dtype) for dtype in ("float64", "float32")]
    default, before = (arrange_request(each, embeddings=short) for each in asked)
    assert "certificate" not in default.arrangement.details
    assert default.arrangement.order.tolist() == before.arrangement.order.tolist()


@pytest.mark.parametrize("offset", [0.0, 0.9e-13, -0.9e-13])
def test_coordinates_near_an_edge_are_counted_and_their_concepts_named(offset: float) -> None:
    found = gathered(at_an_edge(offset))
    assert found.details["certificate"] == {"coordinates": 8, "near_rounding_edge": 1, "assumed_difference": 1e-13}
    (warning,) = found.provenance.warnings
    assert (warning.code, warning.count, warning.concepts) == ("rounding_edges", 1, ("D+++c0",))
    assert warning.detail == (
        "1 of the 8 coordinates of the embeddings lies within 1e-13 of a rounding edge, so another machine may find "
        "another order; compare the digests of the evidence before you rely on it. The concepts are: 'D+++c0'."
    )
    assert found.margins is not None
    assert found.margins[0] == pytest.approx(abs(offset), abs=1e-15)
    assert (found.margins[1:] > 1e-9).all()


@pytest.mark.parametrize("offset", [1.1e-13, -1.1e-13])
def test_a_coordinate_a_little_farther_from_an_edge_is_not_counted(offset: float) -> None:
    assert gathered(at_an_edge(offset)).provenance.warnings == ()
    other_side = quantise(at_an_edge(offset + np.copysign(MARGIN, -offset)))
    np.testing.assert_array_equal(other_side, quantise(at_an_edge(offset)))


@given(st.integers(1, 30), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_margins_are_measured_beside_the_same_integers(n: int, d: int, seed: int) -> None:
    embeddings = np.random.default_rng(seed).normal(size=(n, d))
    found = quantise_with_margins(embeddings, np.full(n, 1e-6))
    np.testing.assert_array_equal(found.vectors, quantise(embeddings))
    unit = embeddings / np.sqrt((embeddings**2).sum(axis=1, keepdims=True))
    from_edge = np.abs((unit * 2**14) % 1 - 0.5) / 2**14
    np.testing.assert_allclose(found.margins, from_edge.min(axis=1), atol=1e-15)
    np.testing.assert_array_equal(found.near_edges, (from_edge <= 1e-6).sum(axis=1))


def test_a_short_mean_is_allowed_a_larger_difference() -> None:
    """Scaling a mean of length 0.01 to length 1 makes a difference of its captions' embeddings 100 times larger."""
    asked = request()
    assert isinstance(asked.ordering, NeedsEmbeddings)
    margin = MARGIN / np.array([0.01, 1, 1, 1])
    rows = at_an_edge(50 * MARGIN)
    found = embeddings_as_evidence(rows, asked.ordering, asked.concepts.ids, source="test", margin=margin)
    assert found.details["certificate"]["near_rounding_edge"] == 1  # type: ignore[index, call-overload]


def test_evidence_that_is_already_quantised_is_arranged_as_it_is() -> None:
    asked = request(n=20)
    stream = arrange_request(asked, embeddings=rows(20))
    assert stream.evidence.of(Need.EMBEDDINGS).dtype == np.int16
    again = asked.ordering.arrangement(asked.concepts, stream.evidence)
    assert again.order.tolist() == stream.arrangement.order.tolist()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_order_in_shorter_numbers_is_said_to_hold_for_one_version_alone(kind: str, dtype: str) -> None:
    asked = request(kind, dtype=dtype)
    (foreseen,) = foreseen_warnings(asked)
    assert foreseen.code == "machine_embeddings"
    assert f"computes in {dtype}" in foreseen.detail
    assert manifest(asked, rows())["warnings"] == [foreseen.detail]
    assert foreseen_warnings(request(kind)) == []
