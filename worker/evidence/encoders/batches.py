"""Running a torch model over captions batch by batch, the same for every model."""

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
"""From positions of captions, shape (b,), to their embeddings before normalisation, shape (b, d)."""

TORCH_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

CPU_BATCH = 32
"""Captions in a batch on a CPU. Larger batches are no faster there: ViT-L-14 took twice as long with 256 as with 32.

Where captions share their beginnings, batches of 64 are 4% faster: too little for a rule of their own.
"""


@dataclass
class BatchSize:
    """The number of captions in a batch; halved for good whenever a batch does not fit in memory."""

    captions: int


def prepare(settings: WorkerSettings, dtype: str = "float32") -> tuple[torch.device, BatchSize]:
    """Set the number of torch's threads, and return the device to run on and the size of batches.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: the machine lacks the device, or the device cannot compute in the dtype.
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
        # MPS before macOS 14 is such a device.
        raise EncoderError(
            "encoder_not_configured", f"The device {device} cannot compute in {dtype} ({error}): use float32."
        ) from error


def longest_first(lengths: IntArray) -> IntArray:
    """Return the positions of captions from the longest to the shortest.

    So a batch has little padding, and the batch that needs the most memory comes first.
    """
    return np.argsort(-lengths, kind="stable").astype(np.int64)


def encode_in_batches(
    order: IntArray, forward: Forward, *, name: str, dimensions: int, batch_size: BatchSize, report: Report
) -> NDArray[np.float32]:
    """Run `forward` over all captions, batch by batch.

    A batch that does not fit in memory is halved and tried again; `batch_size` keeps the smaller size.

    Parameters
    ----------
    order : ndarray of int64, shape (n,)
        Positions of the captions, so that neighbours are captions that are best encoded in one batch.
    forward : Forward
        The model.
    name : str
        Name of the encoder, for errors.
    dimensions : int
        Length of an embedding, d.
    batch_size : BatchSize
        Captions in a batch; may be made smaller here.
    report : Report
        Called before each batch and at the end, with the captions encoded and n.

    Returns
    -------
    ndarray of float32, shape (n, dimensions)
        Unit rows, by position.

    Raises
    ------
    EncoderError
        ``encoder_failed``: a row is not a unit vector, or there is not enough memory for a single caption.
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
    """Embed one batch, float32 (b, d); return None if there was not enough memory."""
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
