import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from concept_orderings.errors import Cancelled
from concept_orderings.machine import Machine
from concept_orderings.path import crew, local_search, quantise, shortest_greedy_path
from concept_orderings.path import refine_kernels as kernels
from concept_orderings.path.crew import Crew, TimeIsUp
from concept_orderings.path.distances import SCALE
from concept_orderings.path.refine import RefinedPath, refine_path
from concept_orderings.progress import silent
from support.optional import needs_numba
from support.waiting import until
from unit.path.oracle import Vectors, distance_matrix
from unit.path.reports import CancelAt, RecordedReports

ROOT = Path(__file__).parents[3]

# `grids`: few distinct vectors, so that most have duplicates and most distances are tied. `spread`: hardly any ties.
grids = hnp.arrays(np.int16, st.tuples(st.integers(0, 14), st.integers(1, 3)), elements=st.integers(-2, 2))
spread = hnp.arrays(np.int16, st.tuples(st.integers(0, 14), st.integers(1, 3)), elements=st.integers(-9000, 9000))
seeds = st.integers(0, 2**32 - 1)


def directions(n: int, dimensions: int, seed: int) -> Vectors:
    return quantise(np.random.default_rng(seed).normal(size=(n, dimensions)))


def shuffled(n: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(n)


def length(distances: NDArray[np.int64], path: Iterable[int]) -> int:
    return sum(int(distances[a, b]) for a, b in itertools.pairwise(path))


def shortest(distances: NDArray[np.int64]) -> int:
    n = len(distances)
    # A path and its reverse have the same length.
    return min(length(distances, path) for path in itertools.permutations(range(n)) if path[:1] <= path[-1:])


def exchanges(path: list[int]) -> Iterator[list[int]]:
    """Yield all paths that one 2-opt move (a part reversed) or one Or-opt move (up to three moved) makes of a path."""
    n = len(path)
    for i, j in itertools.combinations(range(n + 1), 2):
        yield path[:i] + path[i:j][::-1] + path[j:]
        if j - i <= 3:
            part, rest = path[i:j], path[:i] + path[j:]
            for at in range(len(rest) + 1):
                yield rest[:at] + part + rest[at:]
                yield rest[:at] + part[::-1] + rest[at:]


def cycles_by_three_exchanges(cycle: list[int]) -> Iterator[list[int]]:
    """Yield all cycles with three edges of a cycle replaced: two of its pieces swapped, reversed, or both."""
    for i, j, k in itertools.combinations(range(len(cycle)), 3):
        rest, first, second = cycle[k:] + cycle[:i], cycle[i:j], cycle[j:k]
        for a, b in ((first, second), (second, first)):
            for turn_a, turn_b in itertools.product((1, -1), repeat=2):
                yield rest + a[::turn_a] + b[::turn_b]


def check(path: RefinedPath, vectors: Vectors, start: Iterable[int], rounds: int) -> None:
    distances = distance_matrix(vectors)
    assert sorted(path.order.tolist()) == list(range(len(vectors)))
    assert path.order.dtype == path.steps.dtype == np.int64
    assert path.steps.tolist() == [distances[a, b] for a, b in itertools.pairwise(path.order)]
    assert path.total == sum(path.steps.tolist())
    assert path.total <= length(distances, start)
    assert (path.rounds, path.complete) == (rounds, True)


@given(grids | spread, st.integers(0, 3), seeds)
@settings(max_examples=300, deadline=None)
def test_the_path_is_a_permutation_adds_up_and_is_no_longer(vectors: Vectors, rounds: int, seed: int) -> None:
    start = shuffled(len(vectors), seed)
    check(refine_path(vectors, start, rounds=rounds), vectors, start, rounds)


@given(grids | spread, seeds)
@settings(max_examples=200, deadline=None)
def test_no_exchange_of_two_steps_and_no_move_of_three_helps_after_a_round(vectors: Vectors, seed: int) -> None:
    vectors = vectors[:9]
    start = shuffled(len(vectors), seed)
    path = refine_path(vectors, start, rounds=1)
    distances = distance_matrix(vectors)
    assert all(length(distances, other) >= path.total for other in exchanges(path.order.tolist()))


@given(spread, seeds)
@settings(max_examples=60, deadline=None)
def test_no_exchange_of_three_steps_helps_after_a_round(vectors: Vectors, seed: int) -> None:
    vectors = vectors[:8]
    n = len(vectors)
    path = refine_path(vectors, shuffled(n, seed), rounds=1)
    # One more vertex, at distance 0 from all, makes the path a cycle.
    distances = np.pad(distance_matrix(vectors), (0, 1))
    for cycle in cycles_by_three_exchanges([n, *path.order.tolist()]):
        assert length(distances, cycle) + distances[cycle[-1], cycle[0]] >= path.total


@pytest.mark.parametrize("seed", range(5))
def test_no_exchange_of_two_steps_helps_among_forty(seed: int) -> None:
    vectors = directions(40, 3, seed)
    start = shuffled(40, seed)
    distances = distance_matrix(vectors)
    with Crew(1, silent, 1) as crew:
        steps = distances[start[:-1], start[1:]]
        found, finished = local_search.search(vectors, start, steps, 1, crew, neighbours=39)
    assert finished == 1
    assert all(length(distances, other) >= length(distances, found) for other in exchanges(found.tolist()))


@given(grids | spread, seeds)
@settings(max_examples=100, deadline=None)
def test_a_few_rounds_find_the_shortest_path_of_seven(vectors: Vectors, seed: int) -> None:
    vectors = vectors[:7]
    path = refine_path(vectors, shuffled(len(vectors), seed), rounds=5)
    assert path.total == shortest(distance_matrix(vectors))


def test_it_is_no_longer_than_the_greedy_path_and_often_the_shortest() -> None:
    shortest_ones = 0
    for seed in range(30):
        vectors = directions(8, 4, seed)
        greedy = shortest_greedy_path(vectors)
        path = refine_path(vectors, greedy.order, rounds=2)
        check(path, vectors, greedy.order.tolist(), 2)
        assert path.total <= greedy.total
        shortest_ones += path.total == shortest(distance_matrix(vectors))
    assert shortest_ones >= 29


@pytest.mark.parametrize(
    ("n", "dimensions"),
    [(60, 2), pytest.param(300, 8, marks=needs_numba), pytest.param(700, 64, marks=needs_numba)],
)
def test_further_rounds_go_on_from_the_earlier_ones(n: int, dimensions: int) -> None:
    vectors = directions(n, dimensions, n)
    start = shuffled(n, 0)
    totals = []
    for rounds in range(4):
        path = refine_path(vectors, start, rounds=rounds)
        check(path, vectors, start, rounds)
        totals.append(path.total)
    assert totals == sorted(totals, reverse=True)
    assert totals[3] <= totals[1] < totals[0]
    again = refine_path(vectors, start, rounds=3)
    assert np.array_equal(again.order, path.order)


@needs_numba
def test_cores_make_no_difference() -> None:
    vectors = directions(500, 16, 1)
    paths = [refine_path(vectors, np.arange(500), rounds=2, machine=Machine(threads=t)) for t in (1, 2, 5)]
    assert all(np.array_equal(path.order, paths[0].order) for path in paths)


def test_known_paths_do_not_change() -> None:
    # Integers alone, so that no machine can round them differently.
    vectors = (np.arange(120) ** 3 % 1009 - 500).reshape(40, 3).astype(np.int16)
    path = refine_path(vectors, np.arange(40), rounds=3)
    assert path.total == 2343311
    assert path.order.tolist() == [
        0,
        1,
        25,
        12,
        2,
        31,
        5,
        38,
        15,
        16,
        6,
        34,
        23,
        30,
        11,
        3,
        21,
        9,
        28,
        26,
        14,
        20,
        18,
        7,
        35,
        39,
        36,
        37,
        33,
        13,
        8,
        10,
        24,
        32,
        27,
        29,
        17,
        19,
        4,
        22,
    ]


@pytest.mark.parametrize("n", range(6))
@pytest.mark.parametrize("rounds", [0, 1, 20])
def test_small_numbers_of_vectors(n: int, rounds: int) -> None:
    vectors = directions(n, 2, 3)
    start = shuffled(n, 1)
    check(refine_path(vectors, start, rounds=rounds), vectors, start, rounds)


@pytest.mark.parametrize("n", [3, 4, 5, 50])
def test_equal_vectors_stay_in_their_order(n: int) -> None:
    start = shuffled(n, 2)
    path = refine_path(np.full((n, 3), 7, dtype=np.int16), start, rounds=5)
    assert path.order.tolist() == start.tolist()
    assert (path.total, path.complete) == (0, True)


def test_a_shortest_path_stays_as_it_is() -> None:
    line = np.arange(100, dtype=np.int16)[:, None]
    assert refine_path(line, np.arange(100), rounds=3).order.tolist() == list(range(100))
    assert refine_path(line, np.arange(100)[::-1], rounds=3).order.tolist() == list(range(99, -1, -1))


def test_the_first_vector_stays_before_the_last() -> None:
    vectors = directions(80, 2, 4)
    for seed in range(10):
        start = shuffled(80, seed)
        order = refine_path(vectors, start, rounds=2).order.tolist()
        assert order.index(start[0]) < order.index(start[-1])


def test_the_longest_distances_fit() -> None:
    corners = np.zeros((40, 2), dtype=np.int16)
    corners[:, 0] = np.where(np.arange(40) % 2, SCALE + 32, -SCALE - 32)
    path = refine_path(corners, np.arange(40), rounds=2)
    assert path.total == (2 * (SCALE + 32)) ** 2
    check(path, corners, range(40), 2)


def test_moves_keep_the_tour_in_order_and_are_undone_exactly() -> None:
    rng = np.random.default_rng(11)
    for n in (3, 4, 5, 6, 7, 12, 60):
        vectors = rng.integers(-4000, 4000, size=(n, 4)).astype(np.int16)
        distances = np.pad(distance_matrix(vectors), (0, 1))
        start = rng.permutation(n)
        with Crew(1, silent, 1) as crew:
            near = local_search.nearest(vectors, min(5, n - 1), crew, Machine())
        steps = distances[start[:-1], start[1:]]
        tour = local_search.new_tour(vectors, start, steps, near)
        before = {name: getattr(tour, name).copy() for name in ("order", "position")}
        for _ in range(40):
            total = int(tour.state[kernels.TOTAL])
            tour.state[kernels.LOGGED] = 0
            kernels.kick(tour, 3)
            while tour.state[kernels.QUEUED]:
                kernels.improve(tour, int(python(kernels.pop)(tour)))
                check_tour(tour, distances)
            kernels.undo(tour)
            check_tour(tour, distances)
            assert tour.state[kernels.TOTAL] == total
            assert all(np.array_equal(getattr(tour, name), kept) for name, kept in before.items())


def check_tour(tour: kernels.Tour, distances: NDArray[np.int64]) -> None:
    size = len(tour.order)
    assert sorted(tour.order.tolist()) == list(range(size))
    assert tour.position[tour.order].tolist() == list(range(size))
    after = np.roll(tour.order, -1)
    assert tour.state[kernels.TOTAL] == distances[tour.order, after].sum()
    around = np.sort(np.stack([np.roll(tour.order, 1), after], axis=1))
    assert np.sort(tour.links[tour.order]).tolist() == around.tolist()
    assert tour.lengths.tolist() == distances[np.arange(size)[:, None], tour.links].tolist()


def test_a_log_that_is_full_ends_a_kick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_search, "LOG", 8)
    vectors = directions(200, 4, 5)
    start = shuffled(200, 5)
    check(refine_path(vectors, start, rounds=3), vectors, start, 3)


