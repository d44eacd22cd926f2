"""Shapes of JSON values: declared once, read by the check of requests and by the JSON Schema in the API's document.

A shape says which values fit, and how a value that does not fit is refused. What only a rule over several fields can
refuse, such as a count for a class that is not in the list, is left to the code that reads the fields.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from concept_orderings.canonical import LARGEST_INTEGER, Json
from concept_orderings.checks import escape_pointer, is_integer, is_number, wrong_type
from concept_orderings.errors import InvalidInput
from concept_orderings.text import shown

JsonSchema: TypeAlias = dict[str, Any]
_Search: TypeAlias = Callable[[str], "re.Match[str] | None"]


@dataclass(frozen=True)
class Refusal:
    """How a value that does not fit is refused.

    Attributes
    ----------
    error : type of InvalidInput
    code : str
        The error's stable code.
    sentence : str
        Its detail; ``{value}`` stands for the first value that does not fit, ``{length}`` for its length.
    """

    error: type[InvalidInput]
    code: str
    sentence: str


@dataclass(frozen=True)
class Fault:
    """One value that does not fit.

    Attributes
    ----------
    refusal : Refusal or str
        How it is refused; a string is the JSON type that was expected (``wrong_type``).
    value : object
    pointer : str
        Where it stands (RFC 6901).
    """

    refusal: Refusal | str
    value: object
    pointer: str


class Shape(ABC):
    """A set of JSON values."""

    @abstractmethod
    def faults(self, value: object, pointer: str) -> Iterator[Fault]:
        """Yield what does not fit, in the order in which it stands in the value."""

    @abstractmethod
    def json_schema(self) -> JsonSchema:
        """Return the JSON Schema (draft 2020-12) that exactly the values of this shape match."""

    def check(self, value: object, pointer: str) -> None:
        """Refuse a value that does not fit.

        Raises
        ------
        InvalidInput
            That of the first fault, with pointers to all faults that are refused in the same way.
        """
        faults = self.faults(value, pointer)
        first = next(faults, None)
        if first is None:
            return
        if isinstance(first.refusal, str):
            raise wrong_type(first.refusal, first.value, first.pointer)
        alike = (each.pointer for each in faults if each.refusal == first.refusal)
        detail = first.refusal.sentence
        if "{value}" in detail:
            detail = detail.replace("{value}", shown(str(first.value)))
        if "{length}" in detail and isinstance(first.value, list | tuple):
            detail = detail.replace("{length}", f"{len(first.value):,}")
        raise first.refusal.error(first.refusal.code, detail, (first.pointer, *alike))


@dataclass(frozen=True)
class Integer(Shape):
    """An integer from `minimum` to `maximum`; a boolean is none."""

    refusal: Refusal
    minimum: int = -LARGEST_INTEGER
    maximum: int = LARGEST_INTEGER

    def faults(self, value: object, pointer: str) -> Iterator[Fault]:
        """See `Shape.faults`."""
        if not is_integer(value) or not self.minimum <= value <= self.maximum:
            yield Fault(self.refusal, value, pointer)

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class Number(Shape):
    """A number that a float holds."""

    refusal: Refusal

    def faults(self, value: object, pointer: str) -> Iterator[Fault]:
        """See `Shape.faults`."""
        if not is_number(value):
            yield Fault(self.refusal, value, pointer)

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`."""
        return {"type": "number"}


