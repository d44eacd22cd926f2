"""Test that lower bounds of distances are never above them, for any vectors and axes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from concept_orderings.path import projection, quantise
from concept_orderings.path.blas import on_one_thread
from concept_orderings.path.distances import squared_lengths
from support.optional import needs_numba

pytestmark = needs_numba  # only the compiled search makes projections


def projector(vectors: NDArray[np.int16]) -> projection.Projector:
    return projection.Projector(vectors, squared_lengths(vectors).astype(np.int32))


def exact(vectors: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return the squared distances of all pairs."""
    return sums(vectors) - 2 * vectors.astype(np.int64) @ vectors.T.astype(np.int64)


def sums(vectors: NDArray[np.int16]) -> NDArray[np.int64]:
    squares = squared_lengths(vectors)
    return squares[:, None] + squares


def for_products(vectors: NDArray[np.int16], k: int = 5) -> tuple[NDArray[np.float64], int]:
    """Return the lower bound of the distance of all pairs, and the width of the projections."""
    found = projector(vectors).for_products(k)
    assert found.rows.dtype == np.float32
    products = (found.rows @ found.rows.T).astype(np.float64)
    return sums(vectors) - 2 * products - found.error, found.rows.shape[1]


def for_scans(vectors: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return the lower bound of the distance of all pairs that the int16 rows give."""
    found = projector(vectors).for_scans()
    assert found.rows.dtype == np.int16
    rows = found.rows.astype(np.int64)
    return sums(vectors) - 2 * rows @ rows.T - found.error


unit_vectors = hnp.arrays(
    np.float64,
    st.tuples(st.integers(2, 40), st.sampled_from([3, 80, 384])),
    elements=st.floats(-1, 1, width=32) | st.just(0.0),
    fill=st.sampled_from([0.0, 0.5]),
).filter(lambda rows: bool(np.abs(rows).max(axis=1).all()))


@given(unit_vectors)
@settings(max_examples=200, deadline=None)
def test_a_bound_is_never_above_the_distance(rows: NDArray[np.float64]) -> None:
    vectors = quantise(rows)
    # For these small matrices the threads of BLAS wait for each other: minutes on a busy machine.
    with on_one_thread():
        assert (for_products(vectors)[0] <= exact(vectors)).all()
        assert (for_scans(vectors) <= exact(vectors)).all()


@pytest.mark.parametrize("rank", [1, 5, 100, 384])
def test_bounds_of_vectors_in_a_subspace(rank: int) -> None:
    random = np.random.default_rng(rank)
    vectors = quantise(random.normal(size=(500, rank)) @ random.normal(size=(rank, 384)))
    assert (for_products(vectors)[0] <= exact(vectors)).all()
    assert (for_scans(vectors) <= exact(vectors)).all()


def clustered(n: int, dimensions: int) -> NDArray[np.int16]:
    """Return vectors in clusters of eight whose coordinates decrease quickly, as those of embeddings do."""
    random = np.random.default_rng(0)
    scales = 1 / np.arange(1, dimensions + 1)
    centres = np.repeat(random.normal(size=(-(-n // 8), dimensions)), 8, axis=0)[:n]
    turned, _ = np.linalg.qr(random.normal(size=(dimensions, dimensions)))
    return quantise((centres + 0.1 * random.normal(size=(n, dimensions))) * scales @ turned)


def test_few_axes_give_tight_bounds_for_most_pairs() -> None:
    vectors = clustered(2000, 384)
    nearest = np.partition(exact(vectors), 8, axis=1)[:, [8]]
    low, width = for_products(vectors, 7)
    assert width - 1 in projection.AXES
    assert (low < nearest).mean() < 0.05
    assert projector(vectors).for_scans().rows.shape == (2000, projection.SCAN_NUMBERS)
    assert (for_scans(vectors) < nearest).mean() < 0.05


def test_all_dimensions_are_used_where_no_axis_is_longer_than_another() -> None:
    vectors = quantise(np.random.default_rng(0).normal(size=(3000, 384)))
    assert for_products(vectors, 512)[1] == 384


@pytest.mark.parametrize("dimensions", [2, 40])
def test_vectors_of_few_dimensions_are_not_projected(dimensions: int) -> None:
    vectors = quantise(np.random.default_rng(0).normal(size=(50, dimensions)))
    assert (projector(vectors).for_products(3).rows == vectors).all()
    assert (projector(vectors).for_scans().rows == vectors).all()


def test_projecting_can_be_stopped_during_and_after_the_search_for_axes() -> None:
    class Stopped(Exception):
        pass

    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks > allowed:
            raise Stopped

    vectors = clustered(100, 600)
    squares = squared_lengths(vectors).astype(np.int32)
    allowed = 2
    with pytest.raises(Stopped):
        projection.Projector(vectors, squares, tick)
    ticks, allowed = 0, 100
    stopped = projection.Projector(vectors, squares, tick)
    allowed = ticks
    with pytest.raises(Stopped):
        stopped.for_scans()


def test_axes_are_orthonormal_and_the_longest_come_first() -> None:
    vectors = clustered(1000, 200)
    axes = projection.leading_axes(vectors, 32)
    assert np.abs(axes.T @ axes - np.eye(32)).max() < 1e-12
    along = np.square(vectors @ axes).sum(axis=0)
    longest = np.linalg.eigvalsh(vectors.astype(np.float64).T @ vectors)[::-1]
    assert along[0] > 0.99 * longest[0]
    assert along.sum() > 0.99 * longest[:32].sum()
    assert along[:8].sum() > along[8:16].sum() > along[16:].sum() / 2


def threads_of_numpy() -> set[int]:
    """Return the numbers of threads of the BLAS libraries that numpy brings."""
    libraries = pytest.importorskip("threadpoolctl").threadpool_info()
    return {each["num_threads"] for each in libraries if "numpy" in each["filepath"]}


def test_axes_are_searched_on_one_thread() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    threads: list[set[int]] = []

    def tick() -> None:
        threads.append(threads_of_numpy())

    vectors = clustered(100, 100)
    with threadpoolctl.threadpool_limits(limits=2, user_api="blas"):
        found = projection.Projector(vectors, squared_lengths(vectors).astype(np.int32), tick)
        assert threads
        assert set.union(*threads) == {1}
        threads.clear()
        found.for_products(5)
    assert threads[0] == {1}, "while the number of axes is chosen"


def test_products_run_on_one_thread_until_the_last_caller_leaves() -> None:
    before = threads_of_numpy()
    with on_one_thread():
        with on_one_thread():
            assert threads_of_numpy() == {1}
        assert threads_of_numpy() == {1}
    assert threads_of_numpy() == before
