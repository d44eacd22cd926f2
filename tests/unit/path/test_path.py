"""The greedy path: the compiled search and the search with numpy alone follow the rule."""

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from concept_orderings.errors import Cancelled, NotEnoughMemory
from concept_orderings.machine import Machine
from concept_orderings.path import distance_as_cosine, plain, quantise, shortest_greedy_path
from concept_orderings.path.distances import SCALE
from concept_orderings.path.tuning import DEFAULT, memory_needed, tuned
from support.optional import needs_numba
from support.waiting import until
from unit.path.oracle import Vectors, best_path, distance_matrix, greedy_path, paths_from
from unit.path.reports import CancelAt, RecordedReports
from unit.path.searches import (
    TIGHT,
    check_paths_from,
    compiled,
    each,
    each_kind_of_search,
    each_search,
    each_tight_search,
    grids,
    lists_of,
    some_starts,
    uncompiled,
)

Find = Callable[..., plain.Found]


@given(grids, st.integers(1, 4), st.integers(1, 8))
@settings(max_examples=200, deadline=None)
def test_the_search_with_numpy_follows_the_rule(vectors: Vectors, near: int, listed: int) -> None:
    assert lists_of(uncompiled(vectors, near, listed)) == best_path(vectors)


@each(compiled=partial(compiled, tuning=TIGHT), numpy_alone=partial(uncompiled, near=1, listed=2))
def test_thousands_of_tied_sets(find: Find) -> None:
    rng = np.random.default_rng(0)
    for _ in range(2000):
        vectors = rng.integers(-2, 3, size=(rng.integers(2, 13), rng.integers(1, 4))).astype(np.int16)
        assert lists_of(find(vectors)) == best_path(vectors)


@cache
def directions(seed: int, dimensions: int) -> tuple[Vectors, tuple[list[int], list[int]]]:
    """Return 60 to 199 vectors, some of them equal, and their path by the rule."""
    rng = np.random.default_rng(seed)
    vectors = quantise(rng.normal(size=(rng.integers(60, 200), dimensions)))
    vectors[rng.integers(len(vectors), size=20)] = vectors[0]
    return vectors, best_path(vectors)


@each_kind_of_search
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dimensions", [2, 16, 1024, 1280, 4096])
def test_a_few_hundred_directions(seed: int, dimensions: int, find: Find) -> None:
    vectors, expected = directions(seed, dimensions)
    assert lists_of(find(vectors)) == expected


@each_search
def test_the_longest_distances_fit(find: Find) -> None:
    corner = np.full((1, 1024), SCALE / 32)
    vectors = quantise(np.concatenate([corner, -corner, corner, -corner]))
    assert lists_of(find(vectors)) == best_path(vectors)
    assert distance_as_cosine(shortest_greedy_path(vectors).total) == 2


@each_tight_search
def test_the_longest_vectors_fit(find: Find) -> None:
    longest = np.zeros((4, 2), dtype=np.int16)
    longest[:, 0] = [SCALE + 16, -SCALE - 16, SCALE + 16, -SCALE - 16]
    assert lists_of(find(longest)) == best_path(longest)


def test_equal_distances_go_to_the_smaller_index() -> None:
    line = np.array([[0], [-1], [1], [3]], dtype=np.int16)
    # Vectors 1 and 2 are both at distance 1 from vector 0.
    assert greedy_path(distance_matrix(line), 0)[0] == [0, 1, 2, 3]
    assert shortest_greedy_path(line).order.tolist() == [1, 0, 2, 3]


def test_equal_totals_go_to_the_smaller_start() -> None:
    assert shortest_greedy_path(np.zeros((50, 3), dtype=np.int16)).order.tolist() == list(range(50))


@given(grids)
@settings(max_examples=200, deadline=None)
def test_every_start_gets_the_total_of_its_own_path(vectors: Vectors) -> None:
    expected = [sum(steps) for _, steps in paths_from(vectors, range(len(vectors)))]
    assert uncompiled(vectors).totals.tolist() == expected


@given(grids, st.data())
@settings(max_examples=200, deadline=None)
def test_some_starts_in_any_order(vectors: Vectors, data: st.DataObject) -> None:
    starts = data.draw(some_starts(len(vectors)))
    check_paths_from(starts, vectors, uncompiled(vectors, starts=starts))


@pytest.mark.parametrize("starts", [[], [-1], [5]])
def test_starts_that_are_no_vectors_are_refused(starts: list[int]) -> None:
    with pytest.raises(ValueError, match="starts"):
        shortest_greedy_path(quantise(np.eye(5)), starts=np.array(starts, dtype=np.int64))


