"""Memory that a request takes, foreseen from its bytes."""

import pytest

from concept_orderings.canonical import canonical_json
from concept_orderings.errors import NotEnoughMemory
from concept_orderings.machine import ANY_MACHINE, Machine
from worker.memory_of_requests import check_memory


def request(concepts: int) -> bytes:
    names = [f'a "class", number {i:06d}' for i in range(concepts)]
    return canonical_json({"datasets": [{"classes": names, "name": "OWN"}], "name": "many", "tasks": {"count": 2}})


def test_a_request_that_takes_more_than_may_be_used_is_refused() -> None:
    canonical = request(100_000)
    needed = 7 * len(canonical) + 600 * 100_000
    with pytest.raises(NotEnoughMemory, match=r"100,002 names and values needs \d\d MB of memory, but only 50 MB"):
        check_memory(canonical, Machine(memory=50_000_000))
    check_memory(canonical, Machine(memory=needed + 10_000))
    check_memory(canonical, ANY_MACHINE)


def test_more_concepts_need_more() -> None:
    check_memory(request(10_000), Machine(memory=20_000_000))
    with pytest.raises(NotEnoughMemory):
        check_memory(request(40_000), Machine(memory=20_000_000))
