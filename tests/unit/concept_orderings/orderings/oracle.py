"""What the tests of orderings share: a request, the sort key, and a sort that uses no library."""

import hashlib
from typing import Any

from concept_orderings.orderings import ORDERINGS
from unit.concept_orderings.strategies import Body, example_of


def block(kind: str, datasets: int = 3, classes: int = 20, **parameters: object) -> Body:
    """Return a request whose evidence is the same for all concepts, or for all concepts of an ordering's own."""
    ordering = {**example_of(kind), **parameters}
    if ORDERINGS[kind].has_own_concepts:
        return {"name": "block", "ordering": ordering, "tasks": {"count": 1}}
    names = [f"class {i:02}" for i in range(classes)]
    lists = [
        {
            "name": f"D{i}",
            "classes": names,
            "year": 2000,
            "template": "A {}.",
            "scores": 1,
            "counts": dict.fromkeys(names, 7),
        }
        for i in range(datasets)
    ]
    return {"name": "block", "datasets": lists, "ordering": ordering, "tasks": {"count": 1}}


def sort_key(kind: str, seed: int, identifier: str) -> str:
    """Return the sort key as docs/orderings.md defines it, in hexadecimal."""
    return hashlib.sha256(f"{kind}/{ORDERINGS[kind].version}/{seed}/{identifier}".encode()).hexdigest()


def selected(concepts: list[str], key: Any) -> list[str]:
    """Sort by repeatedly taking the smallest item, without the sort of a library."""
    left, taken = list(concepts), []
    while left:
        smallest = left[0]
        for each in left:
            if key(each) < key(smallest):
                smallest = each
        left.remove(smallest)
        taken.append(smallest)
    return taken
