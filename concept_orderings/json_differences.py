"""Where two JSON values differ, by JSON pointers."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from concept_orderings.checks import escape_pointer

ABSENT: Final = object()
"""The value at a place that one of two JSON values does not have."""

_MOST_CHARACTERS = 200


@dataclass(frozen=True)
class Difference:
    """A place at which two JSON values differ.

    Attributes
    ----------
    pointer : str
        JSON pointer to the place in the first value; in the second, if the first does not have the place.
    first, second : object
        The values there; `ABSENT` where there is none.
    """

    pointer: str
    first: object
    second: object

    @property
    def is_addition(self) -> bool:
        """Whether only one of the two has the place."""
        return self.first is ABSENT or self.second is ABSENT


def differences(first: object, second: object, pointer: str = "") -> Iterator[Difference]:
    """Yield the places at which two JSON values differ, the deepest that say all, in the order of the first.

    Objects are compared name by name. Of arrays, those of objects with a ``name`` each are compared by name, others of
    equally many objects or arrays place by place, and all others as a whole.

    Parameters
    ----------
    first, second
        As `json.loads` returns them.
    pointer
        JSON pointer to both.
    """
    # Equal values of different types, such as 1 and true, differ in JSON.
    if first == second and _kind(first) == _kind(second) and not isinstance(first, list | dict):
        return
    if isinstance(first, dict) and isinstance(second, dict):
        yield from _of_objects(first, second, pointer)
    elif isinstance(first, list) and isinstance(second, list):
        yield from _of_arrays(first, second, pointer)
    else:
        yield Difference(pointer, first, second)


def as_text(value: object, most: int = _MOST_CHARACTERS) -> str | None:
    """Return a value as JSON of at most `most` characters, the last of which is … if there are more; None if absent."""
    if value is ABSENT:
        return None
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= most else text[: most - 1] + "…"


def _of_objects(first: Mapping[str, Any], second: Mapping[str, Any], pointer: str) -> Iterator[Difference]:
    for name in (*first, *(each for each in second if each not in first)):
        place = f"{pointer}/{escape_pointer(name)}"
        yield from differences(first.get(name, ABSENT), second.get(name, ABSENT), place)


def _of_arrays(first: Sequence[Any], second: Sequence[Any], pointer: str) -> Iterator[Difference]:
    if _have_names(first) and _have_names(second):
        others = {each["name"]: (i, each) for i, each in enumerate(second)}
        for i, each in enumerate(first):
            _, other = others.pop(each["name"], (0, ABSENT))
            yield from differences(each, other, f"{pointer}/{i}")
        for i, other in others.values():
            yield Difference(f"{pointer}/{i}", ABSENT, other)
    elif len(first) == len(second) and all(isinstance(each, list | dict) for each in (*first, *second)):
        for i, (each, other) in enumerate(zip(first, second, strict=True)):
            yield from differences(each, other, f"{pointer}/{i}")
    elif len(first) != len(second) or any(_differ(*pair) for pair in zip(first, second, strict=True)):
        yield Difference(pointer, first, second)


def _differ(first: object, second: object) -> bool:
    return next(differences(first, second), None) is not None


def _have_names(values: Sequence[Any]) -> bool:
    names = [each["name"] for each in values if isinstance(each, dict) and isinstance(each.get("name"), str)]
    return len(set(names)) == len(values)


def _kind(value: object) -> type:
    return bool if isinstance(value, bool) else float if isinstance(value, int | float) else type(value)
