"""Valid requests, and a function that changes them."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import make_dataclass
from typing import Any

from concept_orderings.orderings import ORDERINGS, Ordering
from unit.concept_orderings.strategies import Body

FIRST = "/datasets/0"
"""JSON pointer to the first dataset of a body."""


def right() -> Body:
    """Return a request with all evidence, for datasets that are not in the catalogue."""
    return {
        "name": "first",
        "datasets": [
            {
                "name": "ONE",
                "classes": ["a", "b", "c"],
                "year": 2001,
                "template": "A {}.",
                "scores": {"a": 0.5, "b": 0.25, "c": 0},
                "counts": {"a": 3, "b": 2, "c": 1},
            },
            {"name": "TWO", "classes": ["a"], "year": 2002, "template": "{}", "scores": 4, "counts": {"a": 0}},
        ],
        "ordering": {"kind": "random"},
        "tasks": {"count": 2},
    }


def listed() -> Body:
    """Return a request with concepts instead of datasets."""
    return {"name": "first", "concepts": ["A+++a"], "ordering": {"kind": "random"}, "tasks": {"count": 1}}


def counted() -> Body:
    """Return the valid request without counts, and with the source "c4"."""
    body = {**right(), "ordering": {"kind": "frequency", "source": "c4"}}
    for each in body["datasets"]:
        del each["counts"]
    return body


def scored() -> Body:
    """Return the valid request without scores, to be ordered by scores that have a name."""
    body = {**right(), "ordering": {"kind": "performance", "source": "a-model"}}
    for each in body["datasets"]:
        del each["scores"]
    return body


def changed(changes: Mapping[str, object], base: Callable[[], Body] = right) -> Any:
    """Return a body with the values at some JSON pointers set, or left out where the value is ``...``.

    The pointer "" is that of the whole body.
    """
    whole: Any = {"": copy.deepcopy(base())}
    for pointer, value in changes.items():
        *parents, last = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")]
        place = whole
        for token in parents:
            place = place[_key(place, token)]
        if value is ...:
            del place[_key(place, last)]
        else:
            place[_key(place, last)] = copy.deepcopy(value)
    return whole[""]


def with_parameter(kind: str, name: str, declared: object) -> type[Ordering]:
    """Return the ordering of a kind with one more parameter, as a later release may have it."""
    return make_dataclass("Later", [(name, Any, declared)], bases=(ORDERINGS[kind],), frozen=True, kw_only=True)


def _key(place: object, token: str) -> int | str:
    return int(token) if isinstance(place, list) else token
