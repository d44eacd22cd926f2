"""Take the order of a stream that others have published."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from concept_orderings.canonical import Json
from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, Ordering
from concept_orderings.parameters import parameter
from concept_orderings.progress import Report
from concept_orderings.published_streams import (
    PUBLISHED_STREAMS,
    no_such_stream,
    published_digest,
    published_order,
)


@dataclass(frozen=True, kw_only=True)
class Published(Ordering):
    """The order of a published stream; some of its concepts keep their relative order.

    The canonical request names the stream. Its order belongs to the version of this ordering: if it had to change, the
    version would be raised.
    """

    kind: ClassVar[str] = "published"
    summary: ClassVar[str] = "The order of a stream that others have published, such as those of FoMo-in-Flux."
    has_own_concepts: ClassVar[bool] = True

    stream: str | None = parameter(
        None,
        "The name of a published stream; GET /v1/published lists all. A request without concepts means all of the "
        "stream's; some of them keep their relative order.",
        type="string",
        choices=tuple(PUBLISHED_STREAMS),
        required=True,
        refusal=("unknown_published_stream", no_such_stream),
    )

    def own_concepts(self) -> Sequence[str]:
        """See `Ordering.own_concepts`: those of the stream, in its order."""
        return () if self.stream is None else published_order(self.stream)

    @property
    def owner(self) -> str:
        """See `Ordering.owner`."""
        return f"published stream {self.stream}"

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        assert self.stream is not None  # it is required
        index = {concept: i for i, concept in enumerate(concepts.ids)}
        order = np.array([index[each] for each in self.own_concepts() if each in index], dtype=np.int64)
        if len(order) < len(concepts):
            raise ValueError(f"{len(concepts) - len(order)} concepts are not in {self.stream}: parse_request refuses")
        published = PUBLISHED_STREAMS[self.stream]
        facts: dict[str, Json] = {
            "origin": published.origin,
            "concepts": published.concepts,
            "order_digest": published_digest(self.stream),
        }
        return Arrangement(order, {"published": facts})
