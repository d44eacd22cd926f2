"""The kinds of evidence: what holds for every one in the registry."""

import pytest

from concept_orderings.evidence import EVIDENCE, Need
from concept_orderings.evidence.base import NeedsEvidence


@pytest.mark.parametrize("need", Need)
def test_every_kind_is_registered(need: Need) -> None:
    assert need in EVIDENCE, f"add the kind of {need} to EVIDENCE in concept_orderings/evidence/__init__.py"
    assert EVIDENCE[need].need is need


@pytest.mark.parametrize("need", Need)
def test_orderings_can_need_every_kind(need: Need) -> None:
    bases = [each for each in NeedsEvidence.__subclasses__() if each.need is need]

    assert len(bases) == 1, f"write one subclass of NeedsEvidence for {need}, in the file of its kind"
    assert bases[0].__module__ == type(EVIDENCE[need]).__module__


def test_every_field_belongs_to_one_kind() -> None:
    names = [field.name for kind in EVIDENCE.values() for field in kind.fields]

    assert len(set(names)) == len(names), "two kinds of evidence have a field of the same name: rename one"
    assert all(field.description for kind in EVIDENCE.values() for field in kind.fields)
