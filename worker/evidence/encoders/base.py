"""What every encoder offers, without torch."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

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

        Keys the cache, and stands in the manifest. The device is not part of it: in float32 devices agree to 1e-6.
        """
        ...

    @property
    def dtype(self) -> str:
        """What it computes in, ``float32`` or ``bfloat16``; embeddings are float32 either way."""
        ...

    @property
    def weights_sha256(self) -> str:
        """SHA-256 (hexadecimal) of the weights file."""
        ...

    @property
    def dimensions(self) -> int:
        """Width of an embedding."""
        ...

    @property
    def context_length(self) -> int:
        """Tokens that it reads of a caption, those that mark beginning and end included."""
        ...

    def sort_key(self, caption: str) -> tuple[int, str]:
        """Where a caption stands among others when all are to be encoded piece by piece: like beside like."""
        ...

    def overlong(self, captions: Sequence[str], *, report: Report = silent) -> list[int]:
        """Return the positions of the captions that have more tokens than it reads; what is beyond is cut off.

        Parameters
        ----------
        captions : sequence of str
            n captions; costs next to nothing for those that are surely short enough.
        report : Report
            Told now and then how many are looked at.

        Raises
        ------
        Cancelled
            As raised by `report`.
        """
        ...

    def encode(self, captions: Sequence[str], *, report: Report = silent) -> NDArray[np.float32]:
        """Embed captions.

        The embedding of a caption depends on the others only by rounding: 1e-6 in float32, 0.002 in bfloat16.

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


class Load(Protocol):
    """What the module of an encoder has as ``load``."""

    def __call__(self, name: str, settings: WorkerSettings, *, dtype: str, pinned: str) -> Encoder:
        """Load an encoder.

        Parameters
        ----------
        name, settings
            As `load_encoder` takes them.
        dtype : {"float32", "bfloat16"}
            What to compute in.
        pinned : str
            SHA-256 (hexadecimal) that the weights must have; empty if any will do.

        Raises
        ------
        EncoderError
            As `load_encoder` does.
        """
        ...


def fingerprint(**parts: object) -> str:
    """SHA-256 (hexadecimal) of the canonical JSON of `parts`."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 (hexadecimal) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_pinned(digest: str, pinned: str, what: str) -> None:
    """Hold the digest of weights against the one that a request asks for; empty if it asks for none.

    Raises
    ------
    EncoderError
        ``weights_mismatch``.
    """
    if pinned and digest != pinned:
        raise EncoderError(
            "weights_mismatch",
            f"The request asks for weights with the SHA-256 {pinned}, but those of {what} have {digest}: "
            "put the right file there, or ask for these.",
            ["/ordering/weights"],
        )


def surely_fits(caption: str, room: int) -> bool:
    """Whether a caption certainly has at most so many tokens of byte pairs or word pieces, marks not counted.

    Each token stands for at least one byte of the cleaned text, and cleaning lengthens nothing that is ASCII without
    entities ("&lt;"). Other text may grow: "ﬁ" becomes two letters, and some letters become two in lower case.
    """
    return len(caption) <= room and caption.isascii() and "&" not in caption


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
