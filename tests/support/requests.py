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


def fomo_request(name: str) -> dict[str, Any]:
    """Return a request for a stream that the FoMo-in-Flux benchmark can be given: it knows all classes."""
    return {
        "name": name,
        "datasets": [{"name": "cifar100"}],
        "ordering": {"kind": "random", "seed": 5},
        "tasks": {"count": 5},
    }
