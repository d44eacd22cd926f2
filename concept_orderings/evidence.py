"""Evidence: what an ordering needs from outside, frozen before anything is arranged."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json


class Need(StrEnum):
    """A kind of evidence."""

    YEARS = "years"
    SCORES = "scores"
    COUNTS = "counts"
    EMBEDDINGS = "embeddings"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Evidence for n concepts in canonical order; what an ordering does not need is None.

    Attributes
    ----------
    years : ndarray of int64, shape (n,), optional
        Year of each concept's dataset.
    scores : ndarray of float64, shape (n,), optional
        Zero-shot score of the base model, higher is easier.
    counts : ndarray of int64, shape (n,), optional
        Occurrences of, or documents with, each class name, from one source.
    embeddings : ndarray of float32, shape (n, d), optional
        Text embedding of each concept's caption.
    """

    years: NDArray[np.int64] | None = None
    scores: NDArray[np.float64] | None = None
    counts: NDArray[np.int64] | None = None
    embeddings: NDArray[np.float32] | None = None

    def of(self, need: Need) -> NDArray[np.int64] | NDArray[np.float64] | NDArray[np.float32]:
        """Return the evidence of one kind.

        Raises
        ------
        ValueError
            If it was not gathered: a fault of the program, not of the request.
        """
        values: NDArray[np.int64] | NDArray[np.float64] | NDArray[np.float32] | None = getattr(self, need)
        if values is None:
            raise ValueError(f"the ordering needs {need}, which were not gathered")
        return values


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where evidence came from: stands in the manifest.

    Attributes
    ----------
    source : str
        ``request``, ``catalogue``, ``request and catalogue``, or the name of an index or encoder.
    digest : str
        SHA-256 of the values in canonical order (see `evidence_digest`).
    details : dict
        What else identifies the source, such as a weight digest or a number of documents.
    warnings : tuple of str
        What a reader of the stream should know, one sentence each.
    """

    source: str
    digest: str
    details: dict[str, Json]
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """Return the manifest's entry."""
        return {"source": self.source, "digest": self.digest, **self.details, "warnings": list(self.warnings)}


def evidence_digest(values: NDArray[np.int64] | NDArray[np.float64] | NDArray[np.float32]) -> str:
    """Return the SHA-256 of an array's little-endian bytes in C order, the same on any machine."""
    little_endian = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    # As bytes, and not a copy of them: embeddings may be gigabytes.
    return hashlib.sha256(little_endian.reshape(-1).view(np.uint8).data).hexdigest()
