"""Requests for tests to post."""

from typing import Any


def random_request(name: str, *, seed: int = 0, concepts: int = 4, tasks: int = 2, **more: object) -> dict[str, Any]:
    """Return a request that needs no evidence."""
    return {
        "name": name,
        "concepts": [f"OWN+++class {i:05d}" for i in range(concepts)],
        "ordering": {"kind": "random", "seed": seed, **more},
        "tasks": {"count": tasks},
    }
