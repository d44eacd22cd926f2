"""Neighbours proposed by a device: on the processor here, the same code as on a GPU."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from concept_orderings.machine import Machine
from concept_orderings.path import quantise, shortest_greedy_path
from unit.path.oracle import best_path, distance_matrix
from worker import neighbours_on_device
from worker.machine import FEWEST_ON_DEVICE, this_machine
from worker.neighbours_on_device import TorchProposer, proposer_on
from worker.settings import WorkerSettings

CPU = torch.device("cpu")


def on_the_processor(vectors: NDArray[np.int16]) -> TorchProposer:
    return TorchProposer(vectors, CPU)


@given(
    hnp.arrays(np.int16, st.tuples(st.integers(2, 40), st.integers(1, 4)), elements=st.integers(-3, 3)),
    st.integers(0, 3),
)
@settings(max_examples=100, deadline=None)
def test_the_path_is_the_same(vectors: NDArray[np.int16], more: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours_on_device, "MORE", more)
        path = shortest_greedy_path(vectors, machine=Machine(threads=1, make_proposer=on_the_processor))
    assert (path.order.tolist(), path.steps.tolist()) == best_path(vectors)


@pytest.mark.parametrize("dimensions", [8, 768])
def test_vectors_that_are_not_proposed_are_as_far_as_the_bound(dimensions: int) -> None:
    vectors = quantise(np.random.default_rng(0).normal(size=(700, dimensions)))
    ids, bounds = on_the_processor(vectors)(np.arange(700), 20)
    matrix = distance_matrix(vectors)
    np.fill_diagonal(matrix, 2**40)
    np.put_along_axis(matrix, ids.astype(np.int64), 2**40, axis=1)
    assert (matrix.min(axis=1) >= bounds).all()
    # And not so careful that nothing is ever certain.
    nearest = np.sort(distance_matrix(vectors), axis=1)[:, 20]
    assert (nearest < bounds).all()


def test_a_block_for_which_there_is_no_memory_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = quantise(np.random.default_rng(1).normal(size=(100, 8)))
    expected, bounds = on_the_processor(vectors)(np.arange(100), 5)
    sizes = []
    topk = torch.topk

    def scarce(guesses: torch.Tensor, *arguments: Any, **options: Any) -> object:
        sizes.append(len(guesses))
        if len(guesses) > 20:
            raise torch.OutOfMemoryError
        return topk(guesses, *arguments, **options)

    proposer = on_the_processor(vectors)
    proposer._rows = 64
    monkeypatch.setattr(torch, "topk", scarce)
    found, found_bounds = proposer(np.arange(100), 5)
    assert sizes[:3] == [64, 32, 16]
    assert np.array_equal(np.sort(found), np.sort(expected))
    assert np.array_equal(found_bounds, bounds)


def test_a_device_without_room_for_a_single_row_leaves_the_path_to_the_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def scarce(guesses: torch.Tensor, *arguments: object, **options: object) -> object:
        raise RuntimeError("MPS backend out of memory (MPS allocated: 1.00 GiB)")

    vectors = quantise(np.random.default_rng(1).normal(size=(60, 8)))
    monkeypatch.setattr(torch, "topk", scarce)
    path = shortest_greedy_path(vectors, machine=Machine(threads=1, make_proposer=on_the_processor))
    assert (path.order.tolist(), path.steps.tolist()) == best_path(vectors)


def test_a_device_without_room_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(vectors: object, device: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(neighbours_on_device, "pick_device", lambda _: torch.device("meta"))
    monkeypatch.setattr(neighbours_on_device, "TorchProposer", full)
    assert proposer_on("cuda", np.zeros((3, 2), dtype=np.int16)) is None


def test_a_processor_is_no_device_to_propose_on() -> None:
    vectors = np.zeros((FEWEST_ON_DEVICE, 1), dtype=np.int16)
    make_proposer = this_machine(WorkerSettings(device="cpu")).make_proposer
    assert make_proposer is not None
    assert make_proposer(vectors) is None
    assert proposer_on("cpu", vectors) is None


@pytest.mark.parametrize(
    ("n", "free", "rows"),
    [
        (18_381, None, 3650),  # 256 MB
        (1_000_000, 80 << 30, 1073),  # 4 GB, however much is free
        (1_000_000, 1 << 30, 67),  # a quarter of what is free
        (1_000_000, 1 << 20, 1),
    ],
)
def test_blocks_are_as_large_as_the_free_memory_allows(n: int, free: int | None, rows: int) -> None:
    assert neighbours_on_device.block_rows(n, free) == rows
