"""Keep the order in which the request lists the concepts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Self

import numpy as np

from concept_orderings.canonical import Json
from concept_orderings.catalogue import canonical_name
from concept_orderings.concepts import Concepts, join_concept, split_concept
from concept_orderings.errors import BadParameter, InvalidInput
from concept_orderings.evidence import Evidence
from concept_orderings.faults import Faults, repeats, times
from concept_orderings.look_alikes import shown_beside
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, Ordering
from concept_orderings.parameters import POINTER, Contradiction, parameter, refused
from concept_orderings.progress import Report
from concept_orderings.text import shown


@dataclass(frozen=True, kw_only=True)
class Given(Ordering):
    """Exactly the order in which the request lists the concepts; no other ordering depends on that order.

    For `datasets` it is the order of the datasets and, in each, the order of its classes. The class lists of a
    canonical request are sorted, so there the parameter `order` holds the listing.
    """

    kind: ClassVar[str] = "given"
    summary: ClassVar[str] = "Exactly the order in which the request lists the concepts."

    order: tuple[str, ...] | None = parameter(
        None,
        "All concepts in order, each written DATASET+++class name. The default is the order in which the request lists "
        "them. Canonical requests always have it, because their class lists are sorted.",
        type="array of strings",
        pattern=r".+\+\+\+.+",
    )

    def contradictions(self, concepts: Concepts | None) -> Iterator[Contradiction]:
        """See `Parameters.contradictions`: the order lists each concept once, and nothing else."""
        if self.order is not None and concepts is not None:
            error = _differences(self._canonical_order(), concepts)
            if error is not None:
                yield Contradiction(("order",), error)
        yield from super().contradictions(concepts)

    def canonical_for(self, concepts: Concepts, listed: Callable[[], Sequence[str]]) -> Self:
        """See `Parameters.canonical_for`: without an order, the order is that of the request's lists."""
        return replace(self, order=tuple(listed()) if self.order is None else self._canonical_order())

    def _canonical_order(self) -> tuple[str, ...]:
        return tuple(map(_canonical, self.order or ()))

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        if self.order is None:
            raise ValueError("the listing is missing: canonical_for() sets it")
        place = {concept: i for i, concept in enumerate(concepts.ids)}
        return Arrangement(np.array([place[each] for each in self.order], dtype=np.int64), {})

    def as_brief_json(self) -> dict[str, Json]:
        """See `Ordering.as_brief_json`: leaves out `order`, which may have a million concepts."""
        return {name: value for name, value in self.as_json().items() if name != "order"}


def _canonical(concept: str) -> str:
    dataset, class_name = split_concept(concept)
    return join_concept(canonical_name(dataset), class_name)


def _differences(order: Sequence[str], concepts: Concepts) -> InvalidInput | None:
    """Return the error for an order that lists a concept several times, lists an unknown concept, or lacks one."""
    faults = Faults()
    for concept, places in repeats(order).items():
        faults.add_repeated("bad_parameter", places, partial(_repeated, concept))
    known = frozenset(concepts.ids)
    unknown = [i for i, each in enumerate(order) if each not in known]
    if unknown:
        first_unknown = shown_beside(order[unknown[0]], concepts.ids)
        faults.add(
            BadParameter(
                "bad_parameter",
                f"The order has {first_unknown}, which is not among the concepts; leave it out or add it.",
                (f"{POINTER}/order/{i}" for i in unknown),
            )
        )
    listed = frozenset(order)
    missing = [each for each in concepts.ids if each not in listed]
    if missing:
        first_missing = shown_beside(missing[0], order)
        detail = (
            f"The order lacks {len(missing)} of {len(concepts)} concepts, the first is {first_missing}; add them, "
            "or leave the order out to use that of the request's lists."
        )
        faults.add(refused(detail, "order"))
    return faults.first()


def _repeated(concept: str, places: Sequence[int]) -> BadParameter:
    return BadParameter(
        "bad_parameter",
        f"The order has {shown(concept)} {times(len(places))}; keep one.",
        (f"{POINTER}/order/{i}" for i in places),
    )
