"""Which kinds of evidence the worker can gather."""

import tomllib
from unittest.mock import Mock

import pytest

from concept_orderings.evidence import EVIDENCE, Need
from support.processes import ROOT
from worker.gather import GATHERERS

# Whatever is asked of these parameters, they do not say that the evidence stands in the request.
FROM_OUTSIDE = [need for need, kind in EVIDENCE.items() if kind.is_outside(Mock())]


@pytest.mark.parametrize("need", FROM_OUTSIDE)
def test_every_kind_from_outside_has_a_gatherer(need: Need) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]

    assert need in GATHERERS, f"{need} may come from outside: add its gatherer to GATHERERS in worker/gather.py"
    assert need in declared["concept_orderings.gatherers"], (
        f"`concept-orderings order` cannot gather {need}: write its function in worker/order_command.py and add a line "
        'to [project.entry-points."concept_orderings.gatherers"] in pyproject.toml'
    )


def test_every_gatherer_is_of_a_kind_from_outside() -> None:
    assert set(GATHERERS) == set(FROM_OUTSIDE) == {Need.COUNTS, Need.EMBEDDINGS, Need.SCORES, Need.TIES}, (
        "take the gatherer out of worker/gather.py, or let Kind.is_outside return True for some parameters; a new kind "
        "that may come from outside is added to this list"
    )
