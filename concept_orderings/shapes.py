"""Shapes of JSON values: one declaration for the check of requests and for the JSON Schema of the API.

A shape defines a set of JSON values, and the error for a value outside it. Rules over several fields, such as that
counts may be given only for classes in the list, are checked by the code that reads the fields.
"""

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeAlias

from concept_orderings.canonical import LARGEST_INTEGER, Json
from concept_orderings.checks import escape_pointer, is_integer, is_number, wrong_type
from concept_orderings.errors import InvalidInput
from concept_orderings.faults import Faults
from concept_orderings.text import schema_pattern, shown

JsonSchema: TypeAlias = dict[str, Any]
_Search: TypeAlias = Callable[[str], "re.Match[str] | None"]


@dataclass(frozen=True)
class Refusal:
    """The error for a value that does not fit a shape.

    Attributes
    ----------
    error : type of InvalidInput
    code : str
        Its stable code.
    sentence : str
        Its detail. ``{value}`` is replaced by the first value that does not fit, ``{length}`` by the length of an
        array.
    """

    error: type[InvalidInput]
    code: str
    sentence: str

    def of(self, value: object, pointers: Iterable[str]) -> InvalidInput:
        """Return the error for a value; other values at fault may be among the pointers."""
        detail = self.sentence
        if "{value}" in detail:
            detail = detail.replace("{value}", shown(str(value)))
        if "{length}" in detail and isinstance(value, list | tuple):
            detail = detail.replace("{length}", f"{len(value):,}")
        return self.error(self.code, detail, pointers)


@dataclass(frozen=True)
class Mismatch:
    """One value that does not fit a shape.

    Attributes
    ----------
    refusal : Refusal or str
        The error; a string is short for the error ``wrong_type``, and is the JSON type that was expected.
    value : object
        The value that does not fit.
    pointer : str
        Its place in the request (RFC 6901).
    """

    refusal: Refusal | str
    value: object
    pointer: str


class Shape(ABC):
    """A set of JSON values."""

    @abstractmethod
    def mismatches(self, value: object, pointer: str) -> Iterator[Mismatch]:
        """Yield the values inside `value`, or `value` itself, that do not fit, in their order in it."""

    @abstractmethod
    def json_schema(self) -> JsonSchema:
        """Return the JSON Schema (draft 2020-12) that matches exactly the values of this shape."""

    def check(self, value: object, pointer: str) -> None:
        """Refuse a value that does not fit.

        Raises
        ------
        InvalidInput
            The first fault, which carries all others: see `find_faults`.
        """
        faults = Faults()
        self.find_faults(value, pointer, faults)
        faults.refuse()

    def find_faults(self, value: object, pointer: str, faults: Faults) -> None:
        """Add the faults of a value that does not fit.

        First ``wrong_type`` for each value of another JSON type than expected; then each other error, with pointers to
        all mismatches that have it.
        """
        first: dict[Refusal, Mismatch] = {}
        for each in self.mismatches(value, pointer):
            if isinstance(each.refusal, str):
                faults.add_made("wrong_type", partial(wrong_type, each.refusal, each.value, each.pointer))
            else:
                first.setdefault(each.refusal, each)
        for refusal, mismatch in first.items():
            alike = (each.pointer for each in self.mismatches(value, pointer) if each.refusal == refusal)
            faults.add(refusal.of(mismatch.value, alike))


@dataclass(frozen=True)
class Integer(Shape):
    """An integer from `minimum` to `maximum`; a boolean is not an integer."""

    refusal: Refusal
    minimum: int = -LARGEST_INTEGER
    maximum: int = LARGEST_INTEGER

    def mismatches(self, value: object, pointer: str) -> Iterator[Mismatch]:
        """See `Shape.mismatches`."""
        if not is_integer(value) or not self.minimum <= value <= self.maximum:
            yield Mismatch(self.refusal, value, pointer)

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class Number(Shape):
    """A number from `minimum` to `maximum`; by default any finite one that fits a float."""

    refusal: Refusal
    # JSON has numbers beyond what a float holds.
    minimum: float = -sys.float_info.max
    maximum: float = sys.float_info.max

    def mismatches(self, value: object, pointer: str) -> Iterator[Mismatch]:
        """See `Shape.mismatches`."""
        if not is_number(value) or not self.minimum <= value <= self.maximum:
            yield Mismatch(self.refusal, value, pointer)

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`."""
        return {"type": "number", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class Boolean(Shape):
    """True or false."""

    def mismatches(self, value: object, pointer: str) -> Iterator[Mismatch]:
        """See `Shape.mismatches`."""
        if not isinstance(value, bool):
            yield Mismatch("a boolean", value, pointer)

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Choice(Shape):
    """One of several strings."""

    refusal: Refusal
    choices: tuple[str, ...]

    def mismatches(self, value: object, pointer: str) -> Iterator[Mismatch]:
        """See `Shape.mismatches`."""
        if not isinstance(value, str):
            yield Mismatch("a string", value, pointer)
        elif value not in self.choices:
            yield Mismatch(self.refusal, value, pointer)

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`."""
        return {"type": "string", "enum": list(self.choices)}


@dataclass(frozen=True)
class Text(Shape):
    r"""A string in which all of `patterns` are found, and none of `without`.

    Attributes
    ----------
    refusal : Refusal
    patterns : tuple of str
        Regular expressions; they match anywhere unless they are anchored. Python and ECMA-262 must read them in the
        same way, because both the check and the clients' validators use them. They have no lookaround and no ``\u``
        escapes, which RE2 and the engines of Go and Rust refuse to compile.
    without : tuple of str
        Regular expressions of forbidden text.
    type_refusal : Refusal or str
        For a value that is not a string.
    sufficient : str
        A regular expression that matches, as a whole, only strings that fit. It is for speed: the strings that it
        matches need no other search.
    """

    refusal: Refusal
    patterns: tuple[str, ...]
    without: tuple[str, ...] = ()
    type_refusal: Refusal | str = "a string"
    sufficient: str = ""

    def fits(self, value: str) -> bool:
        """Tell whether a string fits."""
        if self._matches is not None and self._matches(value) is not None:
            return True
        required, forbidden = self._searches
        # Loops take half the time of `all` and `any`.
        for search in required:
            if search(value) is None:
                return False
        for search in forbidden:  # noqa: SIM110
            if search(value) is not None:
                return False
        return True

    def check(self, value: object, pointer: str) -> None:
        """See `Shape.check`. Strings that fit are checked fast, because a request may have a million names."""
        if not (isinstance(value, str) and self.fits(value)):
            super().check(value, pointer)

    def mismatches(self, value: object, pointer: str) -> Iterator[Mismatch]:
        """See `Shape.mismatches`."""
        if not isinstance(value, str):
            yield Mismatch(self.type_refusal, value, pointer)
        elif not self.fits(value):
            yield Mismatch(self.refusal, value, pointer)

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`. The schema allows some rare characters that the shape does not: `schema_pattern`."""
        schema: JsonSchema = {"type": "string"}
        required = [{"pattern": schema_pattern(each)} for each in self.patterns]
        if len(required) == 1:
            schema |= required[0]
        elif required:
            schema["allOf"] = required
        forbidden = [{"pattern": schema_pattern(each)} for each in self.without]
        if len(forbidden) == 1:
            schema["not"] = forbidden[0]
        elif forbidden:
            schema["not"] = {"anyOf": forbidden}
        return schema

    @cached_property
    def _searches(self) -> tuple[list[_Search], list[_Search]]:
        """The searches that must find something, and those that must not."""
        return [re.compile(each).search for each in self.patterns], [re.compile(each).search for each in self.without]

    @cached_property
    def _matches(self) -> _Search | None:
        """Tell whether `sufficient` matches a string; None without such a pattern."""
        return re.compile(self.sufficient).fullmatch if self.sufficient else None


