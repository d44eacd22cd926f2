"""An encoder without a model, to try and test the service without weights and without torch."""

import hashlib
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concept_orderings.errors import EncoderError
from concept_orderings.progress import Report, silent
from worker.evidence.encoders.base import FloatArray, check_pinned, fingerprint, row_dtype
from worker.settings import WorkerSettings

REPORT_EVERY = 1024


@dataclass(frozen=True)
class FakeEncoder:
    """Makes a unit vector from the SHAKE-256 of each caption: different for different captions, the same anywhere."""

    name: str = "fake"
    fingerprint: str = fingerprint(encoder="fake", version=1)
    weights_sha256: str = hashlib.sha256(b"").hexdigest()
    dimensions: int = 64
    dtype: str = "float32"
    context_length: int = sys.maxsize

    def sort_key(self, caption: str) -> tuple[int, str]:
        """See `base.Encoder.sort_key`: all captions cost the same."""
        return 0, caption

    def overlong(self, captions: Sequence[str], *, report: Report = silent) -> list[int]:
        """See `base.Encoder.overlong`: every caption is read to its end."""
        return []

    def unknown(self, captions: Sequence[str], *, report: Report = silent) -> list[int]:
        """See `base.Encoder.unknown`: every caption is read as bytes."""
        return []

    def encode(self, captions: Sequence[str], *, report: Report = silent) -> FloatArray:
        """Embed captions, as `base.Encoder.encode` describes; shape (n, 64)."""
        rows = np.empty((len(captions), self.dimensions), dtype=row_dtype(self.dtype))
        for i, caption in enumerate(captions):
            if i % REPORT_EVERY == 0:
                report(i, len(captions))
            rows[i] = self._row(caption)
        report(len(captions), len(captions))
        return rows

    def _row(self, caption: str) -> NDArray[np.float64]:
        noise = hashlib.shake_256(caption.encode()).digest(4 * self.dimensions)
        # A half is added, so that no coordinate, and therefore no row, is exactly zero.
        row = np.frombuffer(noise, dtype="<u4").astype(np.float64) - (2**31 - 0.5)
        if self.dtype == "bfloat16":
            row = _as_bfloat16(row)
        # `math.fsum` is exact. The last bit of `numpy.linalg.norm` depends on the processor.
        unit: NDArray[np.float64] = row / math.sqrt(math.fsum(row * row))
        return unit


def _as_bfloat16(row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to bfloat16, the upper half of a float32: to the nearest, ties to the even one."""
    bits = row.astype("<f4").view("<u4")
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    exact: NDArray[np.float64] = rounded.astype("<u4").view("<f4").astype(np.float64)
    return exact


def load(name: str, settings: WorkerSettings, *, dtype: str = "float64", pinned: str = "") -> FakeEncoder:
    """Make the fake encoder, as `base.Load` describes. It has no weights."""
    if name != "fake":
        raise EncoderError("encoder_not_configured", f"There is no encoder {name!r}; the fake encoder is named fake.")
    check_pinned(FakeEncoder.weights_sha256, pinned, name)
    if dtype == "float32":
        return FakeEncoder()
    return FakeEncoder(dtype=dtype, fingerprint=fingerprint(encoder="fake", version=1, dtype=dtype))
