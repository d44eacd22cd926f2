"""Turn declared fields of requests into pydantic fields, whose OpenAPI schema is that of the declaration.

pydantic only writes these schemas: `concept_orderings` checks requests against the same declarations.
"""

from itertools import combinations
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from concept_orderings.shapes import JsonSchema, RequestField


def required(field: RequestField) -> Any:
    """Return the definition of a field that must be given, as `pydantic.create_model` takes it."""
    return (_type(field, field.shape.json_schema()), Field(description=field.description, examples=_examples(field)))


def optional(field: RequestField) -> Any:
    """Return the definition of a field that may be left out or null."""
    return (
        _type(field, or_null(field.shape.json_schema())),
        without_default(field.description, _examples(field)),
    )


def with_default(field: RequestField, default: bool | str) -> Any:
    """Return the definition of a field that may be left out, but not null."""
    return (
        _type(field, field.shape.json_schema()),
        Field(default, description=field.description, examples=_examples(field)),
    )


def without_default(description: str, examples: list[Any] | None = None, **constraints: Any) -> Any:
    """Return a field that may be left out and for which the document states no default.

    Generated clients send the defaults that they see, and some require a value for every field that has one.
    """
    return Field(default_factory=lambda: None, description=description, examples=examples, **constraints)


def or_null(schema: JsonSchema) -> JsonSchema:
    """Return the schema of the same values and null."""
    shapes = schema["anyOf"] if set(schema) == {"anyOf"} else [schema]
    return {"anyOf": [*shapes, {"type": "null"}]}


def exactly_one(*names: str, unless: JsonSchema | None = None) -> JsonSchema:
    """Return the schema of objects in which exactly one of `names` is present and not null.

    Objects that fit `unless` may have none of them, too.
    """
    # Not as `oneOf`, of which generators of clients make a union of two classes that lack all other fields.
    none: JsonSchema = {"properties": {name: {"type": "null"} for name in names}}
    if unless is not None:
        none = {"allOf": [none, {"not": unless}]}
    two = [
        {"required": list(pair), "properties": {name: {"not": {"type": "null"}} for name in pair}}
        for pair in combinations(names, 2)
    ]
    return {"not": {"anyOf": [none, *two]}}


def _type(field: RequestField, schema: JsonSchema) -> Any:
    return Annotated[Any, WithJsonSchema({"title": field.name.replace("_", " ").title(), **schema})]


def _examples(field: RequestField) -> list[Any] | None:
    return list(field.examples) or None
