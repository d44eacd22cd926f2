"""Test the ordering typicality: from the periphery of the embeddings to their mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.evidence import Evidence
from concept_orderings.orderings.typicality import distances_from
from concept_orderings.path import quantise
from concept_orderings.request import parse_request
from unit.concept_orderings.orderings.oracle import block, selected, sort_key


@given(data=st.data(), n=st.integers(1, 30), dimensions=st.integers(1, 5), seed=st.integers(0, 3))
def test_typicality_goes_from_the_periphery_to_the_mean(
    data: st.DataObject, n: int, dimensions: int, seed: int
) -> None:
    rows = st.lists(st.integers(-2, 2), min_size=dimensions, max_size=dimensions).filter(any)
    embeddings = np.array(data.draw(st.lists(rows, min_size=n, max_size=n)), dtype=np.float32)
    request = parse_request(block("typicality", datasets=1, classes=n, seed=seed))
    vectors = [[int(each) for each in row] for row in quantise(embeddings)]
    # The squared distance to the mean, n² times as large so that it is an integer.
    sums = [sum(column) for column in zip(*vectors, strict=True)]
    away = {
        concept: sum((n * each - total) ** 2 for each, total in zip(row, sums, strict=True))
        for concept, row in zip(request.concepts.ids, vectors, strict=True)
    }
    found = request.ordering.arrangement(request.concepts, Evidence(embeddings=embeddings)).order

    ids = [request.concepts.ids[i] for i in found]
    assert ids == selected(ids, lambda concept: (-away[concept], sort_key("typicality", seed, concept)))


@pytest.mark.parametrize("n", [1_000_000])
def test_typicality_is_exact_for_a_million_vectors_of_the_largest_numbers(n: int) -> None:
    """The sum of a million equal rows of 4,096 numbers is computed by hand, so that only two rows are needed."""
    most = np.iinfo(np.int16).max
    row = np.full(4096, most, dtype=np.int16)
    total = np.full(4096, n * most, dtype=np.int64)
    least, squared = -np.iinfo(np.int16).max * total, int(row.astype(np.int64) @ row.astype(np.int64))

    opposite, alike = distances_from(np.stack([-row, row]), total, n)
    assert alike == n * squared - 2 * 4096 * most * n * most
    assert opposite == n * squared + 2 * 4096 * most * n * most == n * squared - 2 * int(least.sum())
    assert opposite > 2**63
