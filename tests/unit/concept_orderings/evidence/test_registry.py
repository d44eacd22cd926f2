"""The kinds of evidence: what holds for every one in the registry."""

from contextlib import suppress
from typing import Any

import pytest

from concept_orderings.errors import InvalidInput
from concept_orderings.evidence import EVIDENCE, Need
from concept_orderings.evidence.base import NeedsEvidence
from concept_orderings.orderings import ORDERINGS, Ordering
from concept_orderings.request import parse_request
from unit.concept_orderings.request.bodies import right

OF_SPLITS = (Need.SAMPLES,)
"""The kinds that splits need, and no ordering."""


@pytest.mark.parametrize("need", Need)
def test_every_kind_is_registered(need: Need) -> None:
    assert need in EVIDENCE, f"add the kind of {need} to EVIDENCE in concept_orderings/evidence/__init__.py"
    assert EVIDENCE[need].need is need


@pytest.mark.parametrize("need", [need for need in Need if need not in OF_SPLITS])
def test_orderings_can_need_every_kind(need: Need) -> None:
    bases = [each for each in NeedsEvidence.__subclasses__() if each.need is need]

    assert len(bases) == 1, f"write one subclass of NeedsEvidence for {need}, in the file of its kind"
    assert bases[0].__module__ == type(EVIDENCE[need]).__module__


def test_every_field_belongs_to_one_kind() -> None:
    names = [field.name for kind in EVIDENCE.values() for field in kind.fields]

    assert len(set(names)) == len(names), "two kinds of evidence have a field of the same name: rename one"
    assert all(field.description for kind in EVIDENCE.values() for field in kind.fields)


class Reads:
    """An ordering that notes which of its parameters are read."""

    def __init__(self, ordering: Ordering) -> None:
        self._ordering = ordering
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.names.add(name)
        return getattr(self._ordering, name)


@pytest.mark.parametrize("kind", EVIDENCE.values(), ids=EVIDENCE)
def test_the_checks_of_a_kind_read_the_parameters_that_it_names(kind: Any) -> None:
    """A check that reads a parameter which is at fault would report what does not follow."""
    concepts = parse_request(right()).concepts
    reads = [Reads(each()) for each in ORDERINGS.values() if kind.need in each.needs | each.may_need]
    for ordering in reads:
        for check in (kind.check_given, kind.check_complete):
            with suppress(InvalidInput):
                check(concepts, ordering)

    assert set().union(*(each.names for each in reads)) <= kind.reads, "name them in Kind.reads"