def test_a_deadline_that_has_passed_leaves_the_path_as_it_is() -> None:
    vectors = directions(100, 4, 6)
    start = shuffled(100, 6)
    path = refine_path(vectors, start, rounds=2, deadline=monotonic() - 1)
    assert path.order.tolist() == start.tolist()
    assert path.total == length(distance_matrix(vectors), start)
    assert (path.rounds, path.complete) == (0, False)


def test_a_deadline_ends_the_search_for_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "TICK_SECONDS", 0.001)
    vectors = directions(3000, 8, 6)
    deadline = monotonic() + 0.5
    seen = []

    def report(done: int, total: int) -> None:
        # Simulate a slow comparison of all vectors: the first report comes in the middle of it.
        seen.append(done)
        until(lambda: monotonic() > deadline, "the deadline has passed")

    path = refine_path(vectors, shuffled(3000, 6), rounds=2, deadline=deadline, report=report)
    assert seen[0] < 3000
    assert path.order.tolist() == shuffled(3000, 6).tolist()
    assert (path.rounds, path.complete) == (0, False)


def test_a_deadline_leaves_what_the_finished_rounds_give(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = directions(300, 8, 7)
    start = shuffled(300, 7)
    descend = local_search.Search._descend

    def descend_until_the_third_round(self: local_search.Search) -> None:
        descend(self)
        if self.tour.state[kernels.KICKS_TRIED] > 300:
            raise TimeIsUp

    monkeypatch.setattr(local_search.Search, "_descend", descend_until_the_third_round)
    path = refine_path(vectors, start, rounds=10, deadline=monotonic() + 3600)
    monkeypatch.undo()
    assert (path.rounds, path.complete) == (2, False)
    assert path.order.tolist() == refine_path(vectors, start, rounds=2).order.tolist()


def test_a_stopped_kernel_can_be_continued() -> None:
    vectors = directions(300, 8, 8)
    start = shuffled(300, 8)
    distances = distance_matrix(vectors)
    steps = distances[start[:-1], start[1:]]
    expected = refine_path(vectors, start, rounds=2).order
    with Crew(1, silent, 1) as crew:
        tour = local_search.new_tour(vectors, start, steps, local_search.nearest(vectors, 16, crew, Machine()))
    stops = StopsOften()
    before = -1
    while before != tour.state[kernels.TOTAL]:
        before = int(tour.state[kernels.TOTAL])
        kernels.queue_all(tour)
        while tour.state[kernels.QUEUED]:
            python(kernels.descend)(tour, stops)
    while tour.state[kernels.KICKS_TRIED] < 300:
        python(kernels.perturb)(tour, 300, local_search.LONGEST_SEGMENT, stops)
    before = -1
    while before != tour.state[kernels.TOTAL]:
        before = int(tour.state[kernels.TOTAL])
        kernels.queue_all(tour)
        kernels.descend(tour, np.zeros(1, dtype=np.uint8))
    assert stops.asked > 600
    assert local_search.path_of(tour, start).tolist() == expected.tolist()


class StopsOften:
    """A stop flag that reads as set every third time."""

    def __init__(self) -> None:
        self.asked = 0

    def __getitem__(self, index: int) -> bool:
        self.asked += 1
        return self.asked % 3 == 0


def python(kernel: Callable[..., Any]) -> Callable[..., Any]:
    return getattr(kernel, "py_func", kernel)


def test_progress_rises_to_the_end() -> None:
    vectors = directions(400, 8, 9)
    for rounds in (0, 1, 3):
        seen = RecordedReports()
        refine_path(vectors, np.arange(400), rounds=rounds, report=seen)
        assert seen == sorted(seen)
        assert seen[-1] == (400 * (1 + rounds), 400 * (1 + rounds))


def test_a_report_that_raises_ends_the_search_and_its_threads() -> None:
    vectors = directions(3000, 16, 10)
    refine_path(vectors[:50], np.arange(50), rounds=2)  # compiles

    for call in (1, 2, 4):
        report = CancelAt(call)
        with pytest.raises(Cancelled):
            refine_path(vectors, np.arange(3000), rounds=10**6, report=report)
        assert len(report) == call
        for thread in threading.enumerate():
            if thread.name.startswith("path"):
                thread.join(timeout=10)
                assert not thread.is_alive()


@pytest.mark.parametrize(
    ("vectors", "order", "rounds", "words"),
    [
        (np.zeros((3, 3)), range(3), 1, "int16 of shape"),
        (np.zeros(3, np.int16), range(3), 1, "int16 of shape"),
        (np.full((2, 3), 2**14, np.int16), range(2), 1, "quantise"),
        (np.zeros((3, 3), np.int16), range(2), 1, "permutation of the 3 vectors"),
        (np.zeros((3, 3), np.int16), [0, 1, 1], 1, "permutation"),
        (np.zeros((3, 3), np.int16), range(3), -1, "at least 0, not -1"),
    ],
)
def test_invalid_arguments_are_refused(vectors: NDArray[Any], order: Sequence[int], rounds: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        refine_path(vectors, np.array(order), rounds=rounds)


def test_a_view_is_as_good_as_an_array_and_neither_is_changed() -> None:
    vectors = directions(60, 8, 12)
    start = shuffled(60, 12)
    kept = vectors.copy(), start.copy()
    expected = refine_path(vectors, start, rounds=2).order
    assert np.array_equal(refine_path(np.asfortranarray(vectors), start, rounds=2).order, expected)
    assert np.array_equal(refine_path(vectors, start.astype(np.int32), rounds=2).order, expected)
    assert np.array_equal(vectors, kept[0])
    assert np.array_equal(start, kept[1])


WITHOUT_COMPILER = """
import json, sys
sys.modules["numba"] = None
import numpy as np
from concept_orderings.path import quantise
from concept_orderings.path.refine import refine_path
vectors = quantise(np.random.default_rng(13).normal(size=(120, 8)))
path = refine_path(vectors, np.arange(120), rounds=2)
print(json.dumps([path.order.tolist(), path.rounds, path.complete]))
"""


def test_without_numba_the_path_is_the_same() -> None:
    printed = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_COMPILER],
        cwd=ROOT,
        env=os.environ,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    ).stdout
    assert json.loads(printed) == [
        refine_path(directions(120, 8, 13), np.arange(120), rounds=2).order.tolist(),
        2,
        True,
    ]


def test_importing_it_loads_no_compiler() -> None:
    code = "import sys, concept_orderings.path.refine; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)
