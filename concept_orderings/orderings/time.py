"""Order by the year of the dataset, oldest first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from concept_orderings.canonical import Json
from concept_orderings.concepts import ClassList, Concepts
from concept_orderings.errors import BadParameter
from concept_orderings.evidence import Evidence, Need
from concept_orderings.evidence.years import YEAR, NeedsYears
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement, order_of
from concept_orderings.orderings.groups import DATASETS_IN_ORDER, Group, OrdersGroups
from concept_orderings.parameters import POINTER, WITHIN, Contradiction, parameter
from concept_orderings.progress import Report
from concept_orderings.text import first_of, shown

_WITHIN_YEAR, _SHUFFLE, _DATASET = "within_year", "shuffle", "dataset"
_MOST_NAMED = 2


@dataclass(frozen=True, kw_only=True)
class Time(NeedsYears, OrdersGroups):
    """Oldest year first; within a year, concepts or whole datasets in random order (arXiv 2408.14471, "time")."""

    kind: ClassVar[str] = "time"
    summary: ClassVar[str] = "By the year of the dataset, oldest first."
    group: ClassVar[str] = "year"

    within_year: str = parameter(
        _SHUFFLE,
        "shuffle: the concepts of a year are mixed, as in the paper. "
        "dataset: the datasets of a year are kept together, in random order.",
        choices=(_SHUFFLE, _DATASET),
    )

    def contradictions(self, concepts: Concepts | None) -> Iterator[Contradiction]:
        """See `Parameters.contradictions`: one rule arranges a year, and datasets in order follow their years."""
        if self.within is not None and self.within_year != _SHUFFLE:
            detail = "Both within and within_year arrange the concepts of a year; leave one of the two out."
            yield Contradiction.between(detail, WITHIN, _WITHIN_YEAR)
        if self.within is not None and self.datasets_in_order is not None:
            detail = (
                "datasets_in_order keeps the datasets of a year together, and within arranges its concepts; leave one "
                'of the two out, or give the order of datasets inside within, with {"kind": "dataset"}.'
            )
            yield Contradiction.between(detail, WITHIN, DATASETS_IN_ORDER)
        if self.datasets_in_order is not None and concepts is not None:
            error = self._against_years(concepts)
            if error is not None:
                yield Contradiction((DATASETS_IN_ORDER,), error)
        yield from super().contradictions(concepts)

    def canonical_for(self, concepts: Concepts, listed: Callable[[], Sequence[str]]) -> Self:
        """See `Parameters.canonical_for`: datasets in order are kept together; beside `within` no seed is needed."""
        others = super().canonical_for(concepts, listed)
        if others.within is not None:
            return replace(others, seed=0)
        return others if others.datasets_in_order is None else replace(others, within_year=_DATASET)

    def values(self) -> dict[str, Json]:
        """See `Parameters.values`: `within` takes the place of `within_year`."""
        written = super().values()
        return {name: written[name] for name in written if name != _WITHIN_YEAR or self.within is None}

    def groups(self, concepts: Concepts) -> list[Group]:
        """See `OrdersGroups.groups`."""
        by_year: dict[int, list[int]] = {}
        for i, each in enumerate(concepts.datasets):
            by_year.setdefault(_year_of(each), []).append(i)
        return [Group(year, by_year[year]) for year in sorted(by_year)]

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        if self.within is not None:
            return self.arrange_groups(self.within, concepts, evidence, machine=machine, report=report)
        years = evidence.of(Need.YEARS).tolist()
        groups: list[Any] = [b""] * len(concepts)
        if self.within_year == _DATASET:
            places = self.dataset_places(concepts)
            groups = [places[i] for i in concepts.dataset_index]
        return Arrangement(order_of(list(zip(years, groups, self.keys(concepts), strict=True))), {})

    def _against_years(self, concepts: Concepts) -> BadParameter | None:
        """Return the error for datasets that come after a newer one; datasets without a year are another fault."""
        years = {each.name: YEAR.of(each) for each in concepts.datasets}
        late: list[tuple[int, str]] = []
        newest, its_year = "", 0
        for i, name in enumerate(self._named()):
            year = years.get(name)
            if year is None:
                continue
            if year >= its_year:
                newest, its_year = name, year
            else:
                late.append((i, f"{shown(name)} of {year} after {shown(newest)} of {its_year}"))
        if not late:
            return None
        named = first_of([text for _, text in late], _MOST_NAMED)
        return BadParameter(
            "datasets_against_years",
            f"The order by time goes from the oldest year to the newest, and datasets_in_order has {named}. Put the "
            "datasets of each year after those of earlier years; the order inside a year is free. For another order "
            "of datasets use the ordering dataset.",
            (f"{POINTER}/{DATASETS_IN_ORDER}/{i}" for i, _ in late),
        )


def _year_of(each: ClassList) -> int:
    year = YEAR.of(each)
    if year is None:
        raise ValueError(f"{each.name} has no year")
    return year
