"""The device, and running a model over captions batch by batch, the same for every torch model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from concept_orderings.errors import EncoderError
from concept_orderings.progress import Report
from worker.evidence.encoders.base import check_unit_rows
from worker.settings import WorkerSettings
from worker.torch_device import is_out_of_memory, pick_device

IntArray: TypeAlias = NDArray[np.int64]

Forward: TypeAlias = Callable[[IntArray], torch.Tensor]
"""Positions of captions, shape (b,) → their embeddings, not yet normalised, shape (b, d)."""

TORCH_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

CPU_BATCH = 32
"""A CPU gains nothing from larger batches: ViT-L-14 took twice as long with 256 as with 32, measured.

Where captions share their beginnings, 64 are 4% faster than 32: not worth another rule.
"""


@dataclass
class BatchSize:
    """How many captions an encoder takes at once: fewer, for good, once there was no memory for so many."""

    captions: int


def prepare(settings: WorkerSettings, dtype: str = "float32") -> tuple[torch.device, BatchSize]:
    """Give torch its threads, and return the device to run on and how many captions it takes at once.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: the device is not there, or cannot compute in the dtype.
    """
    device = pick_device(settings.device)
    if dtype != "float32":
        _check_dtype(device, dtype)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    return device, BatchSize(min(settings.batch_size, CPU_BATCH) if device.type == "cpu" else settings.batch_size)


def _check_dtype(device: torch.device, dtype: str) -> None:
    try:
        torch.zeros(1, dtype=TORCH_DTYPES[dtype], device=device)
    except (RuntimeError, TypeError) as error:
        # MPS before macOS 14
        raise EncoderError(
            "encoder_not_configured", f"The device {device} cannot compute in {dtype} ({error}); ask for float32."
        ) from error


def longest_first(lengths: IntArray) -> IntArray:
    """Return the positions of captions by falling length: little of a batch is padding, and the worst comes first."""
    return np.argsort(-lengths, kind="stable").astype(np.int64)


def encode_in_batches(
    order: IntArray, forward: Forward, *, name: str, dimensions: int, batch_size: BatchSize, report: Report
) -> NDArray[np.float32]:
    """Run `forward` over all captions, batch by batch.

    A batch for which there is no memory is halved and tried again, and the smaller size is kept in `batch_size`.

    Parameters
    ----------
    order : ndarray of int64, shape (n,)
        Positions of the captions, those beside each other that are best encoded together.
    forward : Forward
        The model.
    name : str
        The encoder's, for errors.
    dimensions : int
        Width of an embedding.
    batch_size : BatchSize
        Captions at once; made smaller here.
    report : Report
        Called before each batch and at the end.

    Returns
    -------
    ndarray of float32, shape (n, dimensions)
        Unit rows, by position.

    Raises
    ------
    EncoderError
        ``encoder_failed``: a row that is not a unit vector, or no memory for a single caption.
    """
    rows = np.empty((len(order), dimensions), dtype=np.float32)
    done = 0
    while done < len(order):
        report(done, len(order))
        batch = order[done : done + batch_size.captions]
        unit = _unit_rows(forward, batch)
        if unit is None:
            batch_size.captions = _halved(len(batch), name)
            continue
        check_unit_rows(unit, name)
        rows[batch] = unit
        done += len(batch)
    report(done, len(order))
    return rows


def _unit_rows(forward: Forward, batch: IntArray) -> NDArray[np.float32] | None:
    """Embed one batch, shape (b, d), float32; None if there was not enough memory."""
    try:
        with torch.inference_mode():
            unit = torch.nn.functional.normalize(forward(batch).float(), dim=1).cpu()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None
    rows: NDArray[np.float32] = unit.numpy()
    return rows


def _halved(size: int, name: str) -> int:
    if size == 1:
        raise EncoderError(
            "encoder_failed", f"There is not enough memory for a single caption with the encoder {name}."
        )
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return size // 2
