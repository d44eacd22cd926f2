"""Embeddings as the evidence of an order: rounded to integers, with a certificate that other machines agree.

With the dtype ``float64``, orderings compare integers that are made from the float64 embeddings themselves, and the
digest of the evidence is that of the integers. The last bits of the embeddings depend on the machine; the integers
depend on them only where a coordinate lies at a rounding edge. The certificate counts such coordinates.

With another dtype, the evidence is the embeddings in float32 and their digest is that of the float32 numbers, as in
release 0.1.0. Another machine then rounds some coordinates to other integers.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.evidence.base import Gathered, Provenance, evidence_digest
from concept_orderings.evidence.captions import NeedsEmbeddings
from concept_orderings.stream_warnings import StreamWarning, WarningCode, chosen
from concept_orderings.text import first_of, shown

if TYPE_CHECKING:
    from concept_orderings.path import Quantised

MARGIN = 1e-13
"""How much a coordinate of a unit vector is assumed to differ between machines at most: assumed, and not proven.

It is 300 times the largest difference that was measured between float64 embeddings of one caption.
"""

OF_CALLER = "caller"
"""The source of embeddings that a caller passed."""

_MOST_NAMED = 50


def embeddings_as_evidence(
    embeddings: NDArray[Any],
    parameters: NeedsEmbeddings,
    names: Sequence[str],
    *,
    source: str,
    facts: Mapping[str, Json] | None = None,
    warnings: Sequence[StreamWarning] = (),
    margin: NDArray[np.float64] | None = None,
) -> Gathered:
    """Return embeddings as evidence with its provenance, in the form that belongs to the ordering's dtype.

    Parameters
    ----------
    embeddings : ndarray of float, shape (n, d)
        A row for each concept, in canonical order.
    parameters : NeedsEmbeddings
        The ordering.
    names : sequence of str
        The n concepts, for a warning.
    source : str
        Name of the encoder, or `OF_CALLER`.
    facts : mapping of str to JSON
        Other facts for the provenance.
    warnings : sequence of StreamWarning
        Other warnings.
    margin : ndarray of float64, shape (n,)
        How much a coordinate of each embedding, scaled to length 1, may differ on another machine; `MARGIN` by default.

    Returns
    -------
    Gathered
        With the dtype ``float64`` int16 vectors, (n, d), their margins, and a certificate unless the embeddings are
        shorter numbers; else float32 embeddings.

    Raises
    ------
    ValueError
        With the dtype ``float64``: if the array has another shape, or a row is all zero or not finite.
    """
    # Imported here because programs that only read the registry, such as the API, must not load numerical code.
    from concept_orderings.path import quantise_with_margins  # noqa: PLC0415

    facts = facts or {}
    if parameters.dtype != "float64":
        values = np.asarray(embeddings, dtype=np.float32)
        provenance = Provenance(
            source=source, digest=evidence_digest(values), details=dict(facts), warnings=tuple(warnings)
        )
        return Gathered(values, provenance)
    found = quantise_with_margins(embeddings, np.full(len(embeddings), MARGIN) if margin is None else margin)
    certified = embeddings.dtype == np.float64
    provenance = Provenance(
        source=source,
        digest=evidence_digest(found.vectors),
        details=dict(facts),
        warnings=(*warnings, *(_near_edges(found, names) if certified else ())),
    )
    details = {"certificate": _certificate(found)} if certified else {}
    return Gathered(found.vectors, provenance, details=details, margins=found.margins)


def _certificate(found: "Quantised") -> dict[str, Json]:
    return {
        "coordinates": found.vectors.size,
        "near_rounding_edge": int(found.near_edges.sum()),
        "assumed_difference": MARGIN,
    }


def _near_edges(found: "Quantised", names: Sequence[str]) -> tuple[StreamWarning, ...]:
    """Return the warning for coordinates near a rounding edge. It is published: never change its text."""
    concepts = np.flatnonzero(found.near_edges)
    if not concepts.size:
        return ()
    number = int(found.near_edges.sum())
    named = first_of([shown(names[i]) for i in concepts.tolist()], _MOST_NAMED)
    sentence = (
        f"{number} of the {found.vectors.size} coordinates of the embeddings {'lies' if number == 1 else 'lie'} within "
        f"{MARGIN} of a rounding edge, so another machine may find another order; compare the digests of the evidence "
        f"before you rely on it. The concepts are: {named}."
    )
    near = chosen(names, concepts.tolist())
    return (StreamWarning.of(WarningCode.ROUNDING_EDGES, sentence, count=concepts.size, concepts=near),)
