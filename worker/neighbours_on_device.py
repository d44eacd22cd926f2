"""Neighbours proposed by a GPU: the k smallest of each row of a float32 product, made block by block.

Not an encoder; it stands here because nothing else loads torch. What is proposed is measured exactly before it counts
(`concept_orderings.path.neighbours`), so a device decides the speed of a path and nothing else.
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
"""Proposed beyond what is asked for: whatever lies within the error of a guess of the last one is not certain."""

BLOCK_BYTES = 256 << 20
"""Of guesses at a time, and about twice as much again while the smallest are chosen."""

FURTHEST = 2**31

_log = logging.getLogger(__name__)


class TorchProposer:
    """Proposes the nearest neighbours of vectors on a torch device.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
        From `quantise`.
    device : torch.device
        Holds them as float32: 4 n d bytes.
    """

    def __init__(self, vectors: NDArray[np.int16], device: torch.device) -> None:
        # Shorter numbers inside the product, as TF32 has, would break the bound on its error.
        torch.set_float32_matmul_precision("highest")
        self._vectors = torch.from_numpy(vectors).to(device).float()
        self._exact_squares = squared_lengths(vectors)
        self._squares = torch.from_numpy(self._exact_squares.astype(np.float32)).to(device)
        self._rows = max(1, BLOCK_BYTES // (4 * len(vectors)))
        # Of a guess: the product's, and roundings of a squared length and of a difference, each below 2^32 · 2^-24.
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
                    _log.warning("neighbours are looked for on the processor: the device has no room: %s", error)
                    # Of the rest nothing is proposed: that anything may be as near as nothing makes none certain.
                    ids[first:], bounds[first:] = 0, 0
                    break
                self._rows //= 2
                continue
            first += self._rows
        return ids, bounds

    @torch.inference_mode()
    def _propose(self, rows: NDArray[np.int64], size: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the `size` vectors that are guessed to be nearest to each of `rows`, and how near others can be."""
        own = torch.from_numpy(rows).to(self._vectors.device)
        # The squared distance less the row's own squared length.
        guesses = torch.addmm(self._squares, self._vectors[own], self._vectors.T, alpha=-2)
        guesses[torch.arange(len(rows), device=own.device), own] = torch.inf
        values, ids = torch.topk(guesses, size, largest=False, sorted=False)
        if size == len(self._vectors) - 1:
            return ids.int().cpu().numpy(), np.full(len(rows), FURTHEST, dtype=np.int64)
        furthest = np.floor(values.amax(dim=1).cpu().numpy()).astype(np.int64)
        return ids.int().cpu().numpy(), furthest + self._exact_squares[rows] - self._error


def proposer_on(device: str, vectors: NDArray[np.int16]) -> Proposer | None:
    """Return a proposer on the device that the setting names; None on a processor, or if a GPU has no room.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: the device is not there.
    """
    chosen = pick_device(device)
    if chosen.type == "cpu":
        return None
    try:
        return TorchProposer(vectors, chosen)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        _log.warning("neighbours are looked for on the processor: the device has no room for the vectors: %s", error)
        return None