@dataclass(frozen=True)
class Items(Shape):
    """An array of `fewest` to `most` items of one shape.

    Attributes
    ----------
    item : Shape
    length_refusal : Refusal
        For an array that is too short or too long.
    type_refusal : Refusal or str
        For a value that is not an array.
    unique : bool
        Whether the JSON Schema says that items are unique. The code that reads the field checks it, because its error
        points to both places of an item.
    """

    item: Shape
    length_refusal: Refusal
    type_refusal: Refusal | str = "an array"
    fewest: int = 1
    most: int | None = None
    unique: bool = False

    def mismatches(self, value: object, pointer: str) -> Iterator[Mismatch]:
        """See `Shape.mismatches`."""
        if not isinstance(value, list | tuple):
            yield Mismatch(self.type_refusal, value, pointer)
        elif len(value) < self.fewest or (self.most is not None and len(value) > self.most):
            yield Mismatch(self.length_refusal, value, pointer)
        else:
            for i, each in enumerate(value):
                yield from self.item.mismatches(each, f"{pointer}/{i}")

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`."""
        schema: JsonSchema = {"type": "array", "items": self.item.json_schema(), "minItems": self.fewest}
        if self.most is not None:
            schema["maxItems"] = self.most
        return {**schema, "uniqueItems": True} if self.unique else schema


@dataclass(frozen=True)
class ByClass(Shape):
    """An object whose names are class names and whose values have one shape."""

    value: Shape
    type_refusal: Refusal | str = "an object"

    def mismatches(self, value: object, pointer: str) -> Iterator[Mismatch]:
        """See `Shape.mismatches`."""
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            yield Mismatch(self.type_refusal, value, pointer)
        else:
            for name, each in value.items():
                yield from self.value.mismatches(each, f"{pointer}/{escape_pointer(name)}")

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`."""
        return {"type": "object", "additionalProperties": self.value.json_schema()}


@dataclass(frozen=True)
class Either(Shape):
    """A value of one of several shapes that have different JSON types.

    Attributes
    ----------
    shapes : tuple of Shape
    type_refusal : Refusal or str
        For a value of any other JSON type.
    """

    shapes: tuple[Shape, ...]
    type_refusal: Refusal | str

    def mismatches(self, value: object, pointer: str) -> Iterator[Mismatch]:
        """See `Shape.mismatches`."""
        for shape in self.shapes:
            if _has_type_of(shape, value):
                yield from shape.mismatches(value, pointer)
                return
        yield Mismatch(self.type_refusal, value, pointer)

    def json_schema(self) -> JsonSchema:
        """See `Shape.json_schema`."""
        return {"anyOf": [each.json_schema() for each in self.shapes]}


@dataclass(frozen=True)
class RequestField:
    """One field of an object in a request.

    Attributes
    ----------
    name : str
    shape : Shape
        The values that it may have. For an optional field, null is the same as leaving the field out.
    description : str
        For the OpenAPI document.
    examples : tuple
        JSON values, for the OpenAPI document.
    """

    name: str
    shape: Shape
    description: str
    examples: tuple[Json, ...] = ()


def _has_type_of(shape: Shape, value: object) -> bool:
    """Tell whether a value has the JSON type of a shape's values."""
    match shape:
        case Integer() | Number():
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Boolean():
            return isinstance(value, bool)
        case Text() | Choice():
            return isinstance(value, str)
        case Items():
            return isinstance(value, list | tuple)
        case ByClass():
            return isinstance(value, Mapping)
        case _:
            return False
