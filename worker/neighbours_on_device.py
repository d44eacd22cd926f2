"""Nearest neighbours proposed by a GPU: the k smallest of each row of a float32 product, computed block by block.

The distances of proposed neighbours are computed exactly before they are used (`concept_orderings.path.neighbours`), so
a device changes how long a path takes and nothing else.
"""

import logging

import numpy as np
import torch
from numpy.typing import NDArray

from concept_orderings.machine import Proposer
from concept_orderings.path.distances import squared_lengths
from concept_orderings.path.projection import product_error
from worker.torch_device import is_out_of_memory, pick_device

MORE = 64
"""Neighbours proposed beyond the k that are requested: those within the error of the k-th distance are not certain."""

BLOCK_BYTES = 256 << 20
"""Bytes of estimated distances at a time, where the free memory of the device is not known."""

MOST_BLOCK_BYTES = 4 << 30
"""Larger blocks are no faster."""

FURTHEST = 2**31
"""Larger than any squared distance of quantised unit vectors: the bound when all other vectors are proposed."""

_log = logging.getLogger(__name__)


class TorchProposer:
    """Proposes the nearest neighbours of vectors on a torch device.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
        Vectors from `quantise`.
    device : torch.device
        It holds the vectors as float32: 4 n d bytes.
    """

    def __init__(self, vectors: NDArray[np.int16], device: torch.device) -> None:
        # A product in TF32, which has fewer bits, would break the bound on its error.
        torch.set_float32_matmul_precision("highest")
        self._vectors = torch.from_numpy(vectors).to(device).float()
        self._exact_squares = squared_lengths(vectors)
        self._squares = torch.from_numpy(self._exact_squares.astype(np.float32)).to(device)
        self._rows = block_rows(len(vectors), free_memory(device))
        # Of an estimate: the error of the product, and the rounding of a squared length and of a difference, each less
        # than 2^32 · 2^-24.
        self._error = int(np.ceil(product_error(vectors.shape[1]))) + 2 * 256

    def __call__(self, rows: NDArray[np.int64], k: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """See `Proposer`."""
        size = min(k + MORE, len(self._vectors) - 1)
        ids = np.empty((len(rows), size), dtype=np.int32)
        bounds = np.empty(len(rows), dtype=np.int64)
        first = 0
        while first < len(rows):
            block = slice(first, first + self._rows)
            try:
                ids[block], bounds[block] = self._propose(rows[block], size)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self._rows == 1:
                    _log.warning("neighbours are searched on the processor: the device has no memory left: %s", error)
                    # No neighbours for the other rows: with a bound of 0 no proposal of theirs is certain.
                    ids[first:], bounds[first:] = 0, 0
                    break
                self._rows //= 2
                continue
            first += self._rows
        return ids, bounds

    @torch.inference_mode()
    def _propose(self, rows: NDArray[np.int64], size: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the `size` vectors with the smallest estimated distance to each of `rows`, and a bound for all others.

        Returns
        -------
        ids : ndarray of int32, shape (len(rows), size)
        bounds : ndarray of int64, shape (len(rows),)
            No other vector has a smaller squared distance to the row.
        """
        own = torch.from_numpy(rows).to(self._vectors.device)
        # The squared distance minus the squared length of the row itself.
        estimates = torch.addmm(self._squares, self._vectors[own], self._vectors.T, alpha=-2)
        estimates[torch.arange(len(rows), device=own.device), own] = torch.inf
        values, ids = torch.topk(estimates, size, largest=False, sorted=False)
        if size == len(self._vectors) - 1:
            return ids.int().cpu().numpy(), np.full(len(rows), FURTHEST, dtype=np.int64)
        furthest = np.floor(values.amax(dim=1).cpu().numpy()).astype(np.int64)
        return ids.int().cpu().numpy(), furthest + self._exact_squares[rows] - self._error


def block_rows(n: int, free: int | None) -> int:
    """Return for how many rows the distances to all `n` vectors are estimated at a time, given the free bytes.

    Choosing the smallest takes about twice as many bytes as the estimates. A quarter of the memory is left to others.
    """
    most = BLOCK_BYTES if free is None else min(free // 4, MOST_BLOCK_BYTES)
    return max(1, most // (4 * n))


def free_memory(device: torch.device) -> int | None:
    """Return the free bytes of a device; None where torch does not know them."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


def proposer_on(device: str, vectors: NDArray[np.int16]) -> Proposer | None:
    """Return a proposer on the device of the setting; None on a processor, or if a GPU has not enough memory.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: the machine lacks the device.
    """
    chosen = pick_device(device)
    if chosen.type == "cpu":
        return None
    try:
        return TorchProposer(vectors, chosen)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        _log.warning("neighbours are searched on the processor: the vectors do not fit on the device: %s", error)
        return None
