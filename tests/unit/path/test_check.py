"""Test the check that a path is greedy against walking it again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.path import quantise
from concept_orderings.path.check import WrongStep, first_wrong_step
from concept_orderings.path.plain import neighbour_lists, walk


def vectors_of(seed: int, n: int, d: int, *, levels: int) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    """Return vectors of few different numbers, of which some are equal and many equally far from each other."""
    rows = np.random.default_rng(seed).integers(-levels, levels + 1, size=(n, d)).astype(np.float64)
    rows[:, 0] += 0.5
    return quantise(rows)


def greedy(vectors: np.ndarray[tuple[int, int], np.dtype[np.int16]], start: int) -> list[int]:
    return walk(start, neighbour_lists(vectors, 8, 64, lambda _: None))[0]


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 50), st.integers(1, 3), st.data())
def test_the_first_wrong_step_is_that_of_a_walk(seed: int, n: int, d: int, levels: int, data: st.DataObject) -> None:
    vectors = vectors_of(seed, n, d, levels=levels)
    order = greedy(vectors, data.draw(st.integers(0, n - 1)))

    assert first_wrong_step(vectors, np.array(order)) is None
    if n < 3:
        return
    # The first k stay; what follows is drawn.
    k = data.draw(st.integers(1, n - 2))
    changed = [*order[:k], *data.draw(st.permutations(order[k:]))]
    wrong = next((i for i, (own, other) in enumerate(zip(order, changed, strict=True)) if own != other), None)
    expected = None if wrong is None else WrongStep(wrong, order[wrong])
    assert first_wrong_step(vectors, np.array(changed)) == expected


@pytest.mark.parametrize("d", [16, 200])
def test_each_step_of_a_long_path_is_checked(d: int) -> None:
    vectors = vectors_of(0, 1500, d, levels=30)
    order = np.array(greedy(vectors, 7))

    assert first_wrong_step(vectors, order) is None
    for k in (1, 511, 512, 513, 1024, 1498):
        changed = order.copy()
        changed[[k, k + 1]] = changed[[k + 1, k]]
        assert first_wrong_step(vectors, changed) == WrongStep(k, int(order[k]))


def test_short_vectors_are_checked_exactly() -> None:
    # A file may hold any integers: these are much shorter than unit vectors.
    vectors = np.random.default_rng(1).integers(-3, 4, size=(300, 40)).astype(np.int16)
    order = np.array(greedy(vectors, 0))

    assert first_wrong_step(vectors, order) is None
    changed = order.copy()
    changed[[200, 250]] = changed[[250, 200]]
    assert first_wrong_step(vectors, changed) == WrongStep(200, int(order[200]))


def test_an_order_that_is_no_permutation_is_refused() -> None:
    with pytest.raises(ValueError, match="permutation of the 3 vectors"):
        first_wrong_step(quantise(np.eye(3)), np.array([0, 1, 1]))
