"""Which kinds of evidence the worker can gather."""

import asyncio
import tomllib
from typing import cast
from unittest.mock import Mock

import pytest

from concept_orderings.errors import SourceError
from concept_orderings.evidence import EVIDENCE, Gathered, Need
from concept_orderings.request import parse_request
from support.processes import ROOT
from unit.concept_orderings.request.bodies import changed, counted
from unit.concept_orderings.strategies import Body
from worker.evidence.gathering import Gathering, about
from worker.gather import GATHERERS, gather

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


@pytest.mark.parametrize(
    ("ordering", "pointer"),
    [
        ({"kind": "frequency", "source": "a"}, "/ordering/source"),
        ({"kind": "time", "within": {"kind": "frequency", "source": "a"}}, "/ordering/within/source"),
    ],
)
def test_errors_point_to_where_the_parameter_stands(
    monkeypatch: pytest.MonkeyPatch, ordering: Body, pointer: str
) -> None:
    async def refuse(gathering: Gathering) -> Gathered:
        with about("/ordering/source"):
            raise SourceError("source_unavailable", "It does not answer.")

    monkeypatch.setitem(cast("dict[Need, object]", GATHERERS), Need.COUNTS, refuse)
    request = parse_request(changed({"/ordering": ordering}, counted))
    gathering = Gathering(request=request, settings=Mock(), stores=Mock(), monitor=Mock())
    with pytest.raises(SourceError) as refused:
        asyncio.run(gather(gathering))

    assert refused.value.pointers == (pointer,)


def test_every_gatherer_is_of_a_kind_from_outside() -> None:
    assert set(GATHERERS) == set(FROM_OUTSIDE) == {Need.COUNTS, Need.EMBEDDINGS, Need.SCORES, Need.TIES}, (
        "take the gatherer out of worker/gather.py, or let Kind.is_outside return True for some parameters; a new kind "
        "that may come from outside is added to this list"
    )