@dataclass(frozen=True)
class Boolean(Shape):
    """True or false."""

    def faults(self, value: object, pointer: str) -> Iterator[Fault]:
        """See `Shape.faults`."""
        if not isinstance(value, bool):
            yield Fault("a boolean", value, pointer)

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Text(Shape):
    """A string in which each of `patterns` is found, and none of `without`.

    Attributes
    ----------
    refusal : Refusal
    patterns : tuple of str
        Regular expressions, anchored where they say so. They use what Python and ECMA-262 read alike, since the check
        and the clients' validators both use them.
    without : tuple of str
        Regular expressions of what is forbidden.
    type_refusal : Refusal or str
        For a value that is no string.
    """

    refusal: Refusal
    patterns: tuple[str, ...]
    without: tuple[str, ...] = ()
    type_refusal: Refusal | str = "a string"

    def fits(self, value: str) -> bool:
        """Tell whether a string fits."""
        required, forbidden = self._searches
        # Loops, since they take half the time of `all` and `any`.
        for search in required:
            if search(value) is None:
                return False
        for search in forbidden:  # noqa: SIM110
            if search(value) is not None:
                return False
        return True

    def check(self, value: object, pointer: str) -> None:
        """See `Shape.check`; quick for what fits, since there may be a million names."""
        if not (isinstance(value, str) and self.fits(value)):
            super().check(value, pointer)

    def faults(self, value: object, pointer: str) -> Iterator[Fault]:
        """See `Shape.faults`."""
        if not isinstance(value, str):
            yield Fault(self.type_refusal, value, pointer)
        elif not self.fits(value):
            yield Fault(self.refusal, value, pointer)

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`."""
        schema: JsonSchema = {"type": "string"}
        if len(self.patterns) == 1:
            schema["pattern"] = self.patterns[0]
        elif self.patterns:
            schema["allOf"] = [{"pattern": each} for each in self.patterns]
        forbidden = [{"pattern": each} for each in self.without]
        if len(forbidden) == 1:
            schema["not"] = forbidden[0]
        elif forbidden:
            schema["not"] = {"anyOf": forbidden}
        return schema

    @cached_property
    def _searches(self) -> tuple[list[_Search], list[_Search]]:
        """What must be found, and what must not."""
        return [re.compile(each).search for each in self.patterns], [re.compile(each).search for each in self.without]


@dataclass(frozen=True)
class Items(Shape):
    """An array of `fewest` to `most` items of one shape.

    Attributes
    ----------
    item : Shape
    length_refusal : Refusal
        For an array that is too short or too long.
    type_refusal : Refusal or str
        For a value that is no array.
    unique : bool
        Whether clients are told that no item may stand there twice. The rule itself is checked by the code that reads
        the field, which names both places.
    """

    item: Shape
    length_refusal: Refusal
    type_refusal: Refusal | str = "an array"
    fewest: int = 1
    most: int | None = None
    unique: bool = False

    def faults(self, value: object, pointer: str) -> Iterator[Fault]:
        """See `Shape.faults`."""
        if not isinstance(value, list | tuple):
            yield Fault(self.type_refusal, value, pointer)
        elif len(value) < self.fewest or (self.most is not None and len(value) > self.most):
            yield Fault(self.length_refusal, value, pointer)
        else:
            for i, each in enumerate(value):
                yield from self.item.faults(each, f"{pointer}/{i}")

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`."""
        schema: JsonSchema = {"type": "array", "items": self.item.json_schema(), "minItems": self.fewest}
        if self.most is not None:
            schema["maxItems"] = self.most
        return {**schema, "uniqueItems": True} if self.unique else schema


@dataclass(frozen=True)
class ByClass(Shape):
    """An object of class name to values of one shape."""

    value: Shape
    type_refusal: Refusal | str = "an object"

    def faults(self, value: object, pointer: str) -> Iterator[Fault]:
        """See `Shape.faults`."""
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            yield Fault(self.type_refusal, value, pointer)
        else:
            for name, each in value.items():
                yield from self.value.faults(each, f"{pointer}/{escape_pointer(name)}")

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`."""
        return {"type": "object", "additionalProperties": self.value.json_schema()}


@dataclass(frozen=True)
class Either(Shape):
    """A value of one of several shapes, which have different JSON types.

    Attributes
    ----------
    shapes : tuple of Shape
    type_refusal : Refusal or str
        For a value that has none of their types.
    """

    shapes: tuple[Shape, ...]
    type_refusal: Refusal | str

    def faults(self, value: object, pointer: str) -> Iterator[Fault]:
        """See `Shape.faults`."""
        for shape in self.shapes:
            if _has_type_of(shape, value):
                yield from shape.faults(value, pointer)
                return
        yield Fault(self.type_refusal, value, pointer)

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`."""
        return {"anyOf": [each.json_schema() for each in self.shapes]}


@dataclass(frozen=True)
class Declared:
    """One field of an object in a request.

    Attributes
    ----------
    name : str
    shape : Shape
        What it may be; null is the same as leaving an optional field out.
    description : str
        For the API's document.
    examples : tuple
        JSON values, for the API's document.
    """

    name: str
    shape: Shape
    description: str
    examples: tuple[Json, ...] = ()


def _has_type_of(shape: Shape, value: object) -> bool:
    """Tell whether a value has the JSON type that a shape's values have."""
    match shape:
        case Integer() | Number():
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Boolean():
            return isinstance(value, bool)
        case Text():
            return isinstance(value, str)
        case Items():
            return isinstance(value, list | tuple)
        case ByClass():
            return isinstance(value, Mapping)
        case _:
            return False
