"""The compiled search for nearest neighbours: exact, whatever estimates it begins with."""

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

pytest.importorskip("numba")

from concept_orderings.path import crew, kernels, quantise
from concept_orderings.path.distances import squared_lengths
from concept_orderings.path.kernels import Space
from concept_orderings.path.neighbours import Neighbours, Typical, empty_candidates, height_of
from concept_orderings.path.tuning import DEFAULT
from concept_orderings.progress import silent
from unit.path.oracle import Vectors, distance_matrix


@given(
    hnp.arrays(np.int16, st.tuples(st.integers(3, 24), st.integers(1, 3)), elements=st.integers(-200, 200)),
    st.data(),
)
@settings(max_examples=300, deadline=None)
def test_no_lower_bound_changes_a_neighbour(vectors: Vectors, data: st.DataObject) -> None:
    """The exact neighbours are found however low the bounds are and however float32 rounds them."""
    n = len(vectors)
    k = data.draw(st.integers(1, n - 1))
    error = data.draw(st.integers(0, 50_000))
    products = vectors.astype(np.int64) @ vectors.T.astype(np.int64)
    # A product may be too small by at most half the error: the distance is at least the bound minus the error.
    wrong = data.draw(hnp.arrays(np.int32, (n, n), elements=st.integers(-(error // 2), 2**24)))
    squares = squared_lengths(vectors).astype(np.int32)
    space = Space(vectors, squares, squares.astype(np.float32))
    candidates = empty_candidates(np.arange(n), 2 * k + kernels.FLAGS_PER_WORD)
    for begin in range(0, n, 5):
        bounds = (products + wrong).astype(np.float32)[:, begin : begin + 5]
        kernels.offer(bounds.copy(), begin, k, space, error, candidates)
    ids, distances = np.empty((n, k), dtype=np.uint16), np.empty((n, k), dtype=np.int32)
    kernels.write_nearest(candidates, ids, distances)
    assert (ids.tolist(), distances.tolist()) == neighbours(vectors, k)


def neighbours(vectors: Vectors, k: int) -> tuple[list[list[int]], list[list[int]]]:
    """Return ids and distances of the k nearest of each vector, by (distance, id)."""
    matrix = distance_matrix(vectors).tolist()
    nearest = [sorted((distance, j) for j, distance in enumerate(row) if j != i)[:k] for i, row in enumerate(matrix)]
    return [[j for _, j in row] for row in nearest], [[distance for distance, _ in row] for row in nearest]


@given(
    hnp.arrays(np.int16, st.tuples(st.integers(3, 40), st.integers(1, 3)), elements=st.integers(-20, 20)),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_wrong_estimates_of_limits_do_not_change_the_neighbours(vectors: Vectors, data: st.DataObject) -> None:
    n = len(vectors)
    k = data.draw(st.integers(1, n - 1))
    limits = data.draw(hnp.arrays(np.int64, n, elements=st.integers(1, 3000) | st.just(kernels.INFINITE_DISTANCE)))
    with (
        mock.patch.object(Typical, "limits", lambda self, rows, k: limits[rows]),
        crew.Crew(1, silent, 1) as threads,
    ):
        ids, distances, lengths = Neighbours(vectors, threads, replace(DEFAULT, rows=7, columns=5)).of(np.arange(n), k)
    assert (ids.tolist(), distances.tolist()) == neighbours(vectors, k)
    assert (lengths == k).all()


def test_the_estimated_limit_admits_k_neighbours_in_most_rows_and_not_many_more() -> None:
    """A limit that admitted many more would save no work."""
    random = np.random.default_rng(0)
    vectors = quantise(random.normal(size=(8000, 60)))
    squares = squared_lengths(vectors).astype(np.int32)
    rows = random.permutation(8000)[:200]
    limits = Typical(vectors, squares).limits(rows, 300)
    exact = vectors[rows].astype(np.int64) @ vectors.T.astype(np.int64)
    nearer = ((squares[rows, None].astype(np.int64) + squares - 2 * exact) < limits[:, None]).sum(axis=1) - 1
    assert (nearer >= 300).mean() > 0.9
    assert nearer.mean() < 600


def test_neighbours_among_many_equal_vectors() -> None:
    """There are more equal distances than a row has room for."""
    vectors = np.zeros((5000, 2), dtype=np.int16)
    vectors[::2, 0] = 1
    with crew.Crew(2, silent, 1) as threads:
        ids, distances, lengths = Neighbours(vectors, threads, replace(DEFAULT, columns=64)).of(np.array([0, 4999]), 5)
    assert ids.tolist() == [[2, 4, 6, 8, 10], [1, 3, 5, 7, 9]]
    assert distances.tolist() == [[0] * 5] * 2
    assert lengths.tolist() == [5, 5]


@pytest.mark.parametrize(
    ("rows", "threads", "height"), [(1, 16, 1), (17, 16, 2), (322, 16, 21), (1024, 16, 16), (18_381, 2, 2298)]
)
def test_few_rows_are_searched_in_one_chunk_per_thread(rows: int, threads: int, height: int) -> None:
    assert height_of(rows, threads) == height
