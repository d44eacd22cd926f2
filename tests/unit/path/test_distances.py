import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from concept_orderings.path import distance_as_cosine, quantise
from concept_orderings.path.distances import MAX_DIMENSIONS, MAX_SQUARED_LENGTH, SCALE, squared_lengths

rows = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 20), st.integers(1, 12)),
    elements=st.floats(-1e300, 1e300, allow_subnormal=False),
).filter(lambda a: bool(np.abs(a).max(axis=1).min() > 0))


@given(rows)
@settings(deadline=None)
def test_quantising_rounds_the_unit_vector(embeddings: NDArray[np.float64]) -> None:
    unit = embeddings / np.abs(embeddings).max(axis=1, keepdims=True)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    assert np.abs(quantise(embeddings) - unit * SCALE).max() <= 0.5 + 1e-9


@given(rows, st.integers(-300, 300))
@settings(deadline=None)
def test_rows_are_quantised_independently_of_each_other_and_of_their_length(
    embeddings: NDArray[np.float64], exponent: int
) -> None:
    scaled = np.ldexp(embeddings / np.abs(embeddings).max(axis=1, keepdims=True), exponent)
    assert np.array_equal(quantise(scaled), np.concatenate([quantise(row[None]) for row in scaled]))
    assert np.array_equal(quantise(scaled), quantise(np.ldexp(scaled, 1)))


def test_known_values_do_not_change() -> None:
    embeddings = ((np.arange(24) ** 2 % 17 - 8) / 4).reshape(3, 8).astype(np.float32)
    assert quantise(embeddings).tolist() == [
        [-7847, -6866, -3924, 981, 7847, 0, -5885, 6866],
        [5574, 5574, 7804, -6689, 0, 8918, 1115, -4459],
        [-6866, -7847, -6866, -3924, 981, 7847, 0, -5885],
    ]


def test_the_longest_rounded_vector_keeps_every_distance_in_31_bits() -> None:
    rng = np.random.default_rng(0)
    for dimensions in (1, 2, 3, 384, MAX_DIMENSIONS):
        vectors = quantise(rng.normal(size=(200, dimensions)))
        assert squared_lengths(vectors).max() <= MAX_SQUARED_LENGTH
    assert 4 * MAX_SQUARED_LENGTH < 2**31


@pytest.mark.parametrize(
    ("row", "words"),
    [([0.0, 0.0], "all zero: row 1"), ([np.nan, 1.0], "not finite: row 1"), ([1.0, -np.inf], "not finite: row 1")],
)
def test_rows_without_a_direction_are_named(row: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=f"1 of 3 embeddings are {words}$"):
        quantise(np.array([[1.0, 2.0], row, [3.0, 4.0]]))


def test_a_long_list_of_bad_rows_is_cut() -> None:
    with pytest.raises(ValueError, match=r"12 of 12 .* row 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more$"):
        quantise(np.zeros((12, 3)))


@pytest.mark.parametrize("shape", [(3,), (3, 0), (2, 3, 4), (2, MAX_DIMENSIONS + 1)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        quantise(np.ones(shape))


def test_no_rows_are_quantised_to_no_rows() -> None:
    assert quantise(np.empty((0, 5))).shape == (0, 5)


def test_distances_convert_to_cosine_distances() -> None:
    assert distance_as_cosine(0) == 0
    opposite = quantise(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])).astype(np.int64)
    assert distance_as_cosine(int(((opposite[0] - opposite[1]) ** 2).sum())) == 2
    assert np.array_equal(distance_as_cosine(((opposite[[0, 1]] - opposite[2]) ** 2).sum(axis=1)), [1, 1])
