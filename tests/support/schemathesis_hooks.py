"""What Schemathesis needs to know of this service; it runs in an environment of its own, and imports this file.

A failure of `positive_data_acceptance` counts only if a schema could have refused the request: see
`support.several_fields`. JSON Schema counts 1.0 as an integer too, and the service only numbers without a point.
"""

import io
import json
import re
import zipfile
from typing import Any

import schemathesis
from schemathesis.openapi.checks import JsonSchemaError, RejectedPositiveData

from support.several_fields import is_beside_the_schema

_NAME = re.compile("[a-z0-9][a-z0-9._-]{0,127}")
"""What the document says of names in paths. Sequences of requests also take others, from other answers."""

schemathesis.serializer.alias(["application/jsonl", "application/x-ndjson"], "text/plain")


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Return whether a failure counts."""
    if isinstance(failure, JsonSchemaError) and response.headers["content-type"][0].startswith("text/event-stream"):
        # The schema is that of the text. It is taken for that of an event, for which OpenAPI 3.1 has no keyword.
        return False
    if not isinstance(failure, RejectedPositiveData):
        return True
    return not all(
        is_beside_the_schema(response.status_code, each["code"], each["detail"])
        or (each["code"].endswith("_name") and not _NAME.fullmatch(str(case.path_parameters.get("name"))))
        or any(_is_with_a_point(case.body, pointer) for pointer in each["pointers"])
        for each in response.json()["errors"]
    )


def _is_with_a_point(value: Any, pointer: str) -> bool:
    """Return whether a pointer leads to an integer of JSON Schema that is written with a point."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return False
    return isinstance(value, float) and value.is_integer()


@schemathesis.deserializer("application/x-ndjson")
def read_lines(context: Any, response: Any) -> Any:
    """Return the value of the first line; each line must be JSON, and the schema is that of a line."""
    values = [json.loads(line) for line in response.content.splitlines()]
    return values[0]


@schemathesis.deserializer("application/zip")
def read_zip(context: Any, response: Any) -> Any:
    """Return the archive, which must be whole, as the text that stands for bytes in the document."""
    assert zipfile.ZipFile(io.BytesIO(response.content)).testzip() is None
    return response.content.decode("latin-1")
