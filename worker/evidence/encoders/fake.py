"""An encoder without a model: the service can be tried and tested with no weights and no torch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concept_orderings.errors import EncoderError
from concept_orderings.progress import Report, silent
from worker.evidence.encoders.base import fingerprint
from worker.settings import WorkerSettings

REPORT_EVERY = 1024


@dataclass(frozen=True)
class FakeEncoder:
    """Unit vectors from the SHAKE-256 of each caption: alike nowhere, the same everywhere."""

    name: str = "fake"
    fingerprint: str = fingerprint(encoder="fake", version=1)
    weights_sha256: str = hashlib.sha256(b"").hexdigest()
    dimensions: int = 64

    def encode(self, captions: Sequence[str], *, report: Report = silent) -> NDArray[np.float32]:
        """Embed captions, as `base.Encoder.encode` describes; float32, shape (n, 64)."""
        rows = np.empty((len(captions), self.dimensions), dtype=np.float32)
        for i, caption in enumerate(captions):
            if i % REPORT_EVERY == 0:
                report(i, len(captions))
            rows[i] = self._row(caption)
        report(len(captions), len(captions))
        return rows

    def _row(self, caption: str) -> NDArray[np.float64]:
        noise = hashlib.shake_256(caption.encode()).digest(4 * self.dimensions)
        # a half is added so that no coordinate, and so no row, is exactly zero
        row = np.frombuffer(noise, dtype="<u4").astype(np.float64) - (2**31 - 0.5)
        unit: NDArray[np.float64] = row / np.linalg.norm(row)
        return unit


def load(name: str, settings: WorkerSettings) -> FakeEncoder:
    """Make the fake encoder; there is only one."""
    if name != "fake":
        raise EncoderError("encoder_not_configured", f"There is no encoder {name!r}; the fake one is just fake.")
    return FakeEncoder()
