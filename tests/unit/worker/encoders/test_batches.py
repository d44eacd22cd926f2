import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.errors import EncoderError
from concept_orderings.progress import silent
from worker.evidence.encoders import batches
from worker.settings import WorkerSettings

LENGTHS = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5], dtype=np.int64)


def run(forward: batches.Forward, lengths: np.ndarray = LENGTHS, batch_size: int = 4) -> np.ndarray:
    return batches.encode_in_batches(
        batches.longest_first(lengths),
        forward,
        name="e",
        dtype="float32",
        dimensions=2,
        batch_size=batches.BatchSize(batch_size),
        report=silent,
    )


def rows_of(batch: np.ndarray) -> torch.Tensor:
    angles = torch.from_numpy(batch).float() / 100
    return 3 * torch.stack([angles.cos(), angles.sin()], dim=1)


@given(st.lists(st.integers(1, 77), max_size=50), st.integers(1, 9))
def test_order_is_kept_and_batches_are_of_like_lengths(lengths: list[int], batch_size: int) -> None:
    seen: list[int] = []

    def forward(batch: np.ndarray) -> torch.Tensor:
        assert 1 <= len(batch) <= batch_size
        seen.extend(lengths[i] for i in batch)
        return rows_of(batch)

    rows = run(forward, np.array(lengths, dtype=np.int64), batch_size)
    assert seen == sorted(lengths, reverse=True)
    np.testing.assert_allclose(rows, rows_of(np.arange(len(lengths))).numpy() / 3, atol=1e-6)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: you tried to allocate"),
        MemoryError(),
    ],
)
def test_a_batch_that_is_too_large_is_halved_once(error: Exception) -> None:
    sizes: list[int] = []

    def forward(batch: np.ndarray) -> torch.Tensor:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise error
        return rows_of(batch)

    np.testing.assert_allclose(run(forward), rows_of(np.arange(len(LENGTHS))).numpy() / 3, atol=1e-6)
    assert sizes == [4, 2, 2, 2, 2, 2, 1]


def test_a_smaller_size_is_kept_for_the_next_captions() -> None:
    batch_size, sizes = batches.BatchSize(8), list[int]()

    def forward(batch: np.ndarray) -> torch.Tensor:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return rows_of(batch)

    for _ in range(2):
        batches.encode_in_batches(
            np.arange(4), forward, name="e", dtype="float32", dimensions=2, batch_size=batch_size, report=silent
        )
    assert sizes == [4, 2, 2, 2, 2]


def test_no_memory_for_a_single_caption() -> None:
    def forward(batch: np.ndarray) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(EncoderError) as caught:
        run(forward)
    assert caught.value.code == "encoder_failed"


def test_other_errors_pass() -> None:
    def forward(batch: np.ndarray) -> torch.Tensor:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal"):
        run(forward)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.0])
def test_only_unit_rows_leave(bad: float) -> None:
    def forward(batch: np.ndarray) -> torch.Tensor:
        rows = rows_of(batch)
        rows[-1] = bad
        return rows

    with pytest.raises(EncoderError) as caught:
        run(forward)
    assert caught.value.code == "encoder_failed"


def test_a_device_that_cannot_compute_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise TypeError("BFloat16 is not supported on MPS")

    monkeypatch.setattr(torch, "zeros", refuse)
    with pytest.raises(EncoderError) as caught:
        batches.prepare(WorkerSettings(device="cpu"), "bfloat16")
    assert caught.value.code == "encoder_not_configured"
    assert "float32" in caught.value.detail
    assert batches.prepare(WorkerSettings(device="cpu"), "float32")[0].type == "cpu"


def test_a_device_without_float64_leaves_the_work_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype")

    monkeypatch.setattr(torch, "zeros", refuse)
    monkeypatch.setattr(batches, "pick_device", lambda setting: torch.device("mps"))
    device, batch_size = batches.prepare(WorkerSettings(device="mps", batch_size=500, threads=0), "float64")
    assert (device.type, batch_size.captions) == ("cpu", batches.CPU_BATCH)
    assert batches.prepare(WorkerSettings(device="mps", batch_size=500, threads=0), "float32")[0].type == "mps"


def test_settings_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    assert batches.prepare(WorkerSettings(device="cpu", batch_size=7, threads=0), "float64")[1].captions == 7
    assert (
        batches.prepare(WorkerSettings(device="cpu", batch_size=500, threads=3), "float64")[1].captions
        == batches.CPU_BATCH
    )
    assert threads == [3]
    monkeypatch.setattr(batches, "pick_device", torch.device)
    assert batches.prepare(WorkerSettings(device="cuda", batch_size=500), "float32")[1].captions == 500
