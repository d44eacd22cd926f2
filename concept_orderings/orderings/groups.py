"""Orderings of groups: whole datasets or years, one after the other, inside which another ordering may arrange."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.catalogue import canonical_name
from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence, Need
from concept_orderings.faults import Faults
from concept_orderings.listed_orders import dataset_differences
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, Ordering, SeededOrdering
from concept_orderings.parameters import (
    POINTER,
    WITHIN,
    Contradiction,
    ObjectForm,
    parameter,
    pointed_within,
    pointing_within,
    refused,
)
from concept_orderings.progress import Renumbered, Report, silent
from concept_orderings.stream_warnings import MOST_CONCEPTS, MOST_QUERIES, StreamWarning
from concept_orderings.text import in_sentence

DATASETS_IN_ORDER = "datasets_in_order"

_BYTES_OF_A_NUMBER = 6  # of embeddings that are not being arranged: at most a float32, and the integer made from it


@dataclass(frozen=True)
class Group:
    """Whole datasets of which the order of a stream has all concepts one after the other.

    Attributes
    ----------
    name : str or int
        The dataset or the year.
    datasets : sequence of int
        Indices of the datasets in the request's concepts, ascending.
    """

    name: str | int
    datasets: Sequence[int]

    def concepts_of(self, concepts: Concepts) -> Concepts:
        """Return the concepts of the group."""
        return Concepts(tuple(concepts.datasets[i] for i in self.datasets))


def _read(value: object) -> Ordering:
    """Return the ordering that a canonical request has, or one that has been parsed; raise ValueError for others."""
    # Imported here because the registry has the orderings of groups themselves.
    from concept_orderings.orderings import read_ordering  # noqa: PLC0415

    if isinstance(value, Ordering):
        return value
    if not isinstance(value, Mapping):
        raise ValueError("an ordering is an object")
    return read_ordering(value)


def _write(ordering: Ordering) -> Json:
    return ordering.as_json()


WITHIN_FORM = ObjectForm({"type": "object"}, _read, _write)
"""The JSON form of the parameter `within`; `concept_orderings.orderings.parse_ordering` reads those of clients."""


@dataclass(frozen=True, kw_only=True)
class OrdersGroups(SeededOrdering):
    """Base class of orderings that put groups of whole datasets one after the other.

    Attributes
    ----------
    group : str
        What a group is: ``dataset`` or ``year``.
    """

    group: ClassVar[str]

    datasets_in_order: tuple[str, ...] | None = parameter(
        None,
        "All datasets of the request in order, each under either of its names, instead of a random order.",
        type="array of strings",
        absent=None,
    )
    within: Ordering | None = parameter(  # noqa: RUF009 - it returns a field of dataclasses
        None,
        'An ordering with its parameters, such as {"kind": "similarity"}: it arranges the concepts inside each group '
        "as if there were no others. Groups stay whole, and its own reverse reverses inside them. Without a seed it "
        "has that of the ordering around it.",
        type="object",
        form=WITHIN_FORM,
        absent=None,
    )

    @abstractmethod
    def groups(self, concepts: Concepts) -> list[Group]:
        """Return the groups in order, without reversing."""

    @property
    def parts(self) -> tuple[Ordering, ...]:
        """See `Ordering.parts`."""
        return (self,) if self.within is None else (self, self.within)

    def own_concepts(self) -> Sequence[str]:
        """See `Ordering.own_concepts`: those of the ordering inside groups."""
        return () if self.within is None else self.within.own_concepts()

    @property
    def owner(self) -> str:
        """See `Ordering.owner`."""
        return "" if self.within is None else self.within.owner

    @property
    def read_as_of(self) -> frozenset[str]:
        """See `Parameters.read_as_of`."""
        inside = frozenset() if self.within is None else self.within.read_as_of
        return super().read_as_of | {f"{WITHIN}/{name}" for name in inside}

    def with_orders(self, orders: Mapping[str, Sequence[str] | None], faults: Faults) -> Self:
        """See `Parameters.with_orders`."""
        if self.within is None:
            return self
        found = Faults()
        within = self.within.with_orders(orders, found)
        error = found.first()
        if error is not None:
            faults.add(pointed_within(error))
        return replace(self, within=within)

    def contradictions(self, concepts: Concepts | None) -> Iterator[Contradiction]:
        """See `Parameters.contradictions`: the datasets in order are those of the request, each once."""
        if self.datasets_in_order is not None and concepts is not None:
            error = dataset_differences(self._named(), concepts, f"{POINTER}/{DATASETS_IN_ORDER}")
            if error is not None:
                yield Contradiction((DATASETS_IN_ORDER,), error)
        if self.within is not None:
            for name, reason in self.within.only_whole().items():
                detail = f"The parameter {name} means nothing inside groups: {reason}."
                yield Contradiction((f"{WITHIN}/{name}",), pointed_within(refused(detail, name)))
            for each in self.within.contradictions(concepts):
                yield Contradiction([f"{WITHIN}/{name}" for name in each.reads], pointed_within(each.error))
        yield from super().contradictions(concepts)

    def canonical_for(self, concepts: Concepts, listed: Callable[[], Sequence[str]]) -> Self:
        """See `Parameters.canonical_for`: the canonical names of datasets, and the canonical ordering inside groups."""
        return replace(
            super().canonical_for(concepts, listed),
            datasets_in_order=None if self.datasets_in_order is None else self._named(),
            within=None if self.within is None else self.within.canonical_for(concepts, listed),
        )

    def as_of(self, now: datetime) -> Self:
        """See `Parameters.as_of`."""
        others = super().as_of(now)
        if others.within is None:
            return others
        with pointing_within(f"{WITHIN}/"):
            return replace(others, within=others.within.as_of(now))

    def without_checks(self) -> Self:
        """See `Parameters.without_checks`."""
        others = super().without_checks()
        return others if others.within is None else replace(others, within=others.within.without_checks())

    def as_brief_json(self) -> dict[str, Json]:
        """See `Ordering.as_brief_json`: leaves out the datasets in order, of which there may be many."""
        body = {name: value for name, value in self.as_json().items() if name != DATASETS_IN_ORDER}
        return body if self.within is None else {**body, WITHIN: self.within.as_brief_json()}

    def for_group(self, concepts: Concepts) -> Self:
        """See `Ordering.for_group`: the datasets of the group in their order."""
        if self.datasets_in_order is None:
            return self
        wanted = {each.name for each in concepts.datasets}
        return replace(self, datasets_in_order=tuple(each for each in self.datasets_in_order if each in wanted))

    def arrange_groups(
        self, inner: Ordering, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report
    ) -> Arrangement:
        """Arrange each group by the ordering inside groups; parameters and result as of `Ordering.arrange`.

        The result for a group is that for its concepts alone. The details have an entry for each group, in the order of
        the stream.
        """
        order: list[NDArray[np.int64]] = []
        details: list[Json] = []
        warnings: list[tuple[Group, StreamWarning]] = []
        n, done = len(concepts), 0
        for part in self._parts_of(concepts, evidence):
            m = len(part.concepts)
            found = inner.for_group(part.concepts).arrange(
                part.concepts,
                part.evidence,
                machine=_beside(machine, evidence, n - m),
                report=Renumbered(report, _share(done, m, n)),
            )
            order.append(part.positions[found.order[::-1] if inner.reverse else found.order])
            details.append({self.group: part.group.name, "concepts": m, **found.details})
            warnings += ((part.group, each) for each in found.warnings)
            done += m
            report(done, n)
        listed = details[::-1] if self.reverse else details
        return Arrangement(np.concatenate(order), {"groups": listed}, self._joined(warnings, len(order)))

    def evidence_warnings(self, concepts: Concepts, evidence: Evidence) -> tuple[StreamWarning, ...]:
        """See `Ordering.evidence_warnings`: those of the groups, of which those with one code become one."""
        if self.within is None:
            return ()
        parts = list(self._parts_of(concepts, evidence))
        found = [
            (part.group, each) for part in parts for each in self.within.evidence_warnings(part.concepts, part.evidence)
        ]
        return self._joined(found, len(parts))

    def seed_may_matter(self, concepts: Concepts) -> bool:
        """See `Ordering.seed_may_matter`: inside a group, and for the order of groups if it is random."""
        if self.within is None:
            return True
        groups = (each.concepts_of(concepts) for each in self.groups(concepts))
        return any(self.within.for_group(each).seed_may_matter(each) for each in groups)

    def columns(self, concepts: Concepts, evidence: Evidence, order: NDArray[np.int64]) -> dict[str, Sequence[Json]]:
        """See `Ordering.columns`: those of the ordering inside groups, along the whole stream."""
        return {} if self.within is None else self.within.columns(concepts, evidence, order)

    def check_memory(self, concepts: Concepts, dimensions: int, machine: Machine) -> None:
        """See `Ordering.check_memory`: the largest group needs most."""
        if self.within is None:
            return
        largest = max((each.concepts_of(concepts) for each in self.groups(concepts)), key=len)
        others = (len(concepts) - len(largest)) * dimensions
        self.within.check_memory(largest, dimensions, _without(machine, others))

    def diagnose(
        self,
        concepts: Concepts,
        evidence: Evidence,
        order: NDArray[np.int64],
        sizes: Sequence[int],
        *,
        report: Report = silent,
    ) -> dict[str, Json]:
        """See `Ordering.diagnose`: those of the ordering inside groups, for the whole stream."""
        return {} if self.within is None else self.within.diagnose(concepts, evidence, order, sizes, report=report)

    def dataset_places(self, concepts: Concepts) -> list[Any]:
        """Return what sorts the datasets of the concepts: their places in the order given, else their keys."""
        names = [each.name for each in concepts.datasets]
        if self.datasets_in_order is None:
            return [self.key(each) for each in names]
        place = {name: i for i, name in enumerate(self.datasets_in_order)}
        return [place[each] for each in names]

    def _named(self) -> tuple[str, ...]:
        return tuple(map(canonical_name, self.datasets_in_order or ()))

    def _parts_of(self, concepts: Concepts, evidence: Evidence) -> "Iterator[_Part]":
        ends = np.cumsum([len(each.classes) for each in concepts.datasets])
        for group in self.groups(concepts):
            ranges = [np.arange(ends[i] - len(concepts.datasets[i].classes), ends[i]) for i in group.datasets]
            positions = np.concatenate(ranges)
            yield _Part(group, positions, group.concepts_of(concepts), evidence.rows(positions))

    def _joined(self, found: Sequence[tuple[Group, StreamWarning]], groups: int) -> tuple[StreamWarning, ...]:
        by_code: dict[str, list[tuple[Group, StreamWarning]]] = {}
        for group, warning in found:
            by_code.setdefault(warning.code, []).append((group, warning))
        return tuple(self._one_warning(each, groups) for each in by_code.values())

    def _one_warning(self, found: Sequence[tuple[Group, StreamWarning]], groups: int) -> StreamWarning:
        """Return one warning for those of several groups: the sentence is that of the group with most concepts."""
        counts = [each.count for _, each in found if each.count is not None]
        group, worst = max(found, key=lambda pair: pair[1].count or 0)
        where = f"In the {self.group} {in_sentence(str(group.name))}"
        if len(found) > 1:
            where = f"In {len(found)} of {groups} {self.group}s, most in {in_sentence(str(group.name))}"
        concepts = tuple(concept for _, each in found for concept in each.concepts)[:MOST_CONCEPTS]
        queries = {name: query for _, each in found for name, query in each.queries.items()}
        return StreamWarning(
            worst.code,
            f"{where}: {worst.detail}",
            sum(counts) if counts else None,
            concepts,
            dict(islice(queries.items(), MOST_QUERIES)),
        )


@dataclass(frozen=True)
class _Part:
    """A group of m of the n concepts of a request.

    Attributes
    ----------
    group : Group
    positions : ndarray of int64, shape (m,)
        Indices of its concepts, ascending.
    concepts : Concepts
    evidence : Evidence
        Of its concepts.
    """

    group: Group
    positions: NDArray[np.int64]
    concepts: Concepts
    evidence: Evidence


def _share(before: int, m: int, n: int) -> Callable[[int, int], tuple[int, int]]:
    """Return a function from the progress in a group of `m` to that in all `n`, of which `before` are arranged."""
    return lambda done, total: (before + m * done // max(total, 1), n)


def _without(machine: Machine, numbers: int) -> Machine:
    """Return the machine with the memory that is left beside other groups' embeddings of so many numbers."""
    if machine.memory is None:
        return machine
    return replace(machine, memory=max(machine.memory - _BYTES_OF_A_NUMBER * numbers, 0))


def _beside(machine: Machine, evidence: Evidence, others: int) -> Machine:
    dimensions = evidence.of(Need.EMBEDDINGS).shape[1] if evidence.has(Need.EMBEDDINGS) else 0
    return _without(machine, others * dimensions)
