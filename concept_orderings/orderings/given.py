"""As given: the order in which the request lists the concepts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from concept_orderings.canonical import Json
from concept_orderings.catalogue import canonical_name
from concept_orderings.concepts import Concepts, join_concept, split_concept
from concept_orderings.errors import BadParameter
from concept_orderings.evidence import Evidence
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, Ordering
from concept_orderings.parameters import POINTER, parameter
from concept_orderings.progress import Report
from concept_orderings.text import shown


@dataclass(frozen=True, kw_only=True)
class Given(Ordering):
    """Exactly the order in which the request lists the concepts: to no other ordering does the listing mean anything.

    `concepts` as listed; `datasets` in the order listed, each with its classes in order. A canonical request has its
    class lists sorted, so the listing stands in the parameter `order` there.
    """

    kind: ClassVar[str] = "given"
    summary: ClassVar[str] = "Exactly the order in which the request lists the concepts."

    order: tuple[str, ...] | None = parameter(
        None,
        "All concepts in order, DATASET+++class name each. Left out, it is the order in which the request lists them; "
        "a canonical request, whose class lists are sorted, has it.",
        type="array of strings",
        pattern=r".+\+\+\+.+",
    )

    def canonical_for(self, concepts: Concepts, listed: Callable[[], Sequence[str]]) -> Self:
        """See `Parameters.canonical_for`: the listing, where no order is given."""
        if self.order is None:
            return replace(self, order=tuple(listed()))
        order = tuple(_canonical(each, i) for i, each in enumerate(self.order))
        _check_all_are_there(order, concepts)
        return replace(self, order=order)

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        if self.order is None:
            raise ValueError("the listing is missing: canonical_for() sets it")
        place = {concept: i for i, concept in enumerate(concepts.ids)}
        return Arrangement(np.array([place[each] for each in self.order], dtype=np.int64), {})

    def as_brief_json(self) -> dict[str, Json]:
        """See `Ordering.as_brief_json`: without the listing, which may have a million concepts."""
        return {name: value for name, value in self.as_json().items() if name != "order"}


def _canonical(concept: str, position: int) -> str:
    dataset, class_name = split_concept(concept, f"{POINTER}/order/{position}")
    return join_concept(canonical_name(dataset), class_name)


def _check_all_are_there(order: Sequence[str], concepts: Concepts) -> None:
    """Refuse an order that has a concept twice, or one that is not in the class lists, or that lacks one."""
    known = frozenset(concepts.ids)
    seen: dict[str, int] = {}
    for i, each in enumerate(order):
        first = seen.setdefault(each, i)
        if first != i:
            pointers = [f"{POINTER}/order/{first}", f"{POINTER}/order/{i}"]
            raise BadParameter("bad_parameter", f"The order has {shown(each)} twice; leave one out.", pointers)
    strange = [i for i, each in enumerate(order) if each not in known]
    if strange:
        raise BadParameter(
            "bad_parameter",
            f"The order has {shown(order[strange[0]])}, which is not among the concepts; leave it out or add it.",
            (f"{POINTER}/order/{i}" for i in strange),
        )
    missing = [each for each in concepts.ids if each not in seen]
    if missing:
        raise BadParameter(
            "bad_parameter",
            f"The order lacks {len(missing)} of {len(concepts)} concepts, the first is {shown(missing[0])}; add them, "
            "or leave the order out to take that of the request's lists.",
            [f"{POINTER}/order"],
        )
