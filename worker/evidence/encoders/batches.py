"""Running a torch model over captions batch by batch, the same for every model."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from concept_orderings.errors import EncoderError
from concept_orderings.progress import Report
from worker.evidence.encoders.base import FloatArray, check_unit_rows, row_dtype
from worker.settings import WorkerSettings
from worker.torch_device import is_out_of_memory, pick_device

IntArray: TypeAlias = NDArray[np.int64]

Forward: TypeAlias = Callable[[IntArray], torch.Tensor]
"""From positions of captions, shape (b,), to their embeddings before normalisation, shape (b, d)."""

_log = logging.getLogger(__name__)

TORCH_DTYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}

CPU_BATCH = 32
"""Captions in a batch on a CPU. Larger batches are no faster there: ViT-L-14 took twice as long with 256 as with 32.

Where captions share their beginnings, batches of 64 are 4% faster: too little for a rule of their own.
"""


@dataclass
class BatchSize:
    """The number of captions in a batch; halved for good whenever a batch does not fit in memory."""

    captions: int


def prepare(settings: WorkerSettings, dtype: str) -> tuple[torch.device, BatchSize]:
    """Set the number of torch's threads, and return the device to run on and the size of batches.

    A device without float64, such as MPS, is replaced by the CPU for the dtype ``float64``.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: the machine lacks the device, or the device cannot compute in the dtype.
    """
    device = pick_device(settings.device)
    if dtype != "float32" and (error := _refusal(device, dtype)) is not None:
        if dtype != "float64":
            raise EncoderError(
                "encoder_not_configured", f"The device {device} cannot compute in {dtype} ({error}): use float32."
            ) from error
        _log.info("The device %s cannot compute in float64 (%s), so captions are encoded on the CPU.", device, error)
        device = torch.device("cpu")
    if settings.threads:
        torch.set_num_threads(settings.threads)
    if device.type == "cuda":
        # For each new length of a sequence it makes a plan, which takes longer than the sequence itself.
        torch.backends.cuda.enable_cudnn_sdp(False)
    return device, BatchSize(min(settings.batch_size, CPU_BATCH) if device.type == "cpu" else settings.batch_size)


def _refusal(device: torch.device, dtype: str) -> Exception | None:
    """Return the error with which a device refuses a dtype: MPS has no float64, and before macOS 14 no bfloat16."""
    try:
        torch.zeros(1, dtype=TORCH_DTYPES[dtype], device=device)
    except (RuntimeError, TypeError) as error:
        return error
    return None


def check_float64(forward: Callable[[], torch.Tensor], name: str) -> None:
    """Refuse a model that uses shorter numbers inside: its float64 embeddings would differ between machines.

    Parameters
    ----------
    forward : callable
        Runs the model over a caption.
    name : str
        Name of the encoder, for the error.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``, with the first operation that gives shorter numbers.
    """
    with torch.no_grad(), _ShorterNumbers() as found:  # type: ignore[no-untyped-call]
        forward()
    if found.operation:
        raise EncoderError(
            "encoder_not_configured",
            f"The encoder {name} computes in shorter numbers than float64 ({found.operation}), so an order by it "
            "depends on the machine: use the dtype float32.",
            ["/ordering/dtype"],
        )


class _ShorterNumbers(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the first operation whose result is an array of floating-point numbers other than float64."""

    operation = ""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            # Numbers without dimensions are constants such as a scale.
            if (
                isinstance(each, torch.Tensor)
                and each.is_floating_point()
                and each.dtype != torch.float64
                and each.ndim
            ):
                self.operation = self.operation or f"{func} gives {each.dtype}"
        return result


def longest_first(lengths: IntArray) -> IntArray:
    """Return the positions of captions from the longest to the shortest.

    So a batch has little padding, and the batch that needs the most memory comes first.
    """
    return np.argsort(-lengths, kind="stable").astype(np.int64)


def encode_in_batches(
    order: IntArray,
    forward: Forward,
    *,
    name: str,
    dtype: str,
    dimensions: int,
    batch_size: BatchSize,
    report: Report,
) -> FloatArray:
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
    dtype : {"float64", "float32", "bfloat16"}
        Number format of the computation. The results of float64 are scaled to length 1 in float64, others in float32.
    dimensions : int
        Length of an embedding, d.
    batch_size : BatchSize
        Captions in a batch; may be made smaller here.
    report : Report
        Called before each batch and at the end, with the captions encoded and n.

    Returns
    -------
    ndarray of float64 or float32, shape (n, dimensions)
        Unit rows, by position.

    Raises
    ------
    EncoderError
        ``encoder_failed``: a row is not a unit vector, or there is not enough memory for a single caption.
    """
    rows: FloatArray = np.empty((len(order), dimensions), dtype=row_dtype(dtype))

    def collect(batch: IntArray, unit: torch.Tensor) -> None:
        rows[batch] = unit.cpu().numpy()
        check_unit_rows(rows[batch], name)

    # Collected one batch later: a GPU computes a batch while the processor prepares the next one.
    computing: tuple[IntArray, torch.Tensor] | None = None
    done = 0
    while done < len(order):
        report(done, len(order))
        batch = order[done : done + batch_size.captions]
        unit = _unit_rows(forward, batch, dtype)
        if unit is None:
            batch_size.captions = _halved(len(batch), name)
            continue
        if computing is not None:
            collect(*computing)
        computing = batch, unit
        done += len(batch)
    if computing is not None:
        collect(*computing)
    report(done, len(order))
    return rows


def _unit_rows(forward: Forward, batch: IntArray, dtype: str) -> torch.Tensor | None:
    """Embed one batch, (b, d), on the model's device; return None if there was not enough memory."""
    wide = torch.float64 if dtype == "float64" else torch.float32
    try:
        with torch.inference_mode():
            return torch.nn.functional.normalize(forward(batch).to(wide), dim=1)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None


def _halved(size: int, name: str) -> int:
    if size == 1:
        raise EncoderError(
            "encoder_failed", f"There is not enough memory for a single caption with the encoder {name}."
        )
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return size // 2
