"""Compare the schemas of requests in the API's document with the check of requests.

`SEVERAL_FIELDS` lists everything that only a rule over several fields can refuse: otherwise, the schema and the check
must agree.
"""

import json
from functools import cache
from typing import Any

import jsonschema

from app import openapi
from concept_orderings.errors import InvalidInput

SEVERAL_FIELDS: tuple[tuple[str, str], ...] = (
    # A dataset and its other name, or a concept in two lists.
    ("duplicate_concept", "is given twice"),
    # Values for the classes of the list beside them.
    ("bad_score", "is not among the dataset's classes"),
    ("bad_count", "is not among the dataset's classes"),
    ("bad_query", "is not among the dataset's classes"),
    # Parameters that depend on each other, on the class lists, or on the calendar.
    ("bad_parameter", "the source "),
    ("bad_parameter", "The source "),
    ("bad_parameter", "A refresh sets counted_since itself"),
    ("bad_parameter", "counted_since is not a time that exists"),
    ("bad_parameter", "refine may move the ends of a path"),
    ("bad_parameter", "which is not among the concepts"),
    ("bad_parameter", "The order has"),
    ("bad_parameter", "The order lacks"),
    # A split of as many concepts as there are.
    ("bad_task_count", "concepts cannot be cut into"),
    ("bad_task_sizes", "The task sizes add up to"),
    # Evidence that the ordering needs, and that neither the lists nor the catalogue have.
    ("missing_years", ""),
    ("missing_scores", ""),
    ("missing_counts", ""),
    ("missing_templates", ""),
)
"""Code, and a part of the sentence, of each refusal that a schema cannot express."""


def is_over_several_fields(refused: InvalidInput) -> bool:
    """Return whether a refusal comes from a rule over several fields."""
    return any(refused.code == code and part in refused.detail for code, part in SEVERAL_FIELDS)


def fits(component: str, body: object) -> bool:
    """Return whether a body fits a schema of the committed API document."""
    return fits_schema({"$ref": f"#/components/schemas/{component}"}, body)


def fits_schema(schema: dict[str, Any], value: object) -> bool:
    """Return whether a value fits a schema, which may refer to those of the committed API document."""
    valid: bool = _validator(json.dumps(schema)).is_valid(value)
    return valid


@cache
def _validator(schema_text: str) -> Any:
    document = json.loads(openapi.PATH.read_text(encoding="utf-8"))
    schema = {**json.loads(schema_text), "components": document["components"]}
    # JSON Schema counts 1.0 as an integer, as JavaScript does; requests are read by Python's json, where it is none.
    integer = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    extend: Any = jsonschema.validators.extend  # its stubs have no types for it
    return extend(jsonschema.Draft202012Validator, type_checker=integer)(schema)
