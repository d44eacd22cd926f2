"""Compare the schemas of requests in the API's document with the check of requests.

`support.several_fields` lists everything that only a rule over several fields can refuse: a schema refuses exactly the
bodies with any other fault.
"""

import json
from functools import cache
from typing import Any

import jsonschema

from app import openapi
from concept_orderings.errors import Fault, InvalidInput
from support.several_fields import is_over_several_fields


def assert_schema_agrees(component: str, body: object, refused: InvalidInput | None) -> None:
    """Check that a schema refuses a body if, and only if, it has a fault that lies in one field.

    Parameters
    ----------
    component
        The schema's name.
    body
        The body of a request.
    refused
        The error with which the check of requests refuses it; None if it is accepted.
    """
    faults = refused.faults if refused is not None else ()
    if not any(_is_of_two_names(fault) for fault in faults):
        assert fits(component, body) == all(is_over_several_fields(each.code, each.detail) for each in faults), faults


def _is_of_two_names(fault: Fault) -> bool:
    """Tell whether a concept is twice in `concepts`: as equal strings, which the schema refuses, or by two names."""
    return fault.code == "duplicate_concept" and fault.pointers[0].startswith("/concepts/")


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
