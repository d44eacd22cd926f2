"""What every encoder offers, without torch."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from concept_orderings.errors import EncoderError
from concept_orderings.progress import Report, silent
from worker.settings import WorkerSettings


class Encoder(Protocol):
    """A text encoder with its weights."""

    @property
    def name(self) -> str:
        """As it was asked for, such as ``open_clip/ViT-L-14/openai``."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) of all that decides its output: architecture, weights, dtype, tokeniser.

        Keys the cache, and stands in the manifest. The device is not part of it: devices agree to about 1e-6.
        """
        ...

    @property
    def weights_sha256(self) -> str:
        """SHA-256 (hexadecimal) of the weights file."""
        ...

    @property
    def dimensions(self) -> int:
        """Width of an embedding."""
        ...

    def encode(self, captions: Sequence[str], *, report: Report = silent) -> NDArray[np.float32]:
        """Embed captions.

        The embedding of a caption depends on the others only by rounding, about 1e-7.

        Parameters
        ----------
        captions : sequence of str
            n captions, in any order; the same one may stand there twice.
        report : Report
            Told between batches how many captions are done.

        Returns
        -------
        ndarray of float32, shape (n, dimensions)
            Unit rows, in the order given.

        Raises
        ------
        EncoderError
            ``encoder_failed``: not a number in the output, or no memory for even one caption.
        Cancelled
            As raised by `report`.
        """
        ...


Load: TypeAlias = Callable[[str, WorkerSettings], Encoder]
"""What the module of an encoder has as ``load(name, settings)``; raises EncoderError."""


def fingerprint(**parts: object) -> str:
    """SHA-256 (hexadecimal) of the canonical JSON of `parts`."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 (hexadecimal) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_unit_rows(rows: NDArray[np.float32], name: str) -> None:
    """Refuse rows, shape (n, d), that are not unit vectors: not a number, infinite, or zero.

    Raises
    ------
    EncoderError
        ``encoder_failed``.
    """
    lengths = np.linalg.norm(rows, axis=1)
    # written so that not-a-number fails the comparison
    bad = ~(np.abs(lengths - 1) < 1e-3)
    if bad.any():
        raise EncoderError(
            "encoder_failed",
            f"The encoder {name} gave {int(bad.sum())} of {len(rows)} embeddings that are not unit vectors "
            "(not a number, or zero); its weights are probably damaged.",
        )
