"""The interface of encoders, and the checks that they share; without torch."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from concept_orderings.errors import EncoderError
from concept_orderings.progress import Report, silent
from worker.settings import WorkerSettings

FloatArray: TypeAlias = NDArray[np.floating]
"""Embeddings: float64 if the encoder computes in float64, else float32."""


class Encoder(Protocol):
    """A text encoder with its weights."""

    @property
    def name(self) -> str:
        """The name in the request, such as ``open_clip/ViT-L-14/openai``."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) of everything that decides the output: architecture, weights, dtype, tokeniser.

        It is part of the cache's key and of the manifest. It does not cover the device: the outputs of devices differ
        by at most 1e-6 in float32, and by some 1e-16 in float64.
        """
        ...

    @property
    def dtype(self) -> str:
        """Number format of the computation, ``float64``, ``float32`` or ``bfloat16``; see also `FloatArray`."""
        ...

    @property
    def weights_sha256(self) -> str:
        """SHA-256 (hexadecimal) of the weights file."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of an embedding."""
        ...

    @property
    def context_length(self) -> int:
        """The most tokens of a caption that it reads, including those that mark the beginning and the end."""
        ...

    def sort_key(self, caption: str) -> tuple[int, str]:
        """Return a sort key that places captions of similar cost next to each other, for encoding in chunks."""
        ...

    def overlong(self, captions: Sequence[str], *, report: Report = silent) -> list[int]:
        """Return the positions of the captions that have more tokens than `context_length`; the rest is cut off.

        Parameters
        ----------
        captions : sequence of str
            n captions. Those that are certainly short enough cost almost nothing.
        report : Report
            Called now and then with the captions checked and the captions to check.

        Raises
        ------
        Cancelled
            As raised by `report`.
        """
        ...

    def unknown(self, captions: Sequence[str], *, report: Report = silent) -> list[int]:
        """Return the positions of the captions with a token that stands for any text that the encoder does not know.

        Parameters and errors as of `overlong`. Tokenisers of bytes have no such token.
        """
        ...

    def encode(self, captions: Sequence[str], *, report: Report = silent) -> FloatArray:
        """Embed captions.

        The other captions of a call change an embedding only by rounding: some 1e-16 in float64, 1e-6 in float32, 0.002
        in bfloat16.

        Parameters
        ----------
        captions : sequence of str
            n captions, in any order; duplicates are allowed.
        report : Report
            Called between batches with the captions encoded and n.

        Returns
        -------
        ndarray of float64 or float32, shape (n, dimensions)
            Unit rows, in the order of the captions.

        Raises
        ------
        EncoderError
            ``encoder_failed``: the output contains NaN, or there is not enough memory for a single caption.
        Cancelled
            As raised by `report`.
        """
        ...


class Load(Protocol):
    """The function ``load`` of an encoder's module."""

    def __call__(self, name: str, settings: WorkerSettings, *, dtype: str, pinned: str) -> Encoder:
        """Load an encoder.

        Parameters
        ----------
        name, settings
            See `load_encoder`.
        dtype : {"float64", "float32", "bfloat16"}
            Number format of the computation.
        pinned : str
            SHA-256 (hexadecimal) that the weights must have; empty for any weights.

        Raises
        ------
        EncoderError
            See `load_encoder`.
        """
        ...


def fingerprint(**parts: object) -> str:
    """Return the SHA-256 (hexadecimal) of the canonical JSON of `parts`."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 (hexadecimal) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_pinned(digest: str, pinned: str, what: str) -> None:
    """Compare the digest of the weights with the one that a request pins; empty if it pins none.

    Raises
    ------
    EncoderError
        ``weights_mismatch``.
    """
    if pinned and digest != pinned:
        raise EncoderError(
            "weights_mismatch",
            f"The request pins weights with the SHA-256 {pinned}, but those of {what} have {digest}: "
            "put the right file there, or pin these.",
            ["/ordering/weights"],
        )


def surely_fits(caption: str, room: int) -> bool:
    """Tell, without cutting it into tokens, whether a caption certainly has at most `room` tokens.

    It holds for tokens of byte pairs and of word pieces, not counting those that mark the beginning and the end: each
    stands for at least one byte of the cleaned text. Cleaning never lengthens ASCII text without entities ("&lt;").
    Other text may grow: "ﬁ" becomes two letters, and some letters become two in lower case.
    """
    return len(caption) <= room and caption.isascii() and "&" not in caption


def row_dtype(dtype: str) -> type[np.float32] | type[np.float64]:
    """Return the type of the embeddings of an encoder that computes in `dtype`."""
    return np.float64 if dtype == "float64" else np.float32


def check_unit_rows(rows: FloatArray, name: str) -> None:
    """Refuse rows, shape (n, d), that are not unit vectors: NaN, infinite, or zero.

    Raises
    ------
    EncoderError
        ``encoder_failed``.
    """
    lengths = np.linalg.norm(rows, axis=1)
    # Written so that NaN fails the comparison.
    bad = ~(np.abs(lengths - 1) < 1e-3)
    if bad.any():
        raise EncoderError(
            "encoder_failed",
            f"{int(bad.sum())} of {len(rows)} embeddings by the encoder {name} are not unit vectors (NaN, infinite or "
            "zero). Its weights are probably damaged: replace them.",
        )
