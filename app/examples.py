"""Requests for the documentation; each can be posted unchanged."""

from typing import Any

from concept_orderings.canonical import Json
from concept_orderings.request import parse_request

STREAM_NAME = "first-steps"

_ANIMALS: dict[str, Json] = {
    "name": "cifar100",
    "classes": ["bear", "beaver", "dolphin", "otter"],
}
_FLOWERS: dict[str, Json] = {"name": "flowers102", "classes": ["daffodil", "sunflower", "water lily"]}
_OWN: dict[str, Json] = {
    "name": "my-gadgets",
    "classes": ["e-reader", "smart ring", "game console"],
    "year": 2024,
    "template": "A product photo of a {}.",
    "scores": {"e-reader": 71.5, "smart ring": 12.0, "game console": 88.2},
    "counts": {"e-reader": 91042, "smart ring": 388, "game console": 402113},
}

EXAMPLE_LABELS = "cee02d40c62e4187e8847cdfc822ec10dfbba857a604e43694d9373177e043da"
"""The digest of the labels of the first request. It is written down, because computing it would slow each start."""


def _example(summary: str, value: dict[str, Json]) -> dict[str, Json]:
    return {"summary": summary, "value": value}


REQUESTS: dict[str, Any] = {
    "time": _example(
        "By time: years from the catalogue and the request",
        {
            "name": STREAM_NAME,
            "datasets": [_ANIMALS, _FLOWERS, _OWN],
            "ordering": {"kind": "time", "within_year": "shuffle"},
            "tasks": {"by": "year"},
        },
    ),
    "random": _example(
        "At random, from the concepts of a FoMo-in-Flux stream",
        {
            "name": "at-random",
            "concepts": ["CIFAR100+++bear", "CIFAR100+++otter", "FLOWERS102+++daffodil", "DTD+++striped"],
            "ordering": {"kind": "random", "seed": 7},
            "tasks": {"count": 2},
        },
    ),
    "frequency": _example(
        "Rarest first, with counts in the request",
        {
            "name": "rarest-first",
            "datasets": [_OWN],
            "ordering": {"kind": "frequency", "source": "request"},
            "tasks": {"sizes": [1, 2]},
        },
    ),
    "performance": _example(
        "Hard to easy: performance, reversed",
        {
            "name": "hard-to-easy",
            "datasets": [_ANIMALS, _OWN],
            "ordering": {"kind": "performance", "reverse": True},
            "tasks": {"count": 3},
        },
    ),
    "similarity": _example(
        "Most similar next",
        {
            "name": "similar-next",
            "datasets": [_ANIMALS, _FLOWERS],
            "ordering": {"kind": "similarity", "encoder": "minilm"},
            "tasks": {"count": 2},
        },
    ),
    "typicality": _example(
        "Least typical first",
        {
            "name": "least-typical",
            "datasets": [_ANIMALS, _FLOWERS],
            "ordering": {"kind": "typicality", "encoder": "minilm"},
            "tasks": {"count": 2},
        },
    ),
    "given": _example(
        "As listed: the order of the list itself",
        {
            "name": "as-listed",
            "concepts": ["CIFAR100+++otter", "DTD+++striped", "CIFAR100+++bear", "FLOWERS102+++daffodil"],
            "ordering": {"kind": "given"},
            "tasks": {"sizes": [1, 3]},
        },
    ),
    "published": _example(
        "As published: iCaRL's order of the classes of CIFAR-100, which need not be listed",
        {
            "name": "as-published",
            "ordering": {"kind": "published", "stream": "icarl/cifar100"},
            "tasks": {"count": 10},
        },
    ),
    "dataset": _example(
        "One dataset after the other",
        {
            "name": "dataset-by-dataset",
            "datasets": [_ANIMALS, _FLOWERS],
            "ordering": {"kind": "dataset", "seed": 1},
            "tasks": {"by": "dataset"},
        },
    ),
    "catalogue": _example(
        "All classes of datasets of the catalogue, which need not be listed",
        {
            "name": "textures-and-flowers",
            "datasets": [{"name": "dtd"}, {"name": "flowers102"}],
            "ordering": {"kind": "random"},
            "tasks": {"count": 5},
            "strict": True,
        },
    ),
}

EXAMPLE_REQUEST = parse_request(REQUESTS["time"]["value"])
"""The first example: once a reader of /docs has posted it, the URLs in the other examples exist."""
