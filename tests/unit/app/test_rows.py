"""Pages of concepts, against filtering a list of all of them."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.rows import Filters, find_rows

DATASETS = ["CIFAR100", "Flowers102", "mine"]


def documents(sizes: list[int]) -> tuple[Any, dict[str, bytes], list[dict[str, Any]]]:
    """A version with tasks of these sizes: its record, its tasks by digest, and all its concepts."""
    concepts: list[dict[str, Any]] = []
    tasks, stored = [], {}
    for number, size in enumerate(sizes):
        own = []
        for _ in range(size):
            position = len(concepts)
            dataset = DATASETS[position % 3]
            own.append(
                {"position": position, "dataset": dataset, "concept": f"{dataset}+++Name {position}", "class": ""}
            )
            concepts.append({**own[-1], "task": number})
        digest = f"{number}"
        stored[digest] = json.dumps({"task": number, "concepts": own}).encode()
        tasks.append(SimpleNamespace(concepts=size, digest=digest))
    return SimpleNamespace(tasks=tasks), stored, concepts


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=6),
    st.integers(0, 40),
    st.integers(1, 12),
    st.sampled_from(["", "cifar100", "CIFAR100", "mine", "nothing"]),
    st.sampled_from(["", "name 1", "NAME", "cifar100+++", "ß"]),
)
def test_a_page_is_a_slice_of_what_the_filters_leave(
    sizes: list[int], offset: int, limit: int, dataset: str, text: str
) -> None:
    record, stored, concepts = documents(sizes)
    reads = []

    async def read(digest: str) -> bytes:
        reads.append(digest)
        return stored[digest]

    found = asyncio.run(find_rows(record, read, Filters(dataset, text), offset, limit))
    left = [
        each
        for each in concepts
        if dataset.lower() in ("", each["dataset"].lower()) and text.lower() in each["concept"].lower()
    ]
    assert found.total == len(left)
    assert found.rows == left[offset : offset + limit]
    if not dataset and not text:
        assert len(reads) == len({each["task"] for each in found.rows})
