"""By similarity: the shortest greedy path through the caption embeddings."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence, Need
from concept_orderings.orderings.base import Arrangement, Ordering, order_of, parameter
from concept_orderings.progress import Report

MOST_CONCEPTS = 65_536
"""All starts keep a bit per pair of concepts: 0.5 GB at this number, and a copy or two while walks are compared."""

PAPER_ENCODER = "open_clip/ViT-L-14/openai"
ENCODER = r"minilm|fake|open_clip/[A-Za-z0-9._-]{1,64}(/[A-Za-z0-9._-]{1,64})?"


@dataclass(frozen=True, kw_only=True)
class Similarity(Ordering):
    """From each concept to the nearest one not yet met, from the start that makes the whole path shortest.

    All n starts are tried (arXiv 2408.14471, "concept similarity"). Equal distances go to the smaller key.
    """

    kind: ClassVar[str] = "similarity"
    summary: ClassVar[str] = "Each concept is followed by the most similar one that is left; the best of all starts."
    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})

    encoder: str = parameter(
        PAPER_ENCODER,
        "The text encoder: minilm, or open_clip/MODEL[/PRETRAINED] such as open_clip/ViT-L-14/openai, the paper's. "
        "Left out, it is the one that the service is set up with.",
        pattern=ENCODER,
    )

    def arrange(self, concepts: Concepts, evidence: Evidence, *, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        # Here, not above: programs that only read the registry, as the API does, must not load the compiler.
        from concept_orderings.path import distance_as_cosine, quantise, shortest_greedy_path  # noqa: PLC0415

        by_key = order_of(self.keys(concepts))
        vectors = quantise(np.asarray(evidence.of(Need.EMBEDDINGS), dtype=np.float32)[by_key])
        path = shortest_greedy_path(vectors, report=report)
        order = by_key[path.order]
        details = {
            "starts": len(concepts),
            "path_start": concepts.ids[order[0]],
            "total_distance": float(distance_as_cosine(path.total)),
        }
        return Arrangement(order, details)