@each_search
def test_one_start_is_tried_even_if_the_deadline_has_passed(find: Find) -> None:
    vectors = quantise(np.random.default_rng(11).normal(size=(400, 8)))
    expected = paths_from(vectors, [3])[0]
    found = find(vectors, starts=np.arange(3, 400), deadline=0.0)
    assert lists_of(found) == expected
    assert found.totals.tolist() == [sum(expected[1])]


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_small_numbers_of_vectors(n: int) -> None:
    path = shortest_greedy_path(quantise(np.eye(3)[:n]))
    assert path.order.tolist() == list(range(n))
    assert path.order.dtype == path.steps.dtype == np.int64
    assert path.steps.tolist() == [2 * SCALE**2] * (n - 1)
    assert (path.total, path.start) == (sum(path.steps), 0 if n else -1)


def test_the_path_is_a_permutation_and_adds_up() -> None:
    vectors = quantise(np.random.default_rng(5).normal(size=(300, 8)))
    path = shortest_greedy_path(vectors)
    assert sorted(path.order.tolist()) == list(range(300))
    assert path.start == path.order[0]
    assert path.steps.tolist() == distance_matrix(vectors)[path.order[:-1], path.order[1:]].tolist()
    assert path.total == path.steps.sum()


@pytest.mark.parametrize(
    "vectors",
    [np.zeros((3, 3)), np.zeros(3, np.int16), np.zeros((3, 0), np.int16), np.zeros((3, 4097), np.int16)],
)
def test_another_dtype_or_shape_is_refused(vectors: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="int16 of shape"):
        shortest_greedy_path(vectors)


def test_vectors_too_long_for_exact_sums_are_refused() -> None:
    with pytest.raises(ValueError, match="quantise"):
        shortest_greedy_path(np.full((2, 3), 2**14, dtype=np.int16))


def test_a_view_is_as_good_as_an_array() -> None:
    vectors = quantise(np.random.default_rng(6).normal(size=(60, 8)))
    assert np.array_equal(shortest_greedy_path(np.asfortranarray(vectors)).order, shortest_greedy_path(vectors).order)
    assert np.array_equal(shortest_greedy_path(vectors[::2]).order, shortest_greedy_path(vectors[::2].copy()).order)


@each(compiled=partial(compiled, tuning=TIGHT, threads=2), numpy_alone=uncompiled)
def test_progress_rises_to_the_number_of_starts(find: Find) -> None:
    vectors = quantise(np.random.default_rng(7).normal(size=(90, 4)))
    seen = RecordedReports()
    find(vectors, report=seen)
    assert seen == sorted(seen)
    assert seen[-1] == (180, 180)


@each_search
@pytest.mark.parametrize("call", [1, 2])
def test_a_report_that_raises_ends_the_search_and_its_threads(call: int, find: Find) -> None:
    vectors = quantise(np.random.default_rng(8).normal(size=(1500, 16)))
    report = CancelAt(call)
    with pytest.raises(Cancelled):
        find(vectors, report=report)
    assert len(report) == call
    until(lambda: not any(each.name.startswith("path") for each in threading.enumerate()), "threads end")


def test_a_search_needs_memory_that_grows_with_n_alone() -> None:
    small, large = memory_needed(100_000, 768), memory_needed(1_000_000, 768)
    assert large <= 10 * small < 40e9
    assert memory_needed(10, 768) < 1e6


def test_little_memory_makes_lists_shorter() -> None:
    # With as many dimensions as here, the lists take more memory than means of several captions would.
    shape = (100_000, 128)
    needed = memory_needed(*shape)
    assert tuned(shape, None) == tuned(shape, needed) == DEFAULT
    assert tuned(shape, needed - 1).listed == DEFAULT.listed // 2


def test_too_little_memory_is_refused_before_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("plain", "fast"):
        with suppress(ImportError):  # without numba there is no fast
            monkeypatch.setattr(f"concept_orderings.path.{module}.search", None)
    with pytest.raises(NotEnoughMemory) as caught:
        shortest_greedy_path(quantise(np.eye(5)), machine=Machine(memory=1000))
    assert caught.value.code == "not_enough_memory"
    assert "CONCEPT_ORDERINGS_MEMORY_MB" in caught.value.detail


@needs_numba
def test_without_numba_the_path_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = quantise(np.random.default_rng(10).normal(size=(150, 8)))
    expected = shortest_greedy_path(vectors)
    monkeypatch.setitem(sys.modules, "concept_orderings.path.fast", None)
    monkeypatch.delattr("concept_orderings.path.fast")
    monkeypatch.setattr(plain, "search", counted := Counted(plain.search))
    found = shortest_greedy_path(vectors)
    assert counted.calls == 1
    assert (found.total, found.start) == (expected.total, expected.start)
    assert np.array_equal(found.order, expected.order)
    assert np.array_equal(found.steps, expected.steps)


class Counted:
    def __init__(self, function: Callable[..., plain.Found]) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *arguments: Any) -> plain.Found:
        self.calls += 1
        return self.function(*arguments)
