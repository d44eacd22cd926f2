"""Compare the schemas of requests in the API's document with the check of requests.

`SEVERAL_FIELDS` lists everything that only a rule over several fields can refuse: a schema refuses exactly the bodies
with any other fault.
"""

import json
from functools import cache
from typing import Any

import jsonschema

from app import openapi
from concept_orderings.errors import Fault, InvalidInput

SEVERAL_FIELDS: tuple[tuple[str, str], ...] = (
    # A dataset and its other name.
    ("duplicate_concept", "put its classes into one list"),
    # Values for the classes of the list beside them.
    ("bad_score", "is not among the dataset's classes"),
    ("bad_count", "is not among the dataset's classes"),
    ("bad_query", "is not among the dataset's classes"),
    ("bad_synonyms", "is not among the dataset's classes"),
    ("bad_samples", "is not among the dataset's classes"),
    # A sum over class lists, and a fraction that is computed with all of them.
    ("bad_samples", "The samples of all classes add up to"),
    ("bad_samples", "too many different denominators"),
    # Synonyms beside the name of their class, and their queries.
    ("bad_synonyms", "is the name of the class"),
    ("conflicting_fields", "are given with its name and in synonyms"),
    ("bad_query", "spellings, and a query has at most"),
    # Parameters that depend on each other, on the class lists, or on the calendar.
    ("bad_parameter", "Counts are given for "),
    ("bad_parameter", "Queries are given for "),
    ("bad_parameter", "Scores are given for "),
    ("bad_parameter", "Give either one source of scores, or several"),
    ("bad_parameter", "counts nothing again"),
    ("bad_parameter", "takes no queries; leave query_form out"),
    ("bad_parameter", "A refresh sets counted_since itself"),
    ("bad_parameter", "counted_since is not a time that exists"),
    ("bad_parameter", "refine may move the ends of a path"),
    ("bad_parameter", "The path is to start at "),
    ("bad_parameter", "The order has "),
    ("bad_parameter", "The order lacks "),
    ("bad_parameter", " datasets in order "),
    ("bad_parameter", "The order of datasets lacks "),
    # Names, and lists of classes, that the catalogue does not have.
    ("missing_classes", ""),
    ("no_class_list", ""),
    ("unknown_class", ""),
    ("unknown_dataset", ""),
    # Concepts that a published stream does not have.
    ("not_in_published_stream", ""),
    # A split of as many concepts as there are.
    ("bad_task_count", "concepts cannot be cut into"),
    ("bad_task_sizes", "The task sizes add up to"),
    ("too_many_tasks", ""),
    # A budget without a whole batch, shares that do not add up, and those that are no decimals or fractions of a share.
    ("no_steps", ""),
    ("bad_mixture", ""),
    ("bad_share", "digits behind the point"),
    # Evidence that the ordering needs, and that neither the lists nor the catalogue have.
    ("missing_years", ""),
    ("missing_scores", ""),
    ("missing_counts", ""),
    ("missing_templates", ""),
    ("missing_samples", ""),
)
"""Code, and a part of the sentence, of each refusal that a schema cannot express."""


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
        assert fits(component, body) == all(map(_is_over_several_fields, faults)), faults


def _is_over_several_fields(fault: Fault) -> bool:
    return any(fault.code == code and part in fault.detail for code, part in SEVERAL_FIELDS)


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
